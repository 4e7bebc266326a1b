"""Pages whose lines run in their order, each on what the ones before have made."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import msgspec
import pytest

from platform_probe.store.schema import LABELS
from tests.helpers.labelled_fleet import make_labelled_store
from tests.helpers.own_commands import run_here
from tests.helpers.pages import blocks, page, run_in_shell
from tests.helpers.places import ROOT
from tests.helpers.reader import typed_lines

pytestmark = pytest.mark.long

NUMBER = re.compile(r"\d[\d.,:]*%?")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with the docs and the shipped scenarios."""
    for name in ("docs", "scenarios"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def test_a_stranger_replays_an_incident(place: Path) -> None:
    """The same weights change nothing, and others what they should: docs/replay.md."""
    text = page("replay.md")
    simulate, weights, replay, listing, incidents = blocks(text, "bash")
    assert run_in_shell(simulate, place).count("as they were") == 2
    run_in_shell(weights, place)
    bias = msgspec.json.decode((place / "weights.json").read_bytes())["bias"]
    assert [mode for mode, value in bias.items() if value == -50] == ["regional_carrier_outage"]
    said = run_in_shell(replay, place)
    assert "diagnoses: these differ" in said
    assert " x regional_carrier_outage -> " in said
    differ = said.partition("incidents: these differ\n")[2].splitlines()
    assert differ
    assert not any(line.strip()[0].isdigit() for line in differ)
    files = run_in_shell(listing, place).split()
    assert files == ["diagnoses.jsonl", "incidents.jsonl", "messages.jsonl"]
    assert "inc-" in run_in_shell(incidents, place)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == files


def test_a_stranger_labels_and_calibrates(place: Path) -> None:
    """A label counts until it is withdrawn; the output but for figures is that of docs/teach.md."""
    text = page("teach.md")
    make_labelled_store(place / "store", 240)
    listing, label, withdrawal, queries, calibrate = blocks(text, "bash")
    assert "regional_carrier_outage" in run_in_shell(listing, place)
    said = run_in_shell(f"{label}\n{withdrawal}", place)
    assert "regional_carrier_outage by jo; the diagnosis says" in said
    assert re.search(r"\nregional_carrier_outage +1 ", said)
    assert "label withdrawn by " in said
    assert (place / "runs/outage" / LABELS.run_file).read_bytes().count(b"\n") == 2
    assert run_in_shell(queries, place).count("share_right") == 3
    shown = next(block for block in blocks(text, "text") if block.startswith("240 labels"))
    printed = run_in_shell(calibrate, place)
    assert NUMBER.sub("N", printed).split() == NUMBER.sub("N", shown).split()


def test_a_stranger_asks_what_would_have_helped(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a run with its incident to a mitigation of one's own: docs/what-if.md."""
    monkeypatch.chdir(place)
    incident, lines = "", typed_lines(ROOT / "docs" / "what-if.md")
    assert len(lines) == 9
    for line in lines:
        program, *words = shlex.split(line.replace("INCIDENT", incident))
        few = ["2" if word == "8" else word for word in words]
        code, stdout, stderr = run_here(program.replace("-", "_"), *few)
        assert code == 0, f"{line}: {stdout}{stderr}"
        if words[:2] == ["incidents", "list"]:
            _, found, _ = run_here("platform_probe", *words, "--json")
            incident = json.loads(found)[0]["incident_id"]
        elif program == "fleet-sim" and words[0] == "what-if":  # the other one prints by itself
            best = "Ask customers" if "call_customers" in words else "Roll back the platform"
            told = stdout + stderr
            assert best in told or "No mitigation is better" in told
