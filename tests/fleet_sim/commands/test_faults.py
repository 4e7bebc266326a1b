"""`fleet-sim faults`: the list, one fault, the tables, whatever the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

import pytest

from fleet_sim.commands.faults import example, scenarios_that_show
from fleet_sim.faults import FAULTS, Layer
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.pages import fleet_sim, rows, write_scenario_with
from tests.helpers.places import ROOT


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenarios are looked for in `scenarios/`."""
    monkeypatch.chdir(ROOT)


def words(text: str) -> str:
    """Return a text on one line, however it was wrapped: at spaces, or after a hyphen."""
    return " ".join(text.split()).replace("- ", "-")


def test_the_list_has_every_fault_below_its_layer() -> None:
    """From the phone to the locks, then by name, each with what the customer and we see of it."""
    listed = fleet_sim("faults").output
    lines = listed.splitlines()
    names = [line.strip() for line in lines if line.strip() in FAULTS]
    assert names == sorted(FAULTS, key=lambda name: ([*Layer].index(FAULTS[name].layer), name))
    layers = [line for line in lines if line in [*Layer]]
    assert layers == [layer for layer, _ in groupby(FAULTS[name].layer for name in names)]
    first = next(name for name in names if FAULTS[name].layer is Layer.VEHICLE)
    assert lines.index("vehicle") + 2 == lines.index(f"  {first}")
    _, *entries = re.split(rf"^  (?:{'|'.join(names)})$", listed, flags=re.MULTILINE)
    for name, entry in zip(names, entries, strict=True):
        mode = FAULTS[name].mode
        its = "" if mode is None else f" customer {mode.spoken} seen {FAULTS[name].conclusion()}"
        shown = f"{FAULTS[name].summary}{its}"
        assert words(entry).startswith(words(shown))


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_shown_in_full(name: str, tmp_path: Path) -> None:
    """Layer and number, who sees what, evidence, claims, needs, a scenario, each parameter.

    The lines that inject it come last, and load with the defaults.
    """
    fault, output = FAULTS[name], fleet_sim("faults", name).output
    shown, mode = words(output), fault.mode
    assert shown.startswith(f"{name} {fault.summary} layer {fault.layer}")
    if mode is not None:
        told = f"number {mode.number} customer {mode.spoken} support {mode.now}"
        fix = f" fix {mode.mend}" if mode.mend else ""
        assert words(f"{told}{fix} seen {fault.conclusion()}") in shown
        assert all(words(source) in shown for source in mode.evidence)
    assert all(claim.value in shown for claim in fault.claims)
    assert all(f"needs {need.value}" in shown for need in fault.needs)
    assert "scenario scenarios/" in shown
    for key, field in fault.model_fields.items():
        assert f" {key} = " in shown
        assert words(field.description or "") in shown
    lines = example(fault)
    assert output.endswith("".join(f"  {line}\n" for line in lines))
    (entry,) = load_scenario(write_scenario_with(tmp_path, "\n".join(lines) + "\n")).faults
    assert entry.fault() == fault()


def test_the_tables_have_every_fault_and_parameter() -> None:
    """With its scenario, and with causes marked as code."""
    cells = rows(fleet_sim("faults", "--markdown").output)
    scenario_of = {
        row[1].strip("`"): row[8].replace("`", "").split(", ") for row in cells if len(row) == 9
    }
    assert set(scenario_of) == set(FAULTS)
    for name, scenarios in scenario_of.items():
        for scenario in scenarios:
            path = ROOT / "scenarios" / f"{scenario}.yaml"
            assert name in [entry.name for entry in load_scenario(path).faults]
    assert [(row[0], row[1]) for row in cells if len(row) == 5] == [
        (f"`{name}`", f"`{key}`") for name in scenario_of for key in FAULTS[name].model_fields
    ]
    (row,) = (row for row in cells if row[:3] == ["7", "`sms_wake_lost`", "network"])
    assert row[6] == "`box_asleep`: the wake-up SMS was lost"
    alone = rows(fleet_sim("faults", "one_way_downlink", "--markdown").output)
    assert [row[:2] for row in alone] == [
        ["2", "`one_way_downlink`"],
        ["`one_way_downlink`", "`episode`"],
    ]


def test_without_a_terminal_the_text_is_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whatever the encoding; no line is wider than the terminal, nor than one reads."""
    plain = subprocess.run(
        [sys.executable, "-m", "fleet_sim", "faults"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "60"},
    )
    assert b"\x1b" not in plain.stdout
    assert not plain.stderr
    assert max(map(len, plain.stdout.splitlines())) <= 60
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, fleet_sim("faults").output.splitlines())) <= 100


def test_what_is_no_scenario_shows_nothing(tmp_path: Path) -> None:
    """Other files of a user's folder do not matter, nor whether it is there."""
    for name, text in {
        "broken": "faults: [",
        "list": "[1, 2]",
        "without": "description: x",
        "numbers": "faults: [1, {name: 2}]",
        "good": "faults: [{name: sms_wake_lost}, {name: sms_wake_lost}]",
    }.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    assert scenarios_that_show(tmp_path)["sms_wake_lost"] == [tmp_path / "good.yaml"]
    assert not scenarios_that_show(tmp_path / "nowhere")
    entry = fleet_sim("faults", "sms_wake_lost", "--scenarios", f"{tmp_path / 'nowhere'}").output
    assert "\n  scenario " not in entry
