"""Read the diagnoses of the unlocks that a fault hit: one run of an incident.

A label is what the ground truth says: an unlock that a fault touched, and that failed or looked odd
to the monitor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from bench.score.drawing import scenario_of
from bench.score.incidents import MAPPED_WIRE, TWO_TOPICS, Incident, Loss
from bench.score.scored_run import ScoredRun
from bench.score.wide import wire_of
from fleet_sim.runs.conclude import ATTEMPTS, GROUND_TRUTH
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import LineProgress
from fleet_sim.runs.source_digest import versions
from fleet_sim.runs.virtual.run import VirtualOptions
from fleet_sim.scenario.loading import load_scenario
from fleet_sim.sweeps.dask import WorkersKilled, each_on_dask
from fleet_sim.sweeps.point import check_versions
from fleet_sim.sweeps.pool import pool_of
from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.errors import UnlockpathError

DIAGNOSES: Final = "diagnoses.jsonl"
COMPLAINTS: Final = "complaints.jsonl"
CALLED_WITHIN_S: Final = 300.0
"""Longest time from the last press to a call to support [E]."""
LACKS: Final = {Loss.BROKER_LOG: ["broker_log"], Loss.PLATFORM_LOG: ["platform"]}
"""Settings of the monitor that read what an incident's monitor has lost."""
AT_DEADLINE_S: Final = 75.0
"""A customer's unlock is judged when the platform's log has gone on: at the latest by then."""


class TimedDiagnosis(msgspec.Struct, frozen=True):
    """A diagnosis at one moment."""

    after_s: float
    cause: str | None
    modes: tuple[tuple[str, float], ...]
    """The likeliest modes with their probabilities."""
    facts: tuple[str, ...]
    told: tuple[str, ...]


class LabelledCase(msgspec.Struct, frozen=True, kw_only=True):
    """One unlock that a fault touched, or that was named without any."""

    incident: str
    """Its faults, seed and loss."""
    seed: int
    loss: str
    labels: tuple[str, ...]
    """The faults that touched it; none: no fault did."""
    attempt_id: str
    outcome: str
    cause: str | None
    furthest: str
    deviates: str
    """The stage whose hop was the longest against what is usual."""
    first: TimedDiagnosis | None
    """The first diagnosis; None if there was none."""
    last: TimedDiagnosis | None
    between: tuple[TimedDiagnosis, ...] = ()
    """Diagnoses at other moments, with the evidence of a shorter observation."""


