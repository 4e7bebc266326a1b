"""A tracker on a clock that the test turns, and short words for what can happen to it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, Record, Source, Stage, StrayAnswer
from fleet_wire.contract.causes import CAUSES, Outcome
from fleet_wire.contract.messages import (
    Action,
    Command,
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
    Result,
    Telemetry,
)
from fleet_wire.contract.trace_context import TraceContext
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.attempts.gaps import BEAT_S, Gaps
from platform_probe.measure.attempts.open_attempt import OpenAttempt
from platform_probe.measure.attempts.past_commands import PastCommands
from platform_probe.measure.attempts.start import Start
from platform_probe.measure.attempts.tracker import AttemptTracker
from tests.helpers.fake_clock import FakeClock
from tests.helpers.hand_made_boxes import state_of
from tests.helpers.records import TRACE_ID

CAR = "centre-1"
HEARTBEAT = Telemetry(signal_dbm=-85.0, voltage_v=12.6, position_age_s=0.0)
OTHER_CAR = "centre-2"
DEADLINE_S = 20.0
STATE_GRACE_S = 5.0
LATE_WINDOW_S = 600.0


@dataclass
class TrackerBench:
    """A tracker, its records, and verbs. Answers default to the command `c1` and its car."""

    max_remembered: int = 1_000
    is_watching: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    evidence: FleetEvidence = field(default_factory=FleetEvidence)
    gaps: Gaps = field(default_factory=Gaps)
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the tracker."""
        self.tracker = AttemptTracker(
            clock=self.clock,
            evidence=self.evidence,
            emit=self.records.append,
            deadline_s=DEADLINE_S,
            state_grace_s=STATE_GRACE_S,
            is_watching=self.is_watching,
            remembered=PastCommands(window_s=LATE_WINDOW_S, max_commands=self.max_remembered),
            gaps=self.gaps,
        )

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts that have ended."""
        return [record for record in self.records if isinstance(record, Attempt)]

    @property
    def strays(self) -> list[StrayAnswer]:
        """The stray answers so far."""
        return [record for record in self.records if isinstance(record, StrayAnswer)]

    def only(self) -> Attempt:
        """Return the one attempt that has ended."""
        (attempt,) = self.attempts
        return attempt

    def wait(self, seconds: float) -> None:
        """Let time pass, and tell the tracker."""
        self.clock.now_s += seconds
        self.clock.wall_s += seconds
        self.tracker.tick()

    def start(
        self,
        command_id: str = "c1",
        vehicle_id: str = CAR,
        *,
        late_s: float = 0.0,
        source: Source = Source.PROBE,
        through_api: bool = False,
    ) -> OpenAttempt:
        """Start an unlock, `late_s` after it was intended."""
        start = Start(
            attempt_id=command_id if through_api else f"attempt-{command_id}",
            command_id=command_id,
            vehicle_id=vehicle_id,
            trace_id=TRACE_ID,
            source=source,
            intended_s=self.clock.now_s - late_s,
            through_api=through_api,
        )
        return self.tracker.start(start)

    def send(self, command_id: str = "c1", vehicle_id: str = CAR) -> None:
        """Start an unlock, publish it, and let the broker take it."""
        self.start(command_id, vehicle_id)
        self.tracker.published(command_id)
        self.tracker.acknowledged(command_id, 0)

    def answer(
        self,
        phase: Phase,
        command_id: str = "c1",
        vehicle_id: str = CAR,
        *,
        reason: Reason | None = None,
        since_received_s: float | None = None,
    ) -> None:
        """Let an answer come."""
        result = Result(command_id, phase, reason, since_received_s=since_received_s)
        self.tracker.result(vehicle_id, result)

    def received(self, command_id: str = "c1", since_received_s: float | None = None) -> None:
        """Let the box confirm that it got the command."""
        self.answer(Phase.RECEIVED, command_id, since_received_s=since_received_s)

    def executed(self, command_id: str = "c1", since_received_s: float | None = None) -> None:
        """Let the box say that it did it."""
        self.answer(Phase.EXECUTED, command_id, since_received_s=since_received_s)

    def refused(self, reason: Reason | None, command_id: str = "c1") -> None:
        """Let the box refuse."""
        self.answer(Phase.REFUSED, command_id, reason=reason)

    def opened(
        self,
        moved_by: str | None = "c1",
        vehicle_id: str = CAR,
        *,
        is_locked: bool = False,
        retained: bool = False,
        site: str | None = None,
    ) -> None:
        """Let the car report its lock, and where it stands."""
        state = state_of(vehicle_id, is_locked=is_locked, command_id=moved_by)
        state = msgspec.structs.replace(state, site=site)
        self.tracker.state(vehicle_id, state, retained=retained)

    def presence(
        self, reason: PresenceReason | None = None, vehicle_id: str = CAR, *, retained: bool = False
    ) -> None:
        """Let the box be online (no reason), or offline for this reason."""
        status = PresenceStatus.OFFLINE if reason else PresenceStatus.ONLINE
        self.tracker.presence(vehicle_id, Presence(status, "s1", reason), retained=retained)

    def customer(
        self,
        command_id: str = "k1",
        action: Action = Action.UNLOCK,
        trace: TraceContext | None = None,
    ) -> None:
        """Let somebody else's command be seen."""
        self.tracker.command_seen(CAR, _command(command_id, action), trace)

    def another_probe(self, command_id: str = "p1") -> None:
        """Let another probe's command be seen."""
        self.tracker.pass_over(command_id)


class BeatingBench(TrackerBench):
    """A tracker whose event loop beats while time passes, unless it stands still."""

    def wait(self, seconds: float) -> None:
        """Let time pass, beat by beat."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            super().wait(min(BEAT_S, end_s - self.clock.now_s))
            self.gaps.beat(self.clock.now_s)

    def stand_still(self, seconds: float) -> None:
        """Let time pass unnoticed."""
        self.clock.now_s += seconds
        self.clock.wall_s += seconds


def _command(command_id: str, action: Action) -> Command:
    return Command(command_id, action, 0, 30_000, 1, "signature", booking_id="b7")


def check_arithmetic(attempt: Attempt) -> None:
    """Check what holds for every attempt: its hops add up, and its cause fits its outcome."""
    assert sum(attempt.hops_s.values()) == pytest.approx(attempt.total_s, abs=1e-5)
    assert max(attempt.stages.values()) <= attempt.total_s + 1e-9
    assert attempt.stages[Stage.INTENDED] == 0
    if attempt.cause is not None:
        assert attempt.outcome is CAUSES[attempt.cause].outcome
    else:
        assert attempt.outcome is Outcome.OK
