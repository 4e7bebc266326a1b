"""The summary of a run: one nested mapping, computed from the files of a run directory.

Quantiles are those of `times.py`. One unlock that the monitor observed late is counted, and kept
out of all times.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from fleet_sim.results.customers import AnswersTally, CustomerLine, CustomersTally
from fleet_sim.results.fleet_parts import FleetParts, PartsTally
from fleet_sim.results.injected import Injected, InjectedFault, LostBoxes
from fleet_sim.results.judgements import DiagnosisLine, IncidentLine, JudgementsTally
from fleet_sim.results.safety import SafetyFinding, SafetyTally
from fleet_sim.results.times import opens_after_s, quantiles
from fleet_wire.contract.attempt import (
    Attempt,
    Complaint,
    Flag,
    Source,
    Stage,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.platform_log import PlatformEvent

T = TypeVar("T")
LOST_BOXES = "lost_boxes.jsonl"
LATE_NAMED = 20
"""Cars that opened late and that the summary names; `stray_answers.jsonl` has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Facts about a run that its files do not contain, from its owner. Unknown numbers are None."""

    seed: int
    mode: str
    broker: str
    boxes_configured: int
    boxes_connected_max: int
    connect_rate_per_s: float | None
    rss_bytes_per_box: float | None
    model_defects: int = 0
    first_model_defect: str | None = None
    movements: int | None = None
    """Movements of locks in the simulator."""
    processes: int = 1
    """How many played the boxes."""
    lost_processes: tuple[str, ...] = ()
    """Those that ended before the run did, and why."""
    silent_processes: tuple[str, ...] = ()
    """Those that gave no sign of life for a while."""
    interrupted_after_s: float | None = None
    """When the user ended it, in seconds since the load began, 0 where it had not; None: it ran to
    its end."""
    broken_brokers: tuple[str, ...] = ()
    """Failures of private brokers that died or stalled, with their times."""


class JsonLines(Generic[T]):
    """The records of a JSON-lines file, one at a time.

    A missing file has none. An invalid line (a last line cut short by a crash, say) is skipped and
    counted in `unreadable`, which is complete after the iteration.
    """

    def __init__(self, path: Path, record: type[T]) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(record)
        self.unreadable = 0

    def __iter__(self) -> Iterator[T]:
        self.unreadable = 0
        decode = self._decoder.decode
        for line in self.raw_lines():
            if line.isspace():
                continue
            try:
                record = decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                self.unreadable += 1
            else:
                yield record

    def raw_lines(self) -> Iterator[bytes]:
        """Yield the lines as they stand in the file."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            yield from file


class _Revision(msgspec.Struct):
    """The order of the records of one unlock: the highest holds."""

    attempt_id: str
    revision: int = 0


