"""Plays transcripts of the joiner: what the platform's log, the broker and the car say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet_wire.contract.attempt import Attempt, PlatformSide, Record
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.topics import TopicKind
from platform_probe.measure.attempts.evidence import FleetEvidence
from tests.helpers.join_bench import JoinBench, watching_bench
from tests.helpers.told_attempts import Accounts
from tests.helpers.track_player import WIRES
from tests.helpers.tracker_bench import CAR, TrackerBench
from tests.helpers.transcripts import Teller

SHORT = {
    "booking": "booking_id",
    "car": "vehicle_id",
    "command": "command_id",
    "request": "request_id",
    "trace": "trace_id",
}
PLAIN = ("requested", "answered", "published", "accepted", "ended", "called", "seen")


@dataclass
class JoinPlayer(Teller):
    """A joiner behind a tracker.

    Lines of the platform's log are about request `r1`, and answers of the car about command `k1`,
    if no other is named. `held` writes a line that `arrive` brings later, alone or `together`.
    `ask` is our own request to the API, and `api` its answer, which may end the unlock.
    """

    bench: JoinBench = field(default_factory=JoinBench)
    held: list[PlatformEvent] = field(default_factory=list)
    accounts: Accounts = field(default_factory=Accounts)
    told: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """The ids of complaints that were told."""

    def __post_init__(self) -> None:
        """Collect what the joiner emits, in its order."""
        self.bench.joiner._emit = self._tell
        self.bench.joiner.on_late = self._tell

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        bench = self.bench
        plain = {name: _long(getattr(bench, name)) for name in PLAIN}
        steps: dict[str, Callable[..., object]] = {
            step.value: _long(lambda step=step, **more: bench.line(step, **more))
            for step in PlatformStep
            if step not in plain
        }
        return {
            **super().verbs(),
            **steps,
            **plain,
            "caught_up": bench.joiner.caught_up,
            "broker_lost": bench.behind.tracker.broker_lost,
            "flush": bench.joiner.flush,
            "held": _long(self._hold),
            "missed": bench.joiner.missed,
            "opens": bench.opens,
            "reports": bench.behind.opened,
            "unread": lambda kind: bench.behind.tracker.unread(CAR, TopicKind(kind)),
            "wait": bench.wait,
        }

    def news(self) -> list[str]:
        """Return the records that came since it was asked last."""
        for complaint in self.bench.complaints:
            self._tell(complaint)
            self.calls.append(complaint.complaint_id)
        self.bench.complaints.clear()
        return super().news()

    def _tell(self, record: Record) -> None:
        if isinstance(record, Attempt):
            self.bench.records.append(record)
        self.told += self.accounts.of(record)

    def _do_ahead(self, seconds: float) -> None:
        self.bench.ahead_s = seconds

    def _hold(self, step: str, at: float = 0.0, **more: Any) -> None:
        self.held.append(self.bench.event(step, **more, at=self.bench.platform_at + at))

    def _do_patient(self, deadline_s: float) -> None:
        """Wait longer for the car than for the log."""
        self.bench = JoinBench(behind=watching_bench(deadline_s=deadline_s))
        self.__post_init__()

    def _do_wire(self, name: str) -> None:
        evidence = FleetEvidence(wire=WIRES[name])
        self.bench = JoinBench(behind=TrackerBench(evidence=evidence, is_watching=True))
        self.__post_init__()

    def _do_ask(self) -> None:
        self.asked = self.bench.behind.start("own", through_api=True)
        self.asked.asked = PlatformSide(method="POST", endpoint="/open")

    def _do_api(self, status: int, problem: str | None = None, ends: Cause | None = None) -> None:
        tracker = self.bench.behind.tracker
        tracker.api_answered(self.asked, status, problem)
        if ends is not None:
            tracker.end_as_told(self.asked, ends, None)

    def _do_arrive(self, how: str = "alone", times: int = 1) -> None:
        lines, self.held[:] = self.held * times, []
        if how == "together":
            self.bench.joiner.take_events(lines)
        for line in lines if how == "alone" else ():
            self.bench.joiner.take_event(line)

    def _do_late(self) -> None:
        """Let a car that was given up say that it has opened."""
        self.bench.behind.executed("k1")
        self.bench.joiner.take_late(self.bench.behind.strays[-1])

    def _do_ours(self, which: bool | str) -> None:  # noqa: FBT001 - yes, no, the first, or of a key
        """Let a group say which unlocks this monitor counts; a key tells what it is asked."""
        answers = iter([True])

        def is_ours(key: str) -> bool:
            if which == "first":
                return next(answers, False)
            if isinstance(which, bool):
                return which
            self.told.append(f"asked whose {key} is")
            return key == which

        self.bench = JoinBench(is_ours=is_ours)
        self.__post_init__()

    def _do_restart(self, away: float = 0.0) -> None:
        """Let another process know what was written, so many seconds later."""
        self.news()
        records, wall_s = self.bench.records, self.bench.behind.clock.wall_s
        self.bench = JoinBench()
        if away:
            self.bench.behind.clock.wall_s = wall_s + away
        self.__post_init__()
        self.bench.joiner.take_up(records, self.calls)

    def _do_catch_up(self) -> None:
        self.bench.joiner.is_catching_up = True

    def _do_due(self) -> None:
        due_s = self.bench.joiner.next_s()
        when = "never" if due_s is None else f"in {due_s - self.bench.behind.clock.now_s:g} s"
        self.told.append(f"due {when}")

    def _do_stop(self) -> None:
        self.bench.behind.tracker.interrupt()
        self.bench.joiner.flush()

    def _do_counts(self) -> None:
        joiner, tracker = self.bench.joiner, self.bench.behind.tracker
        counts = joiner.counts
        unlocks = tracker.started.total() + counts.only_platform
        self.told.append(
            f"{unlocks} unlocks, {tracker.ok + counts.ok_by_log} ok, {counts.only_platform} known"
            f" from the log alone, {counts.revisions} revisions, {len(joiner)} under way,"
            f" {joiner.out_of_time} lines out of time"
        )


def _long(verb: Callable[..., object]) -> Callable[..., object]:
    """Return a verb that knows the short names of fields; a trace is filled up with zeros."""

    def call(*positional: Any, **named: Any) -> object:
        named = {SHORT.get(name, name): value for name, value in named.items()}
        if named.get("trace_id") is not None:
            named["trace_id"] = f"{named['trace_id']:0>32}"
        return verb(*positional, **named)

    return call
