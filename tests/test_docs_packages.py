"""docs/packages.md: packages of modes, faults, profiles and sinks are found once installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.commands import lines
from tests.helpers.hand_made_boxes import boxes, links_to
from tests.helpers.pages import EXAMPLES
from tests.helpers.places import ROOT
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually

FROST = EXAMPLES / "packages" / "frost"
DEPOT = EXAMPLES / "packages" / "depot"
TUTORIAL = EXAMPLES / "first_failure_mode"
CARS = ["car-1", "car-2"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder into which pip has installed both packages."""
    directory = tmp_path_factory.mktemp("packages")
    frost, depot = directory / "frost", directory / "depot"
    shutil.copytree(FROST, frost)
    mode = (TUTORIAL / "fleet_wire/modes/frost.py").read_text(encoding="utf-8")
    (frost / "frost_modes.py").write_text(mode.replace("number=61", "number=1001"), "utf-8")
    shutil.copy(TUTORIAL / "fleet_sim/faults/frost.py", frost / "frost_faults.py")
    shutil.copytree(DEPOT, depot)
    shutil.copy(EXAMPLES / "profiles/two_topics.yaml", depot / "depot.yaml")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet")
    target = ("--target", f"{directory / 'site'}")
    command = (sys.executable, "-m", "pip", "install", *offline, *target, f"{frost}", f"{depot}")
    subprocess.run(command, check=True)
    return directory / "site"


def run_beside(site: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run one of our programs where the packages of a folder are installed."""
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((f"{site}", f"{ROOT}"))},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_mode_and_its_fault_come_from_two_files(site: Path, tmp_path: Path) -> None:
    """The simulator injects the fault, and the monitor ranks the mode."""
    listed = run_beside(site, "fleet_sim", "faults", "door_frozen")
    assert "number    1001" in listed.stdout
    scenario = TUTORIAL / "scenarios/door_frozen.yaml"
    out = tmp_path / "out"
    run = ("run", f"{scenario}", "--mode", "virtual", "--out", f"{out}")
    ended = run_beside(site, "fleet_sim", *run)
    assert "all 4 expectations hold" in ended.stdout + ended.stderr, ended
    (diagnoses,) = out.rglob("diagnoses.jsonl")
    ranked = {mode["mode"] for line in lines(diagnoses) for mode in line["modes"]}
    assert "door_frozen" in ranked


def test_a_profile_has_the_name_of_its_entry_point(site: Path, tmp_path: Path) -> None:
    """Where its package is installed; elsewhere there is no such profile."""
    scenario = tmp_path / "depot.yaml"
    text = (ROOT / "scenarios" / "quiet_city.yaml").read_text(encoding="utf-8")
    scenario.write_text(text.replace("fleet:\n", "fleet:\n  profile: depot\n"), encoding="utf-8")
    assert run_beside(site, "fleet_sim", "check", f"{scenario}").returncode == 0
    ended = run_beside(tmp_path, "fleet_sim", "check", f"{scenario}")
    assert ended.returncode == 2
    assert "profile 'depot': neither a file nor a profile of ours" in ended.stderr


@pytest.mark.broker
async def test_a_sink_gets_every_record(
    site: Path, tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a running monitor, beside our own sinks."""
    monkeypatch.syspath_prepend(f"{site}")  # the monitor is forked from this process
    stage = {"kind": "constant", "rate_per_s": 10, "duration_s": 60}
    load = {"stages": [stage], "vehicles": CARS, "start_delay_s": 0.1, "deadline_s": 1.0}
    async with links_to(mosquitto.address) as links:
        fleet = boxes(links, CARS)
        await eventually(lambda: all(box.link.is_connected for box in fleet))
        async with running_probe(tmp_path, mosquitto.address, load=load) as probe:
            await eventually(lambda: probe.latest.get("ok", 0) > 5)
            probe.process.send_signal(signal.SIGTERM)
            assert await probe.exit_code() == 0
        records = len(lines(probe.records))
    assert records > 5
    assert (tmp_path / "out" / "tally.txt").read_text(encoding="utf-8") == f"{records}\n"


@pytest.mark.parametrize(
    ("group", "command"),
    [("modes", ("platform_probe", "diagnose", "a-1")), ("faults", ("fleet_sim", "faults"))],
)
def test_an_entry_point_that_cannot_be_imported_is_named(
    tmp_path: Path, group: str, command: tuple[str, ...]
) -> None:
    """With its package; no traceback is printed."""
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Name: broken\nVersion: 1.0\n", encoding="utf-8")
    entries = f"[unlockpath.{group}]\nbroken = no_such_module_anywhere\n"
    (about / "entry_points.txt").write_text(entries, encoding="utf-8")
    ended = run_beside(tmp_path, *command)
    assert ended.returncode == 2, ended
    assert f"entry point 'broken' of unlockpath.{group}, from broken: " in ended.stderr
    assert "no_such_module_anywhere" in ended.stderr
    assert "Traceback" not in ended.stderr
