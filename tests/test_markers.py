"""A test starts no program from outside without the marker that says so."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys

import pytest

from tests.helpers.outside_programs import DASK, PROGRAMS, refusal
from tests.helpers.places import ROOT


@pytest.mark.parametrize(
    ("marker", "program"),
    [(marker, program) for marker, programs in PROGRAMS.items() for program in programs],
)
def test_without_its_marker_a_test_finds_a_stand_in(marker: str, program: str) -> None:
    """Whatever is installed: it fails, and names the marker."""
    run = subprocess.run([program], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == f"{refusal(marker)}\n"


def test_without_its_marker_a_test_does_not_find_dask() -> None:
    """Neither in this process nor in one that it starts."""
    with pytest.raises(ImportError):
        importlib.import_module(DASK)
    run = subprocess.run(
        [sys.executable, "-c", f"import {DASK}"], capture_output=True, text=True, check=False
    )
    assert refusal("dask") in run.stderr


def test_each_marker_has_its_place_in_the_makefile(pytestconfig: pytest.Config) -> None:
    """`make test` and `make test-all` run each test once; `make quick` starts no program."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    rest, installed = (
        re.findall(rf"^{name} := (.*)$", text, re.MULTILINE)[0].split(" or ")
        for name in ("REST", "INSTALLED")
    )
    assert sorted([*rest, *installed]) == sorted({*PROGRAMS, "dask", "long"})
    used = dict(re.findall(r"^([a-z-]+): .*(?:\n\t.*)*?\n\t.* -m \"(.*?)\"", text, re.MULTILINE))
    assert used == {
        "quick": "not ($(REST) or $(INSTALLED))",
        "test": "not ($(REST))",
        "test-all": "$(REST)",
        "conformance": "other_brokers or strangers",
    }
    known = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert {*rest, *installed} <= known
