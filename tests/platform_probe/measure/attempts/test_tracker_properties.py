"""Whatever happens in whatever order: each attempt ends once, and the sums hold."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Action, Phase, PresenceReason, Reason
from tests.helpers.tracker_bench import (
    DEADLINE_S,
    HEARTBEAT,
    LATE_WINDOW_S,
    TrackerBench,
    check_arithmetic,
)

CARS = ("centre-1", "centre-2", "north-1")
cars = st.sampled_from(CARS)
numbers = st.integers(0, 7)


class AnyOrder(RuleBasedStateMachine):
    """Events come in any order, for known and unknown commands, from right and wrong cars."""

    is_watching = False

    def __init__(self) -> None:
        super().__init__()
        self.bench = TrackerBench(max_remembered=5, is_watching=self.is_watching)
        self.begun = 0

    def command_id(self, number: int) -> str:
        """Return the id of one of the latest commands, or of one that was never sent."""
        return f"c{max(self.begun - number, -1)}"

    @rule(car=cars, source=st.sampled_from([Source.PROBE, Source.FLOOR]), late_s=st.floats(0, 30))
    def start(self, car: str, source: Source, late_s: float) -> None:
        """Begin an unlock."""
        self.bench.start(f"c{self.begun}", car, late_s=late_s, source=source)
        self.begun += 1

    @rule(number=numbers, action=st.sampled_from(Action))
    def command_seen(self, number: int, action: Action) -> None:
        """Let somebody else command, perhaps the same thing again."""
        self.bench.customer(f"k{number}", action)

    @rule(number=numbers)
    def published(self, number: int) -> None:
        """Let a command leave."""
        self.bench.tracker.published(self.command_id(number))

    @rule(number=numbers)
    def failed(self, number: int) -> None:
        """Let a command fail to leave."""
        self.bench.tracker.fail(self.command_id(number), Cause.NOT_PUBLISHED, "queue is full")

    @rule(number=numbers, code=st.sampled_from([0, 0, 0, 16, 135]))
    def acknowledged(self, number: int, code: int) -> None:
        """Let a PUBACK come."""
        self.bench.tracker.acknowledged(self.command_id(number), code)

    @rule(
        number=numbers,
        car=cars,
        prefix=st.sampled_from("cccck"),
        phase=st.sampled_from(Phase),
        reason=st.none() | st.sampled_from(Reason),
        since_received_s=st.none() | st.floats(0, 1e9),
    )
    def answer(
        self, *, number: int, car: str, prefix: str, phase: Phase, reason: Reason | None,
        since_received_s: float | None,
    ) -> None:  # fmt: skip
        """Let a box answer."""
        command_id = self.command_id(number) if prefix == "c" else f"k{number}"
        self.bench.answer(phase, command_id, car, reason=reason, since_received_s=since_received_s)

    @rule(number=st.none() | numbers, car=cars, is_locked=st.booleans(), retained=st.booleans())
    def state(self, *, number: int | None, car: str, is_locked: bool, retained: bool) -> None:
        """Let a car report its lock."""
        moved_by = None if number is None else self.command_id(number)
        self.bench.opened(moved_by, car, is_locked=is_locked, retained=retained)

    @rule(car=cars, reason=st.none() | st.sampled_from(PresenceReason), retained=st.booleans())
    def presence(self, *, car: str, reason: PresenceReason | None, retained: bool) -> None:
        """Let a box come or go."""
        self.bench.presence(reason, car, retained=retained)

    @rule(car=cars)
    def telemetry(self, car: str) -> None:
        """Let a heartbeat come."""
        self.bench.tracker.telemetry(car, HEARTBEAT)

    @rule(seconds=st.sampled_from([0.0, 0.001, 0.3, 4.9, 5.0, 19.0, 20.0, 700.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.bench.wait(seconds)

    @rule(seconds=st.floats(-1e9, 1e9))
    def jump(self, seconds: float) -> None:
        """Let the wall clock jump."""
        self.bench.clock.wall_s += seconds

    @rule()
    def broker_lost(self) -> None:
        """Let the connection break."""
        self.bench.tracker.broker_lost("broker_closed")

    @invariant()
    def counts_agree(self) -> None:
        """Check that what was started has ended or is open, and that nothing ended twice."""
        tracker = self.bench.tracker
        assert tracker.started.total() == tracker.ended.total() + len(tracker)
        assert tracker.ended == Counter(attempt.source for attempt in self.bench.attempts)
        ids = [
            attempt.attempt_id
            for attempt in self.bench.attempts
            if (attempt.command_id or "").startswith("c")
        ]
        assert len(ids) == len(set(ids))

    def teardown(self) -> None:
        """End everything; check every record, and the metrics against the records."""
        self.bench.tracker.interrupt()
        self.bench.wait(LATE_WINDOW_S)
        assert len(self.bench.tracker) == 0
        assert not any(self.bench.tracker.knows(f"c{number}") for number in range(self.begun))
        probe_own = [one for one in self.bench.attempts if one.source is not Source.CUSTOMER]
        assert len(probe_own) == self.begun
        for attempt in self.bench.attempts:
            check_arithmetic(attempt)
            assert attempt.total_s <= max(DEADLINE_S, attempt.stages["requested"])


class AnyOrderWatching(AnyOrder):
    """The same, where answers without a command are held for a moment."""

    is_watching = True


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)
TestAnyOrderWatching = AnyOrderWatching.TestCase
TestAnyOrderWatching.settings = TestAnyOrder.settings
