"""Exports what a fault did in its shipped scenario, and runs that: whether it shows again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.results.summary import Attempts, JsonLines
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.diagnosis import Diagnosis
from platform_probe.store.reading import Source
from platform_probe.tell.export.incident import incident_of, with_neutral_names
from platform_probe.tell.export.scenario import text_of
from tests.helpers.virtual_runs import SCENARIOS, broken_expectations, run_virtually

NAMES = {"no_coverage_garage": "underground_garage", "regional_carrier_outage": "carrier_outage"}
"""Scenarios that are not called like the fault that they show."""
OK = "ok"
COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Touched:
    """Unlocks that a fault touched and that ended alike."""

    ended: str
    """The cause, `ok`, or `complaint` where nothing ever came."""
    number: int
    example: str
    """The id of one: the one in the middle."""
    named: int
    """Of how many the true mode came first."""


@dataclass(frozen=True, slots=True)
class Again:
    """One export, run."""

    mode: str
    touched: Touched
    shows: bool
    """Whether what it expects came true."""
    causes: dict[str, int]
    """Of the unlocks that the fault touched in the exported run."""
    directory: Path


def run_shipped(mode: str, directory: Path) -> None:
    """Run the shipped scenario of a mode in virtual time."""
    scenario = load_scenario(SCENARIOS[NAMES.get(mode, mode)])
    assert scenario.seed is not None
    run_virtually(scenario, directory, seed=scenario.seed)


def touched_in(directory: Path, mode: str) -> list[Touched]:
    """Return what a fault touched in a run that failed or looked odd, the commonest end first.

    Where it touched only what looked well to the monitor, that.
    """
    ids = [*dict.fromkeys(_touched_ids(directory, mode))]
    ends: dict[str, str] = {
        one.attempt_id: one.cause.value if one.cause else OK
        for one in Attempts(directory / "attempts.jsonl")
    }
    for call in JsonLines(directory / "complaints.jsonl", Complaint):
        if not call.attempts:
            ends[call.complaint_id] = COMPLAINT
    first = {
        one.attempt_id: one.first.mode
        for one in JsonLines(directory / "diagnoses.jsonl", Diagnosis)
    }
    known = [each for each in ids if each in ends]
    odd = [each for each in known if ends[each] != OK or each in first]
    by_end: dict[str, list[str]] = {}
    for each in odd or known:
        by_end.setdefault(ends[each], []).append(each)
    found = [
        Touched(
            ended, len(those), those[len(those) // 2], sum(first.get(one) == mode for one in those)
        )
        for ended, those in by_end.items()
    ]
    return sorted(found, key=lambda one: (one.ended == OK, -one.number))


def _touched_ids(directory: Path, mode: str) -> Iterator[str]:
    for line in (directory / "ground_truth.jsonl").read_bytes().splitlines():
        hit: dict[str, Any] = msgspec.json.decode(line)
        if hit["type"] == "hit" and hit["fault"] == mode:
            yield from (*hit["attempts"], *hit.get("complaints", ()))


def export_and_run(mode: str, touched: Touched, original: Path, directory: Path) -> Again:
    """Export one unlock of a run with its true mode, and run what comes of it."""
    incident = incident_of(Source(original), touched.example, mode)
    file = directory.parent / f"{directory.name}-exported.yaml"
    file.write_text(text_of(with_neutral_names(incident)), encoding="utf-8")
    scenario = load_scenario(file)
    assert scenario.seed is not None
    summary = run_virtually(scenario, directory, seed=scenario.seed)
    ids = {*_touched_ids(directory, mode)}
    causes = Counter(
        one.cause.value if one.cause else OK
        for one in JsonLines(directory / "attempts.jsonl", Attempt)
        if one.attempt_id in ids
    )
    return Again(mode, touched, not broken_expectations(summary), dict(causes), directory)
