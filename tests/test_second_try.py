"""Which tests have a second try, and that none passes at it unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import ROOT
from tests.helpers.second_try import TITLE

TESTS = """
from pathlib import Path
import pytest

def passes_at(number, name):
    tries = Path(__file__).with_name(name)
    tries.write_text(tries.read_text() + "." if tries.exists() else ".")
    assert len(tries.read_text()) == number, f"{name}: not yet"

def test_unit():
    passes_at(2, "unit")

@pytest.mark.broker
def test_marked():
    passes_at(2, "marked")

@pytest.mark.broker
def test_broken():
    passes_at(3, "broken")
"""


@pytest.mark.long
def test_only_tests_of_real_processes_have_a_second_try(tmp_path: Path) -> None:
    """One that passes at it is named with its first error; a unit test fails at its first try."""
    (tmp_path / "live").mkdir()
    for path in (tmp_path / "test_one.py", tmp_path / "live" / "test_other.py"):
        path.write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    broker: mosquitto\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.helpers.second_try", "-n", "1"]
    run = subprocess.run(
        [*command, "--rootdir", tmp_path, "-p", "no:cacheprovider", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "3 failed, 3 passed, 5 rerun" in run.stdout, run.stdout + run.stderr
    passed = run.stdout.partition(TITLE)[2].partition("short test summary")[0]
    for name in ("test_one.py::test_marked", "other.py::test_marked", "other.py::test_unit"):
        assert name in passed
    assert "AssertionError: marked: not yet" in passed
    assert "test_broken" not in passed
