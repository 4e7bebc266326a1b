"""What is made of a run's files when it is over, in either mode: summary, verdicts, report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.faults import Hit
from fleet_sim.results import expectations
from fleet_sim.results.summary import Attempts, JsonLines, RunFacts, read_json, summarize
from fleet_sim.runs.directory import MANIFEST, RunDirectory, ScenarioSource
from fleet_sim.scenario.form import Scenario
from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.private_files import FOR_GROUP, write_whole

ATTEMPTS = "attempts.jsonl"
COMPLAINTS = "complaints.jsonl"
GROUND_TRUTH = "ground_truth.jsonl"
SAFETY = "safety.jsonl"
MOST_KEYS = 4
MOST_LETTERS = 60
"""Most keys, and most letters of a value, in the text of a difference between two runs."""


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
    with directory.writing(SAFETY):
        name_faults_behind_findings(directory)
    summary = summarize(directory.path, facts, scenario.fleet_parts())
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
        from fleet_sim.results.report import write_report  # noqa: PLC0415 - few need its libraries

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

    If the other run's attempts lie beside its manifest, the first different one is named.
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
            return f"{text}\n{ATTEMPTS}:{number}: {_what_differs(here, there)}"
    return text


def _what_differs(here: str | None, there: str | None) -> str:
    """Return in what two lines differ; None stands for one that is not there."""
    if here is None or there is None:
        return f"ends here {'earlier' if here is None else 'later'}"
    try:
        one, other = (msgspec.json.decode(line, type=dict[str, Any]) for line in (here, there))
    except msgspec.MsgspecError:
        return "one of the two lines is no record"
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    named = [f"{key} {_short(one.get(key))} here, {_short(other.get(key))} there" for key in keys]
    more = f"; and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
    return f"{'; '.join(named[:MOST_KEYS])}{more}" or "the same values, written differently"


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 3]}..."


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n")


def name_touched_attempts(directory: RunDirectory) -> None:
    """Add to each line of the ground truth the attempts that it touched, and the complaints.

    A hit on a command touches the attempt that sent it. A hit on a car's connection touches every
    attempt on the car that was under way meanwhile. A hit on a customer touches the attempts of
    that customer. A complaint is touched if one of its attempts is, or if its customer was hit
    before it. An injection touches what its hits touch.
    """
    path = directory.path / GROUND_TRUTH
    lines = list(JsonLines(path, dict[str, Any]))
    if not lines:
        return
    hits = [msgspec.convert(line, Hit) for line in lines if line["type"] == "hit"]
    touched = touched_by(hits, Attempts(directory.path / ATTEMPTS))
    complaints = [*JsonLines(directory.path / COMPLAINTS, Complaint)]
    complained = complaints_by(hits, touched, complaints)
    of_injection: dict[int, tuple[dict[str, None], dict[str, None]]] = {}
    for hit, ids, about in zip(hits, touched, complained, strict=True):
        attempts_of, complaints_of = of_injection.setdefault(hit.injection, ({}, {}))
        attempts_of.update(dict.fromkeys(ids))
        complaints_of.update(dict.fromkeys(about))
    injections = []
    for line in lines:
        if line["type"] == "injection":
            attempts_of, complaints_of = of_injection.get(line["injection"], ({}, {}))
            injections.append({**line, **_named([*attempts_of], [*complaints_of])})
    named = [
        {**msgspec.to_builtins(hit), **_named(ids, about)}
        for hit, ids, about in zip(hits, touched, complained, strict=True)
    ]
    _replace_lines(path, injections + named)


def _named(attempts: list[str], complaints: list[str]) -> dict[str, list[str]]:
    """Return what a line of the ground truth says that it touched."""
    return {"attempts": attempts, **({"complaints": complaints} if complaints else {})}


def complaints_by(
    hits: Sequence[Hit], touched: Sequence[Sequence[str]], complaints: Sequence[Complaint]
) -> list[list[str]]:
    """Return for each hit the ids of the complaints that it touched; `touched` are its attempts."""
    by_attempt: dict[str, list[str]] = {}
    for complaint in complaints:
        for attempt_id in complaint.attempts:
            by_attempt.setdefault(attempt_id, []).append(complaint.complaint_id)
    found = []
    for hit, ids in zip(hits, touched, strict=True):
        about = dict.fromkeys(each for one in ids for each in by_attempt.get(one, ()))
        if hit.customer_id is not None:
            about |= dict.fromkeys(
                each.complaint_id
                for each in complaints
                if each.account_id == hit.customer_id and each.scheduled_s >= hit.at_s
            )
        found.append([*about])
    return found


def name_faults_behind_findings(directory: RunDirectory) -> None:
    """Add to each finding of the watch over movements the faults that were at work on it."""
    path = directory.path / SAFETY
    findings = [*JsonLines(path, dict[str, Any])]
    if not findings:
        return
    hits = [*JsonLines(directory.path / GROUND_TRUTH, Hit)]
    named = [{**each, "faults": faults_behind(each, hits)} for each in findings]
    _replace_lines(path, named)


def faults_behind(finding: dict[str, Any], hits: Iterable[Hit]) -> list[str]:
    """Return the injected faults that were at work on the command of a finding, or on its car."""
    names: dict[str, None] = {}
    for hit in hits:
        on_command = hit.command_id is not None and hit.command_id == finding.get("command_id")
        on_car = (
            hit.vehicle_id == finding["vehicle_id"]
            and hit.until_s is not None
            and hit.at_s <= finding["at_s"] <= hit.until_s
        )
        if on_command or on_car:
            names[hit.fault] = None
    return [*names]


def _replace_lines(path: Path, lines: Iterable[Any]) -> None:
    write_whole(path, b"".join(msgspec.json.encode(line) + b"\n" for line in lines), FOR_GROUP)


def touched_by(hits: Sequence[Hit], attempts: Iterable[Attempt]) -> list[list[str]]:
    """Return for each hit the ids of the attempts on whose path it lies."""
    touched: list[list[str]] = [[] for _ in hits]
    by_command: dict[str, list[int]] = {}
    by_vehicle: dict[str, list[int]] = {}
    for index, hit in enumerate(hits):
        if hit.until_s is not None:
            by_vehicle.setdefault(hit.vehicle_id, []).append(index)
        elif hit.command_id is not None:
            by_command.setdefault(hit.command_id, []).append(index)
    for attempt in attempts:
        for index in by_command.get(attempt.command_id or "", ()):
            touched[index].append(attempt.attempt_id)
        ended_s = attempt.scheduled_s + attempt.total_s
        for index in by_vehicle.get(attempt.vehicle_id, ()):
            hit = hits[index]
            is_under_way = attempt.scheduled_s <= (hit.until_s or 0.0) and ended_s >= hit.at_s
            if is_under_way and _may_belong_to(attempt, hit.customer_id):
                touched[index].append(attempt.attempt_id)
    return touched


def _may_belong_to(attempt: Attempt, customer_id: str | None) -> bool:
    """Return whether an attempt may be a customer's; None: anybody's will do."""
    account_id = attempt.platform.account_id if attempt.platform else None
    return customer_id is None or account_id in (None, customer_id)