class Attempts(JsonLines[Attempt]):
    """The attempts of a file, each as it was judged last; see `Attempt.revision`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Attempt)

    def __iter__(self) -> Iterator[Attempt]:
        last = self._revised()
        for attempt in super().__iter__():
            revision = attempt.revision or 0
            if last.get(attempt.attempt_id, revision) == revision and not attempt.same_as:
                yield attempt

    def _revised(self) -> dict[str, int]:
        """Return the last revision of each attempt that has more than one."""
        last: dict[str, int] = {}
        for line in self.raw_lines():
            if b'"revision":' in line and b'"revision":1,' not in line:
                with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    one = msgspec.json.decode(line, type=_Revision)
                    last[one.attempt_id] = max(last.get(one.attempt_id, 0), one.revision)
        return last


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty when the file is missing or holds no JSON object."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}


@dataclass(slots=True)
class _Tally:
    """The data of one pass over the attempts: three doubles and a few hops an attempt."""

    total: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    causes: Counter[Cause] = field(default_factory=Counter)
    sources: Counter[Source] = field(default_factory=Counter)
    flags: Counter[Flag] = field(default_factory=Counter)
    opens_s: array[float] = field(default_factory=lambda: array("d"))
    ok_total_s: array[float] = field(default_factory=lambda: array("d"))
    api_took_s: array[float] = field(default_factory=lambda: array("d"))
    hops_s: dict[str, array[float]] = field(
        default_factory=lambda: {stage.value: array("d") for stage in Stage}
    )

    def add(self, attempt: Attempt) -> None:
        self.total += 1
        self.outcomes[attempt.outcome] += 1
        self.sources[attempt.source] += 1
        self.flags.update(attempt.flags)
        if attempt.cause is not None:
            self.causes[attempt.cause] += 1
        if attempt.has_times:
            self._add_times(attempt)

    def _add_times(self, attempt: Attempt) -> None:
        self.opens_s.append(opens_after_s(attempt.outcome, attempt.total_s))
        if attempt.outcome is Outcome.OK:
            self.ok_total_s.append(attempt.total_s)
        if attempt.api_took_s is not None:
            self.api_took_s.append(attempt.api_took_s)
        for stage, hop_s in attempt.hops_s.items():
            if stage in self.hops_s:
                self.hops_s[stage].append(hop_s)

    def attempts(self) -> dict[str, Any]:
        return {
            "total": self.total,
            "ok_share": self.outcomes[Outcome.OK] / self.total if self.total else None,
            "by_outcome": {outcome.value: self.outcomes[outcome] for outcome in Outcome},
            "by_cause": {cause.value: self.causes[cause] for cause in Cause},
            "by_source": {
                source.value: self.sources[source]
                for source in Source
                if source is not Source.FLOOR
            },
            "by_flag": {flag.value: self.flags[flag] for flag in Flag},
        }

    def stages(self) -> dict[str, Any]:
        return {
            stage: {"count": len(hops), **quantiles(hops)}
            for stage, hops in self.hops_s.items()
            if stage != Stage.INTENDED.value
        }


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """The contents of a run's files; empty at first."""

    tally: _Tally = field(default_factory=_Tally)
    injected: Injected = field(default_factory=Injected)
    parts: PartsTally = field(default_factory=lambda: PartsTally(FleetParts()))
    floor_s: Sequence[float] = ()
    strays: Counter[StrayKind] = field(default_factory=Counter)
    late_unlocks: list[StrayAnswer] = field(default_factory=list)
    probe_stats: dict[str, Any] = field(default_factory=dict)
    unreadable_lines: int = 0
    customers: CustomersTally = field(default_factory=CustomersTally)
    answers: AnswersTally = field(default_factory=AnswersTally)
    safety: SafetyTally = field(default_factory=SafetyTally)
    complaints: Counter[str] = field(default_factory=Counter)
    judgements: JudgementsTally = field(default_factory=JudgementsTally)

    def add_attempt(self, attempt: Attempt) -> None:
        if attempt.source is not Source.FLOOR:
            self.tally.add(attempt)
            self.injected.add(attempt)
            self.parts.add(attempt)

    def add_stray(self, stray: StrayAnswer) -> None:
        self.strays[stray.kind] += 1
        if stray.is_late_unlock and stray.source is not Source.FLOOR:
            self.late_unlocks.append(stray)
            self.parts.add_late_unlock(stray.vehicle_id)

    def add_complaint(self, complaint: Complaint) -> None:
        self.complaints["seen" if complaint.attempts else "unseen"] += 1


def summarize(
    run_directory: Path, facts: RunFacts, fleet: FleetParts | None = None
) -> dict[str, Any]:
    """Return the summary of a run, ready to be written as `summary.json`.

    `fleet` says which parts the fleet has; without it the summary tells none apart.

    It reads `attempts.jsonl`, `floor.jsonl`, `stray_answers.jsonl`, `complaints.jsonl`,
    `diagnoses.jsonl`, `incidents.jsonl`, `probe_stats.json`, `customers.jsonl`, `platform.jsonl`,
    `safety.jsonl`, and `lost_boxes.jsonl`. It also reads the injections of `ground_truth.jsonl`
    with the attempts that they hit. A missing file counts as empty. If the loopback box was lost,
    the baseline has no figures: its requests then measure a deadline. Requests during its stall do
    not count.

    Every outcome, cause, stage and kind has its key even when nothing happened, so that an
    expectation on it can hold. `expect` is empty: the verdicts on the summary are for its owner to
    add.
    """
    return _summary(_gather(run_directory, fleet or FleetParts()), facts)


def empty_summary(fleet: FleetParts | None = None) -> dict[str, Any]:
    """Return the summary of a run in which nothing happened: it has every key there is."""
    facts = RunFacts(
        seed=0,
        mode="",
        broker="",
        boxes_configured=0,
        boxes_connected_max=0,
        connect_rate_per_s=None,
        rss_bytes_per_box=None,
    )
    return _summary(_Gathered(parts=PartsTally(fleet or FleetParts())), facts)


