"""Runs that are compared: directories with a summary, a manifest and attempts, made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.results.fleet_parts import FleetParts
from fleet_sim.results.summary import summarize
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from tests.helpers.sample_run import make_attempt, sample_facts, write_lines

LABELS = [
    {"group": "old", "firmware": "1.8.0", "region": "north", "operator": "a"},
    {"group": "new", "firmware": "2.4.1", "region": "north", "operator": "b"},
]
FLEET = FleetParts(LABELS, lambda vehicle_id: 0 if vehicle_id.startswith("old") else 1)


def unlocks(group: str, opened: int, *causes: Cause, total_s: float = 2.0) -> list[Attempt]:
    """Return unlocks of a group: so many that opened after `total_s`, and one for each cause."""
    ends = [*([None] * opened), *causes]
    made = [
        make_attempt(number, cause=cause, vehicle_id=f"{group}-1")
        for number, cause in enumerate(ends)
    ]
    return [
        msgspec.structs.replace(each, total_s=total_s) if each.cause is None else each
        for each in made
    ]


def write_run(directory: Path, attempts: Iterable[Attempt], **manifest: Any) -> Path:
    """Write a run of these unlocks, and return its directory."""
    directory.mkdir()
    write_lines(directory / "attempts.jsonl", attempts)
    summary = summarize(directory, sample_facts(), FLEET)
    (directory / "summary.json").write_bytes(msgspec.json.encode(summary))
    (directory / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return directory
