"""docs/replay.md: its lines run in their order, and do what the page says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.helpers.pages import blocks, page, run_in_shell
from tests.helpers.places import ROOT

TEXT = page("replay.md")


@pytest.mark.long
def test_a_stranger_replays_an_incident(tmp_path: Path) -> None:
    """The same weights change nothing, and others what they should, from the page alone."""
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    simulate, weights, replay, listing, incidents = blocks(TEXT, "bash")
    assert run_in_shell(simulate, tmp_path).count("as they were") == 2
    run_in_shell(weights, tmp_path)
    bias = msgspec.json.decode((tmp_path / "weights.json").read_bytes())["bias"]
    assert [mode for mode, value in bias.items() if value == -50] == ["regional_carrier_outage"]
    said = run_in_shell(replay, tmp_path)
    assert "diagnoses: these differ" in said
    assert " x regional_carrier_outage -> " in said
    differ = said.partition("incidents: these differ\n")[2].splitlines()
    assert differ
    assert not any(line.strip()[0].isdigit() for line in differ)
    files = run_in_shell(listing, tmp_path).split()
    assert files == ["diagnoses.jsonl", "incidents.jsonl", "messages.jsonl"]
    assert "inc-" in run_in_shell(incidents, tmp_path)
    rows = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == files
