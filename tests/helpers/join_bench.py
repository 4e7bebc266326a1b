"""A joiner behind a tracker, and short words for the lines of a platform that sees an unlock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fleet_wire.contract.attempt import Attempt, Complaint, StrayAnswer
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.trace_context import TraceContext
from platform_probe.measure.attempts.joiner import Joiner, JoinLimits
from tests.helpers.records import TRACE_ID
from tests.helpers.tracker_bench import CAR, DEADLINE_S, LATE_WINDOW_S, TrackerBench

LATE_S = 10.0
WAIT_S = 60.0
TICK_S = 0.5


def watching_bench(*, deadline_s: float = DEADLINE_S) -> TrackerBench:
    """Return a tracker that sees the commands of others."""
    bench = TrackerBench(is_watching=True)
    bench.tracker._deadline_s = deadline_s
    return bench


SPAN_ID = "00f067aa0ba902b7"
"""Of whoever sent the command."""


@dataclass
class JoinBench:
    """A tracker and a joiner, and the platform's clock, which is `ahead_s` of the monitor's."""

    ahead_s: float = 0.0
    behind: TrackerBench = field(default_factory=watching_bench)
    records: list[Attempt] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    late: list[StrayAnswer] = field(default_factory=list)
    """Late answers that are judged."""
    is_ours: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        """Put both together."""
        tracker = self.behind.tracker
        self.joiner = Joiner(
            clock=self.behind.clock,
            evidence=self.behind.evidence,
            emit=self.records.append,
            is_under_way=tracker.is_under_way,
            load_began_s=lambda: tracker.load_began_s,
            limits=JoinLimits(
                late_s=LATE_S, wait_s=WAIT_S, deadline_s=DEADLINE_S, revise_s=LATE_WINDOW_S
            ),
            is_ours=self.is_ours,
            on_complaint=self.complaints.append,
        )
        self.joiner.on_late = self.late.append
        tracker.to_join = self.joiner.take_attempt

    @property
    def platform_at(self) -> float:
        """The present on the platform's clock."""
        return self.behind.clock.wall_s + self.ahead_s

    def only(self) -> Attempt:
        """Return the one record."""
        (record,) = self.records
        return record

    def last(self) -> dict[str, Attempt]:
        """Return the last revision of each unlock that counts, by its id."""
        last = {record.attempt_id: record for record in self.records}
        return {name: record for name, record in last.items() if not record.same_as}

    def wait(self, seconds: float) -> None:
        """Let time pass, with a tick now and then."""
        while seconds > 0:
            step_s = min(seconds, TICK_S)
            self.behind.wait(step_s)
            self.joiner.tick()
            seconds -= step_s

    def event(self, step: str, **changes: Any) -> PlatformEvent:
        """Return a line that is written now. Without `changes` it is about command `k1`."""
        fields: dict[str, Any] = {
            "at": self.platform_at,
            "request_id": "r1",
            "operation": "unlock",
            "trace_id": TRACE_ID,
            "vehicle_id": CAR,
            "booking_id": "b7",
            **changes,
        }
        return PlatformEvent(PlatformStep(step), **fields)

    def line(self, step: str, **changes: Any) -> None:
        """Let a line come at once."""
        self.joiner.take_event(self.event(step, **changes))

    def requested(self, **changes: Any) -> None:
        """Let the phone's request come to the API."""
        known = {"endpoint": "/unlock", "method": "POST", "app_version": "5.1"}
        self.line(PlatformStep.REQUESTED, **known, **changes)

    def answered(self, status: int, problem: str | None = None, **changes: Any) -> None:
        """Let the API answer."""
        self.line(PlatformStep.ANSWERED, status=status, problem=problem, **changes)

    def published(self, command_id: str = "k1", **changes: Any) -> None:
        """Let the platform publish a command."""
        self.line(PlatformStep.PUBLISHED, command_id=command_id, **changes)

    def accepted(self, command_id: str = "k1", **changes: Any) -> None:
        """Let the broker's PUBACK come to the platform."""
        self.line(PlatformStep.ACCEPTED, command_id=command_id, **changes)

    def ended(self, outcome: str = "executed", command_id: str | None = "k1", **more: Any) -> None:
        """Let the platform know how it ended."""
        self.line(PlatformStep.ENDED, command_id=command_id, outcome=outcome, **more)

    def called(self, ticket: str = "ticket-1", **changes: Any) -> None:
        """Let the customer call support."""
        changes = {"trace_id": None, "operation": "support_call", **changes}
        self.line(PlatformStep.SUPPORT_CALLED, request_id=ticket, **changes)

    def seen(
        self, command_id: str = "k1", trace_id: str | None = TRACE_ID, booking_id: str = "b7"
    ) -> None:
        """Let the command be seen on MQTT."""
        command = Command(
            command_id, Action.UNLOCK, 0, 30_000, 1, "signature", booking_id=booking_id
        )
        trace = None if trace_id is None else TraceContext(trace_id, SPAN_ID)
        self.behind.tracker.command_seen(CAR, command, trace)

    def opens(self, command_id: str = "k1") -> None:
        """Let the car answer and open, in half a second."""
        self.wait(0.25)
        self.behind.received(command_id)
        self.wait(0.25)
        self.behind.executed(command_id)
        self.behind.opened(command_id)