class RunCases(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one incident."""

    incident: str
    faults: tuple[str, ...]
    seed: int
    loss: str
    cases: tuple[LabelledCase, ...] = ()
    healthy: int = 0
    """Unlocks that went well, of cars that no fault struck."""
    suspected: tuple[LabelledCase, ...] = ()
    """The unlocks among those that looked odd."""
    touched_ok: int = 0
    """Unlocks that a fault touched, that went well and were not suspected."""
    error: str | None = None


def run_all(incidents: Iterable[Incident], *, jobs: int) -> Iterator[RunCases]:
    """Do the runs in `jobs` processes, and yield what came of each, in order."""
    listed = [*incidents]
    if jobs <= 1:
        yield from map(run_one, listed)
        return
    with pool_of(jobs, __name__) as pool:
        yield from pool.map(run_one, listed)


def run_all_on_dask(
    incidents: Iterable[Incident], address: str, *, note: Callable[[str], None]
) -> list[RunCases]:
    """Do the runs on the workers of a Dask scheduler; return what came of each, in order.

    Raises `UnlockpathError` where there is none, it goes away, or a worker has another version.
    """
    listed = [*enumerate(incidents)]
    found: dict[int, RunCases] = {}
    function = partial(run_there, versions())
    for (number, incident), came in each_on_dask(function, listed, address, note=note):
        if isinstance(came, WorkersKilled):
            came = RunCases(**_case_header(incident), error=came.text)  # noqa: PLW2901 - the same
        found[number] = came
    return [found[number] for number, _ in listed]


def run_there(asked: Mapping[str, str], numbered: tuple[int, Incident]) -> RunCases:
    """Do one run for somebody elsewhere, with these versions. Raises `UnlockpathError`."""
    check_versions(asked)
    return run_one(numbered[1])


def _case_header(incident: Incident) -> dict[str, Any]:
    name = f"{'+'.join(incident.faults) or 'healthy'}/{incident.seed}/{incident.loss.value}"
    drawn = "/wide" * incident.is_wide + "/outlasting" * incident.outlasts
    return {
        "incident": name + drawn,
        "faults": incident.faults,
        "seed": incident.seed,
        "loss": incident.loss.value,
    }


def run_one(incident: Incident) -> RunCases:
    """Do one run in a directory that is removed, and return what came of it."""
    about = _case_header(incident)
    with passing_directory() as path:
        try:
            run_in(path, incident, scenario_of(incident))
            return read_run(path, about)
        except UnlockpathError as error:
            return RunCases(**about, error=f"{type(error).__name__}: {error}")


@contextmanager
def passing_directory() -> Iterator[Path]:
    """Make a directory for the files of one run, and remove it afterwards."""
    with TemporaryDirectory(prefix="score-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def run_in(
    path: Path,
    incident: Incident,
    drawn: Mapping[str, Any],
    *,
    restarts_s: tuple[float, ...] = (),
    maintenance: tuple[Mapping[str, str], ...] = (),
) -> None:
    """Do one run of a scenario that was drawn, and leave its files in a directory.

    Raises `UnlockpathError`.
    """
    file = path / "incident.yaml"
    file.write_bytes(msgspec.json.encode(drawn))  # JSON is YAML
    wire = wire_of(incident, TWO_TOPICS)
    if wire is not None:
        (path / MAPPED_WIRE).write_text(wire, encoding="utf-8")
    scenario = load_scenario(file, [])
    directory = RunDirectory.create(path, scenario_name="incident", seed=incident.seed)
    options = VirtualOptions(seed=incident.seed, with_report=False)
    ScoredRun(
        scenario,
        ScenarioSource(file),
        directory,
        options,
        LineProgress(StringIO()),
        without=LACKS.get(incident.loss, ()),
        restarts_s=restarts_s,
        maintenance=maintenance,
    ).run()


def read_run(path: Path, about: dict[str, Any]) -> RunCases:
    """Return what came of a run, of its files; `about` has what it is called."""
    labels = _labels(path)
    diagnoses: dict[str, list[Diagnosis]] = {}
    for diagnosis in _lines(path / DIAGNOSES, Diagnosis):
        diagnoses.setdefault(diagnosis.attempt_id, []).append(diagnosis)
    attempts = {one.attempt_id: one for one in _lines(path / ATTEMPTS, Attempt)}
    usual = _usual_hops(attempts.values())
    struck = _targeted_cars(path)
    cases, healthy, suspected, touched_ok = [], 0, [], 0
    for attempt in attempts.values():
        if attempt.same_as:
            continue
        of_attempt = diagnoses.get(attempt.attempt_id, [])
        touched = labels.get(attempt.attempt_id, ())
        is_ok = attempt.outcome is Outcome.OK
        if not touched and is_ok:
            if attempt.vehicle_id not in struck:
                healthy += 1
                if of_attempt:
                    suspected.append(_case(attempt, (), of_attempt, usual, about))
        elif is_ok and not of_attempt:
            touched_ok += 1
        else:
            cases.append(_case(attempt, touched, of_attempt, usual, about))
    cases.extend(_complaints(path, diagnoses, about))
    return RunCases(
        **about,
        cases=tuple(cases),
        healthy=healthy,
        suspected=tuple(suspected),
        touched_ok=touched_ok,
    )


def _case(
    attempt: Attempt,
    touched: tuple[str, ...],
    of_attempt: list[Diagnosis],
    usual: dict[str, float],
    about: dict[str, Any],
) -> LabelledCase:
    at_deadline = [one for one in of_attempt if one.after_s <= AT_DEADLINE_S] or of_attempt[:1]
    furthest = max(attempt.stages, key=lambda stage: attempt.stages[stage], default="intended")
    deviates = max(
        attempt.hops_s,
        key=lambda stage: attempt.hops_s[stage] / (usual.get(stage, 0.05) + 0.05),
        default="intended",
    )
    return LabelledCase(
        incident=about["incident"],
        seed=about["seed"],
        loss=about["loss"],
        labels=touched,
        attempt_id=attempt.attempt_id,
        outcome=attempt.outcome.value,
        cause=attempt.cause.value if attempt.cause else None,
        furthest=furthest,
        deviates=deviates,
        first=_timed_diagnosis(at_deadline[0]) if at_deadline else None,
        last=_timed_diagnosis(of_attempt[-1]) if of_attempt else None,
        between=tuple(
            _timed_diagnosis(one) for one in of_attempt[:-1] if one is not at_deadline[0]
        ),
    )


def _complaints(
    path: Path, diagnoses: dict[str, list[Diagnosis]], about: dict[str, Any]
) -> Iterator[LabelledCase]:
    """Yield complaints about unlocks that nobody saw, with the faults that were at work there."""
    hits = [line for line in _lines(path / GROUND_TRUTH, dict[str, Any]) if line["type"] == "hit"]
    for complaint in _lines(path / COMPLAINTS, Complaint):
        of_it = diagnoses.get(complaint.complaint_id, [])
        labels = {
            hit["fault"]: None
            for hit in hits
            if hit["vehicle_id"] == complaint.vehicle_id
            and 0 <= complaint.scheduled_s - hit["at_s"] < CALLED_WITHIN_S
        }
        if complaint.attempts or not labels:
            continue
        yield LabelledCase(
            incident=about["incident"],
            seed=about["seed"],
            loss=about["loss"],
            labels=tuple(labels),
            attempt_id=complaint.complaint_id,
            outcome=Outcome.UNKNOWN.value,
            cause=Cause.NOT_OBSERVED.value,
            furthest="intended",
            deviates="intended",
            first=_timed_diagnosis(of_it[0]) if of_it else None,
            last=_timed_diagnosis(of_it[-1]) if of_it else None,
        )


def _timed_diagnosis(diagnosis: Diagnosis) -> TimedDiagnosis:
    return TimedDiagnosis(
        after_s=diagnosis.after_s,
        cause=diagnosis.cause.value if diagnosis.cause else None,
        modes=tuple((one.mode, one.probability) for one in diagnosis.modes),
        facts=tuple(fact.fact for fact in diagnosis.facts),
        told=diagnosis.told,
    )


def _labels(path: Path) -> dict[str, tuple[str, ...]]:
    labels: dict[str, tuple[str, ...]] = {}
    for line in _lines(path / GROUND_TRUTH, dict[str, Any]):
        if line["type"] != "hit":
            continue
        for attempt_id in line["attempts"]:
            known = labels.get(attempt_id, ())
            if line["fault"] not in known:
                labels[attempt_id] = (*known, line["fault"])
    return labels


def _targeted_cars(path: Path) -> frozenset[str]:
    """Return the cars that any fault was meant for, single ones: whole fleets are not left out."""
    return frozenset(
        vehicle_id
        for line in _lines(path / GROUND_TRUTH, dict[str, Any])
        if line["type"] == "injection"
        for vehicle_id in line["vehicles"]
    )


def _usual_hops(attempts: Iterable[Attempt]) -> dict[str, float]:
    """Return the middle of each hop of the unlocks that went well."""
    hops: dict[str, list[float]] = {}
    for attempt in attempts:
        if attempt.outcome is Outcome.OK:
            for stage, hop_s in attempt.hops_s.items():
                hops.setdefault(stage, []).append(hop_s)
    return {stage: sorted(values)[len(values) // 2] for stage, values in hops.items()}


def _lines(path: Path, kind: Any) -> Iterator[Any]:
    if not path.exists():
        return
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
