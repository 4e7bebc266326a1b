"""`fleet-sim truth` as a user types it: apps, Home Assistant and Node-RED tell the truth, or not.

The variables `HASS` and `NODE_RED` name both programs (docs/truth-adapter.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_sim.truth.grading import Grade
from fleet_sim.truth.modes import CONTROL
from fleet_sim.truth.score import TruthResult, number_of, read_result
from tests.helpers.places import ROOT

pytestmark = [pytest.mark.long, pytest.mark.broker]
NAIVE = f"naive={sys.executable} {ROOT / 'docs' / 'examples' / 'programs' / 'naive_app.py'}"
SHORT = ("--cars", "1", "--rounds", "1", "--seed", "1", "--profile", "saic")


def graded(out: Path, *words: str) -> tuple[TruthResult, int]:
    """Return the result of a run, and its exit code; later words overrule `SHORT`."""
    command = [sys.executable, "-m", "fleet_sim", "truth", *SHORT, *words, "--out", str(out)]
    code = subprocess.run(command, check=False).returncode
    return read_result(out), code


def test_two_apps_are_graded_and_the_lie_fails_the_build(tmp_path: Path) -> None:
    """An app that believes 202 lies where the car refuses; both are fine where nothing is wrong."""
    modes = ("--mode", "key_overrides_app", "--mode", "shared_sub_stuck_consumer")
    expected = ("--expect", "control=100%", "--expect", "false_success=0")
    result, code = graded(tmp_path / "run", "app", NAIVE, *modes, *expected)
    assert code == 1
    app, naive = result.clients["app"], result.clients["naive"]
    assert app.modes[CONTROL].keys() == naive.modes[CONTROL].keys() == {Grade.TRUE}
    assert app.modes["key_overrides_app"].keys() == {Grade.TRUE}
    assert naive.modes["key_overrides_app"].keys() == {Grade.FALSE_SUCCESS}
    assert number_of(app.modes["shared_sub_stuck_consumer"]), "in a phase of its own"
    assert "key_<wbr>overrides_<wbr>app" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("client", "variable", "grades"),
    [
        ("home-assistant", "HASS", {Grade.SILENT}),
        ("node-red", "NODE_RED", {Grade.TRUE}),
    ],
)
def test_a_strangers_client_is_graded(
    client: str, variable: str, grades: set[Grade], tmp_path: Path
) -> None:
    """A car refuses: the flow shows the answer, and the lock entity shows nothing.

    Neither answers for modes of the platform, which it never asks.
    """
    if variable not in os.environ:
        pytest.skip(f"{variable} does not name a program")
    modes = ("--mode", "key_overrides_app", "--mode", "silent_success")
    result, code = graded(tmp_path / "run", client, *modes)
    assert code == 0
    found = result.clients[client]
    assert found.through == "mqtt"
    assert found.modes.keys() == {CONTROL, "key_overrides_app"}
    assert found.modes[CONTROL].keys() == {Grade.TRUE}
    assert found.modes["key_overrides_app"].keys() == grades
