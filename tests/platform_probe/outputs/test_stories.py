"""Metrics and log: the series that each record and each event moves, and the lines it leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import (
    Attempt,
    PlatformSide,
    Source,
    StrayAnswer,
)
from fleet_wire.contract.causes import outcome_of
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.contract.topics import TopicKind
from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.outputs.logs import LogSink, RevisionLog
from platform_probe.outputs.metrics import ProbeMetrics
from platform_probe.outputs.rental_metrics import FOLLOWED_S
from tests.helpers.consoles import incident_of
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.fake_clock import EPOCH_S, FakeClock
from tests.helpers.log_lines import Log
from tests.helpers.records import COMPLAINT, STRAY, attempt_of
from tests.helpers.transcripts import Player, stories_test, with_members

_OF_EVERY_LINE = {"level", "event", "at", "trace_id", "span_id", "attempt_id"}
_Key = tuple[str, tuple[str, ...]]
"""A sample: its name, and the values of its labels."""


@dataclass
class CountPlayer(Player):
    """The metrics of a monitor, of its judge and of rentals.

    `platform` makes metrics of a monitor that follows the platform's log.
    """

    probe: ProbeMetrics = field(
        default_factory=lambda: ProbeMetrics(CollectorRegistry(), version="1.2.3")
    )
    judge: JudgeMetrics = field(default_factory=lambda: JudgeMetrics(CollectorRegistry()))
    before: dict[_Key, tuple[float, bool]] = field(default_factory=dict)
    """The samples that were told last: value, and whether there is a way to a trace."""
    shown: tuple[str, ...] = ()
    """The metrics that a story is about, as it says with `only`; else all."""

    def __post_init__(self) -> None:
        """Note where the series begin."""
        self.before = dict(self._samples())

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "attempt": lambda **more: self.probe.emit(_attempt(**more)),
            "connected": self.probe.connected.set,
            "last_ends": lambda **ends: self.probe.set_last_ends(
                {Source(source): at for source, at in ends.items()}
            ),
            "reconnects": lambda **regions: self.probe.note_reconnects(
                {None if name == "none" else name: number for name, number in regions.items()}
            ),
            "resolved": lambda: self.judge.rentals.note_incidents([]),
            "stray": lambda kind, source, **more: self.probe.emit(_stray(kind, source, **more)),
            "unlock": lambda booking, cause=None, **more: self.judge.rentals.count(
                _attempt(booking, cause=cause, **{"source": "customer", "total_s": 20.0, **more})
            ),
            "watched": lambda seconds, connected: self.probe.add_watched(
                seconds, connected=connected
            ),
        }

    def news(self) -> list[str]:
        """Return by metric the series that moved since it was asked last.

        A histogram has the smallest bucket that counts what was observed, and the sum.
        """
        before, now = self.before, dict(self._samples())
        told: dict[str, list[str]] = {}
        buckets: set[_Key] = set()
        for (name, labels), told_now in now.items():
            family, part = _split(name)
            of_histogram = family, labels[:-1]
            is_known = part == "_count" or (part == "_bucket" and of_histogram in buckets)
            if is_known or before.get((name, labels), (0.0, False)) == told_now:
                continue
            if part == "_bucket":
                buckets.add(of_histogram)
            made = "" if (name, labels) in before else " (new)"
            told.setdefault(family, []).append(f"{_words(labels, part, *told_now)}{made}")
        for name, labels in sorted(before.keys() - now.keys()):
            told.setdefault(name, []).append(" ".join((*labels, "gone")))
        self.before = now
        return [
            f"{name}: {', '.join(series)}"
            for name, series in told.items()
            if not self.shown or name in self.shown
        ]

    def _do_only(self, *metrics: str) -> None:
        self.shown = metrics

    def _samples(self) -> Iterator[tuple[_Key, tuple[float, bool]]]:
        for registry in (self.probe.registry, self.judge.registry):
            for family in registry.collect():
                for one in () if "process_" in family.name else family.samples:
                    labels = tuple(map(_label, one.labels.items()))
                    key = one.name.removeprefix("unlockpath_"), labels
                    yield key, (one.value, one.exemplar is not None)

    def _do_each(self, trait: str, number: int, **more: Any) -> None:
        """Count an unlock for each of so many values of a trait."""
        for place in range(number):
            made: dict[str, Any] = {trait: f"{trait}_{place}", **more}
            self.probe.emit(_attempt(**made))

    def _do_platform(self) -> None:
        registry = CollectorRegistry()
        self.probe = ProbeMetrics(registry, version="1.2.3", follows_platform=True)
        self.before = dict(self._samples())

    def _do_fleet(self, in_flight: int = 0, **boxes: int) -> None:
        """Show a fleet: `asleep=3`, or `north_online=2` of a region."""
        by_region = {
            (None if region == "none" else region, presence): number
            for name, number in boxes.items()
            for region, _, presence in [name.rpartition("_")]
            if region
        }
        alone = {name: number for name, number in boxes.items() if "_" not in name}
        self.probe.set_fleet(in_flight=in_flight, boxes=alone, by_region=by_region)

    def _do_traffic(self, unix_s: float, not_followed: int, **topics: int) -> None:
        totals = {kind: topics.get(kind.value, 0) for kind in TopicKind}
        self.probe.note_traffic(totals, not_followed, unix_s)

    def _do_diagnosis(self, *modes: str) -> None:
        self.judge.count_diagnosis(diagnosis_of(*(RankedMode(mode, 0.5) for mode in modes)))

    def _do_half_an_hour_later(self) -> None:
        """Let an unlock end, long after, of which nothing is counted."""
        later = _attempt("later", at=10 * FOLLOWED_S, source="customer", cause="api_refused")
        self.judge.rentals.count(later)

    def _do_call(self, booking: str, attempt: str | None = None) -> None:
        attempts = () if attempt is None else (attempt,)
        call = msgspec.structs.replace(COMPLAINT, booking_id=booking, attempts=attempts)
        self.judge.rentals.count_call(call)

    def _do_incident(self, kind: IncidentKind = IncidentKind.FAILURES, **cohort: Any) -> None:
        found = incident_of(kind=kind, cohort={k: str(v) for k, v in cohort.items()})
        self.judge.rentals.note_incidents([found])


@dataclass
class LogPlayer(Player):
    """The lines of the log that records lead to."""

    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        """Make what writes them."""
        self.sink = LogSink(self.log.logger, FakeClock())
        self.revisions = RevisionLog(self.log.logger)

    def _do_believed(self, mode: str, **more: Any) -> None:
        self.revisions.log_diagnosis(diagnosis_of(RankedMode(mode, 0.9), **more))

    def _do_settled(self, mode: str, **more: Any) -> None:
        self.revisions.settled(diagnosis_of(RankedMode(mode, 0.9), **more))

    def _do_attempt(self, **more: Any) -> None:
        self.sink.emit(_attempt(**more))

    def _do_stray(self, kind: str, source: str, **more: Any) -> None:
        self.sink.emit(_stray(kind, source, **more))

    def news(self) -> list[str]:
        """Return each line: its level and event, and its fields that are no mappings."""
        return [
            " ".join(
                [line["level"], line["event"]]
                + [f"{name}={one}" for name, one in line.items() if name not in _OF_EVERY_LINE]
            )
            for line in self.new_of(self.log.lines)
        ]


def _label(label: tuple[str, str]) -> str:
    """Return the value of a label, with its name where the value says nothing by itself."""
    return "=".join(label) if label[1] in ("yes", "no") else label[1]


def _split(name: str) -> tuple[str, str]:
    """Return the family of a sample, and which part of a histogram it is."""
    for part in ("_bucket", "_count", "_sum"):
        if name.endswith(part):
            return name.removesuffix(part), part
    return name, ""


def _words(labels: tuple[str, ...], part: str, value: float, has_trace: bool) -> str:  # noqa: FBT001
    """Return a series in words: the values of its labels, and its own."""
    if part == "_bucket":
        labels = (*labels[:-1], f"within {labels[-1]}")
    trace = ("with", "trace") if has_trace else ()
    value = value - EPOCH_S if value > EPOCH_S / 2 else value
    return " ".join((*labels, *filter(None, [part.lstrip("_")]), f"{value:g}", *trace)).replace(
        " bucket ", ": "
    )


def _attempt(
    booking: str | None = None,
    *,
    at: float = 0.0,
    total_s: float = 2.5,
    app: str | None = None,
    api: str | None = None,
    **changes: Any,
) -> Attempt:
    """Return a record; what is named `hop_STAGE` or `at_STAGE` is a hop or a stage."""
    record = attempt_of(total_s=total_s)
    hops = {name[4:]: changes.pop(name) for name in [*changes] if name.startswith("hop_")}
    stages = {name[3:]: changes.pop(name) for name in [*changes] if name.startswith("at_")}
    if app or api:
        changes["platform"] = PlatformSide(app_version=app, api_release=api)
    return msgspec.structs.replace(
        record,
        booking_id=booking,
        started_at=record.started_at + at,
        outcome=outcome_of(changes.get("cause")),
        hops_s={**record.hops_s, **hops},
        stages={**record.stages, **stages},
        **with_members(Attempt, changes),
    )


def _stray(kind: str, source: str | None, **more: Any) -> StrayAnswer:
    said = with_members(StrayAnswer, {"kind": kind, "source": source, **more})
    return msgspec.structs.replace(STRAY, **said)


test_stories = stories_test(__file__, CountPlayer, log=LogPlayer)
