"""`fleet-sim truth` as a user types it: apps and programs of others tell the truth, or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fleet_sim.truth.grading import Grade
from fleet_sim.truth.modes import CONTROL
from fleet_sim.truth.score import TruthResult, number_of, read_result, read_unlocks
from tests.helpers.places import ROOT
from tests.helpers.strangers import HOME_ASSISTANT_PACKAGES, program_of_npm, python_with

pytestmark = [pytest.mark.long, pytest.mark.broker]
NAIVE = f"naive={sys.executable} {ROOT / 'docs' / 'examples' / 'programs' / 'naive_app.py'}"
NOTIFICATIONS = ROOT / "docs" / "examples" / "home_assistant" / "notifications.yaml"
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


def program_of(client: str) -> Path:
    """Return the program of a client that others wrote, installed where it was not."""
    if client == "node-red":
        return program_of_npm("node-red")
    if sys.version_info < (3, 13):
        pytest.skip("Home Assistant 2025.4 needs Python 3.13")
    return python_with(*HOME_ASSISTANT_PACKAGES).parent / "hass"


@pytest.mark.strangers
@pytest.mark.parametrize(
    ("client", "package", "grades"),
    [
        ("home-assistant", "", {Grade.SILENT}),
        ("home-assistant", str(NOTIFICATIONS), {Grade.TRUE}),
        ("node-red", "", {Grade.TRUE}),
    ],
    ids=["home-assistant", "home-assistant-that-notifies", "node-red"],
)
def test_a_strangers_client_is_graded(
    client: str, package: str, grades: set[Grade], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A car refuses: the flow and a notification show the answer, and the lock entity nothing.

    None answers for modes of the platform, which it never asks.
    """
    variable = {"home-assistant": "HASS", "node-red": "NODE_RED"}[client]
    monkeypatch.setenv(variable, str(program_of(client)))
    monkeypatch.setenv("HOME_ASSISTANT_PACKAGE", package)
    modes = ("--mode", "key_overrides_app", "--mode", "silent_success")
    result, code = graded(tmp_path / "run", client, *modes)
    assert code == 0
    found = result.clients[client]
    assert found.through == "mqtt"
    assert found.modes.keys() == {CONTROL, "key_overrides_app"}
    assert found.modes[CONTROL].keys() == {Grade.TRUE}
    assert found.modes["key_overrides_app"].keys() == grades
    words = {shown.text for each in read_unlocks(tmp_path / "run") for shown in each.screens}
    assert (words != {None}) == bool(package), "a notification has words"
