"""What is made of a run's files when it is over, in either mode: summary, verdicts, report."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.results import expectations
from fleet_sim.results.report import write_report
from fleet_sim.results.summary import JsonLines, RunFacts, read_json, summarize
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.scenario.loading import Scenario
from fleet_wire.contract.attempt import Attempt

ATTEMPTS = "attempts.jsonl"
GROUND_TRUTH = "ground_truth.jsonl"
MANIFEST = "manifest.json"


def conclude(
    directory: RunDirectory,
    scenario: Scenario,
    source: ScenarioSource,
    facts: RunFacts,
    *,
    load_began_s: float | None,
    with_report: bool = True,
) -> dict[str, Any]:
    """Write summary, report and digest of a run that has ended, and return the summary.

    `load_began_s` is the simulated second at which the load began, None where that need not be
    told to do the same run again.
    Raises `LimitError` where a file cannot be written.
    """
    with directory.writing(GROUND_TRUTH):
        name_touched_attempts(directory)
    summary = summarize(directory.path, facts)
    verdicts = expectations.check(scenario.expect, summary)
    summary["expect"] = [verdict.as_json() for verdict in verdicts]
    with directory.writing("summary.json"):
        directory.write_json("summary.json", summary)
    with directory.writing(MANIFEST):
        manifest = read_json(directory.path / MANIFEST)
        manifest["digest"] = digest_of(directory.path)
        manifest["floor_p50_s"] = summary["floor"]["p50_s"]
        manifest["load_began_s"] = load_began_s
        directory.write_json(MANIFEST, manifest)
    if with_report:
        with directory.writing("report.html"):
            write_report(directory.path, summary, source.text)
    return summary


def digest_of(path: Path) -> str:
    """Return a digest of a run's attempts: equal runs have equal ones."""
    digest = blake2b(digest_size=16)
    attempts = path / ATTEMPTS
    if attempts.exists():
        with attempts.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def first_difference(path: Path, manifest_path: Path) -> str | None:
    """Return how a run differs from the one of a manifest, or None when they are the same.

    Where the other run's attempts lie beside its manifest, the first line that differs is shown.
    """
    expected = read_json(manifest_path).get("digest")
    found = digest_of(path)
    if found == expected:
        return None
    text = f"digest {found}, expected {expected} of {manifest_path}"
    other = manifest_path.parent / ATTEMPTS
    if not other.exists():
        return text
    pairs = zip_longest(_lines(path / ATTEMPTS), _lines(other))
    for number, (here, there) in enumerate(pairs, start=1):
        if here != there:
            place = f"{ATTEMPTS}:{number}"
            return f"{text}\n{place} here:  {here}\n{place} there: {there}"
    return text


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def name_touched_attempts(directory: RunDirectory) -> None:
    """Add to each line of the ground truth the attempts that it touched.

    Touched is an attempt of one of its cars that was under way while its window was open.
    """
    path = directory.path / GROUND_TRUTH
    faults = list(JsonLines(path, dict[str, Any]))
    if not faults:
        return
    vehicles = [frozenset(fault["vehicles"]) for fault in faults]
    touched: list[list[str]] = [[] for _ in faults]
    for attempt in JsonLines(directory.path / ATTEMPTS, Attempt):
        ended_s = attempt.scheduled_s + attempt.total_s
        for index, fault in enumerate(faults):
            if (
                attempt.vehicle_id in vehicles[index]
                and attempt.scheduled_s <= fault["end_s"]
                and ended_s >= fault["start_s"]
            ):
                touched[index].append(attempt.attempt_id)
    lines = [
        msgspec.json.encode({**fault, "attempts": ids}) + b"\n"
        for fault, ids in zip(faults, touched, strict=True)
    ]
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(b"".join(lines))
    temporary.replace(path)