def _gather(run_directory: Path, fleet: FleetParts) -> _Gathered:
    def lines_of(name: str, record: type[T]) -> JsonLines[T]:
        return JsonLines(run_directory / name, record)

    lost = [*lines_of(LOST_BOXES, LostBoxes)]
    faults = [*lines_of("ground_truth.jsonl", InjectedFault)]
    gathered = _Gathered(
        injected=Injected(faults, lost),
        parts=PartsTally(fleet),
        probe_stats=read_json(run_directory / "probe_stats.json"),
    )

    def count(lines: JsonLines[T], add: Callable[[T], None]) -> None:
        for line in lines:
            add(line)
        gathered.unreadable_lines += lines.unreadable

    floor = lines_of("floor.jsonl", Attempt)
    gathered.floor_s = _floor_s(floor, [boxes for boxes in lost if boxes.with_null_box])
    gathered.unreadable_lines = floor.unreadable
    count(Attempts(run_directory / "attempts.jsonl"), gathered.add_attempt)
    count(lines_of("stray_answers.jsonl", StrayAnswer), gathered.add_stray)
    count(lines_of("complaints.jsonl", Complaint), gathered.add_complaint)
    count(lines_of("customers.jsonl", CustomerLine), gathered.customers.add)
    count(lines_of("platform.jsonl", PlatformEvent), gathered.answers.add)
    count(lines_of("safety.jsonl", SafetyFinding), gathered.safety.add)
    count(lines_of("diagnoses.jsonl", DiagnosisLine), gathered.judgements.add)
    count(lines_of("incidents.jsonl", IncidentLine), gathered.judgements.add)
    return gathered


def _floor_s(floor: Iterable[Attempt], lost: Sequence[LostBoxes]) -> Sequence[float]:
    """Return how long the null box took, where it was there: none where it was lost."""
    if any(boxes.until_s is None for boxes in lost):
        return ()
    there = (each for each in floor if not any(boxes.concern(each) for boxes in lost))
    return array("d", (each.total_s for each in there))


def _summary(gathered: _Gathered, facts: RunFacts) -> dict[str, Any]:
    tally = gathered.tally
    return {
        **_facts(facts),
        "attempts": tally.attempts(),
        "unlock": quantiles(tally.opens_s),
        "unlock_ok": quantiles(tally.ok_total_s),
        "stages": tally.stages(),
        "api_answer": {"count": len(tally.api_took_s), **quantiles(tally.api_took_s)},
        "by": gathered.parts.as_json(),
        "injected": gathered.injected.as_json(),
        "stray": {
            **{kind.value: gathered.strays[kind] for kind in StrayKind},
            "late_unlock": len(gathered.late_unlocks),
        },
        "late_unlocks": [
            {name: getattr(stray, name) for name in ("vehicle_id", "at", "after_s", "attempt_id")}
            for stray in gathered.late_unlocks[:LATE_NAMED]
        ],
        "complaints": {
            "total": gathered.complaints.total(),
            "without_unlock": gathered.complaints["unseen"],
        },
        **gathered.judgements.as_json(),
        "customers": gathered.customers.as_json(),
        "platform": gathered.answers.as_json(),
        "safety": {"movements": facts.movements, **gathered.safety.as_json()},
        "floor": {"total": len(gathered.floor_s), **quantiles(gathered.floor_s)},
        "probe": _probe(gathered.probe_stats),
        "unreadable_lines": gathered.unreadable_lines,
        "expect": [],
    }


def _facts(facts: RunFacts) -> dict[str, Any]:
    return {
        "seed": facts.seed,
        "mode": facts.mode,
        "broker": facts.broker,
        "interrupted_after_s": facts.interrupted_after_s,
        "broken_brokers": [*facts.broken_brokers],
        "boxes": {
            "configured": facts.boxes_configured,
            "connected_max": facts.boxes_connected_max,
            **_spread_over(facts),
        },
        "connect": {"rate_per_s": facts.connect_rate_per_s},
        "fleet": {"rss_bytes_per_box": facts.rss_bytes_per_box},
        "model_defects": facts.model_defects,
        "first_model_defect": facts.first_model_defect,
    }


def _spread_over(facts: RunFacts) -> dict[str, Any]:
    """Return over which processes the boxes were spread, where it was more than one.

    And which of them stood still; one that is alone, where it did.
    """
    silent = {"silent_processes": [*facts.silent_processes]}
    if facts.processes == 1:
        return silent if facts.silent_processes else {}
    lost = [*facts.lost_processes]
    return {"processes": facts.processes, "lost_processes": lost, **silent}


def _probe(stats: dict[str, Any]) -> dict[str, Any]:
    """Return the probe's own health; without its `probe_stats.json` every value is None."""
    lag = stats.get("schedule_lag_s")
    lag = lag if isinstance(lag, dict) else {}
    keys = ("sent", "ended", "dropped", "malformed", "stood_still_s")
    return {
        **{key: stats.get(key) for key in keys},
        **{f"schedule_lag_{name}_s": lag.get(name) for name in ("p50", "p99", "max")},
    }
