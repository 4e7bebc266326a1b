"""Cars are locked again after synthetic unlocks: tries, failures, customers, bookings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Record
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Phase, Reason
from platform_probe.measure.doors.relocks import LOOK_S, TRIES, Relocks
from platform_probe.outputs.metrics import ProbeMetrics
from tests.helpers.log_lines import Log
from tests.helpers.tracker_bench import CAR, DEADLINE_S, OTHER_CAR, TrackerBench

PATIENCE_S = 8.0


class Call:
    """A call to come, which nobody takes back here."""

    def cancel(self) -> None:
        """Never used by a relock."""
        raise AssertionError


class ClockTimers:
    """Timers on the clock of a tracker's bench, which is turned from call to call."""

    def __init__(self, bench: TrackerBench) -> None:
        self.bench = bench
        self.calls: list[tuple[float, int, Callable[..., Any], tuple[Any, ...]]] = []
        self.asked = 0

    def call_later(self, delay_s: float, then: Callable[..., Any], /, *arguments: Any) -> Call:
        """Call `then` when that much time has passed."""
        self.asked += 1
        heappush(self.calls, (self.bench.clock.now_s + delay_s, self.asked, then, arguments))
        return Call()

    def call_soon(self, then: Callable[..., Any], /, *arguments: Any) -> Call:
        """Call `then` when time passes next."""
        return self.call_later(0.0, then, *arguments)

    def run_for(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self.bench.clock.now_s + duration_s
        while self.calls and self.calls[0][0] <= end_s:
            at_s, _, then, arguments = heappop(self.calls)
            self.bench.wait(at_s - self.bench.clock.now_s)
            then(*arguments)
        self.bench.wait(end_s - self.bench.clock.now_s)


@dataclass
class RelockBench:
    """Relocks behind a tracker; a lock is sent into `locks`, as `lock-1`, `lock-2`, ..."""

    tracker: TrackerBench = field(default_factory=lambda: TrackerBench(is_watching=True))
    locks: list[str] = field(default_factory=list)
    """The cars to which a lock was sent."""
    not_sent: str | None = None
    booked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Put it together."""
        self.timers = ClockTimers(self.tracker)
        self.metrics = ProbeMetrics(CollectorRegistry(), version="test")
        self.log = Log()
        self.relocks = Relocks(
            lock=self.lock,
            why_not=lambda car: "it is booked" if car in self.booked else None,
            tracker=self.tracker.tracker,
            clock=self.tracker.clock,
            timers=self.timers,
            patience_s=PATIENCE_S,
            metrics=self.metrics,
            logger=self.log.logger,
        )
        records = self.tracker.records

        def emit(record: Record) -> None:
            records.append(record)
            self.relocks.handle_record(record)

        self.tracker.tracker._emit = emit

    def lock(self, vehicle_id: str) -> tuple[str, str | None]:
        """Note that a lock is sent."""
        self.locks.append(vehicle_id)
        command_id = f"lock-{len(self.locks)}"
        self.tracker.tracker.pass_over(command_id)
        return command_id, self.not_sent

    def unlock(self, command_id: str = "c1") -> None:
        """Let a synthetic unlock go well."""
        self.tracker.send(command_id)
        self.tracker.executed(command_id)
        self.tracker.opened(command_id)

    def locked(self, number: int = 1, *, is_locked: bool = True) -> None:
        """Let the car execute a lock, and report it."""
        self.tracker.executed(f"lock-{number}")
        self.tracker.opened(f"lock-{number}", is_locked=is_locked)

    def ends(self) -> dict[str, float | None]:
        """Return what became of the cars, as the metric has it, without zeros."""
        value = self.metrics.registry.get_sample_value
        counts = {
            end: value("unlockpath_relocks_total", {"end": end})
            for end in ("locked", "failed", "left")
        }
        return {end: count for end, count in counts.items() if count}


def test_a_car_is_locked_after_a_good_unlock() -> None:
    """One lock, which is neither an attempt nor a stray answer, and nothing in the log."""
    bench = RelockBench()
    bench.unlock()
    assert CAR in bench.relocks
    bench.timers.run_for(1.0)
    bench.tracker.received("lock-1")
    bench.locked()
    bench.timers.run_for(LOOK_S)
    assert (bench.locks, bench.ends(), len(bench.relocks)) == ([CAR], {"locked": 1}, 0)
    bench.timers.run_for(60.0)
    assert len(bench.tracker.records) == 1
    assert bench.locks == [CAR]
    assert bench.log.lines == []


@pytest.mark.parametrize("is_published", [True, False])
def test_a_car_that_may_be_open_is_locked(*, is_published: bool) -> None:
    """A timeout is unknown: the car may have opened, unless the command never left."""
    bench = RelockBench()
    bench.tracker.presence()
    bench.tracker.start()
    if is_published:
        bench.tracker.tracker.published("c1")
    bench.tracker.wait(DEADLINE_S)
    bench.timers.run_for(LOOK_S)
    assert bench.locks == [CAR] * is_published


@pytest.mark.parametrize(
    ("cause", "locks"), [(None, 1), (Cause.NOT_OBSERVED, 1), (Cause.API_REFUSED, 0)]
)
def test_a_car_that_may_be_open_by_an_apis_word_is_locked(cause: Cause | None, locks: int) -> None:
    """Though its command was not seen."""
    bench = RelockBench()
    tracker = bench.tracker.tracker
    attempt = bench.tracker.start(through_api=True)
    tracker.api_answered(attempt, 200, problem=None)
    tracker.end_as_told(attempt, cause, None)
    bench.timers.run_for(LOOK_S)
    assert bench.locks == [CAR] * locks


@pytest.mark.parametrize("reason", [Reason.BUSY, Reason.CAN_BUS_NO_ACK])
def test_a_car_that_did_not_open_is_left_alone(reason: Reason) -> None:
    """Each movement of the lock counts for its thermal protection."""
    bench = RelockBench()
    bench.tracker.send()
    bench.tracker.refused(reason)
    bench.timers.run_for(60.0)
    assert bench.locks == []


def test_a_car_that_opens_late_is_locked() -> None:
    """After the refusal nothing was to be done; then the car opened all the same."""
    bench = RelockBench()
    bench.tracker.send()
    bench.tracker.refused(Reason.BUSY)
    bench.timers.run_for(60.0)
    bench.tracker.received()
    bench.tracker.executed()
    bench.timers.run_for(LOOK_S)
    assert bench.locks == [CAR]


@pytest.mark.parametrize(
    ("goes_wrong", "why"),
    [
        (lambda _: None, "no answer"),
        (lambda bench: bench.tracker.refused(Reason.LOW_VOLTAGE, "lock-3"), "refused: low_voltage"),
        (lambda bench: bench.tracker.refused(None, "lock-3"), "refused: without a reason"),
        (
            lambda bench: bench.locked(3, is_locked=False),
            "executed, but the car does not say that it is locked",
        ),
        (
            lambda bench: bench.tracker.answer(Phase.EXECUTED, "lock-3", OTHER_CAR),
            "no answer",
        ),
    ],
)
def test_what_cannot_be_locked_is_tried_again_then_named(
    goes_wrong: Callable[[RelockBench], None], why: str
) -> None:
    """A car that is known to have opened, and stays so, is an error that names it."""
    bench = RelockBench()
    bench.unlock()
    bench.timers.run_for((TRIES - 1) * PATIENCE_S + 1.0)
    assert bench.locks == [CAR] * TRIES
    goes_wrong(bench)
    bench.timers.run_for(PATIENCE_S)
    assert bench.ends() == {"failed": 1}
    (line,) = bench.log.lines
    assert (line["event"], line["level"]) == ("not_locked_again", "error")
    assert (line["vehicle_id"], line["why"], line["tries"]) == (CAR, why, TRIES)
    assert line["is_known_to_have_opened"]
    bench.timers.run_for(60.0)
    assert len(bench.locks) == TRIES


def test_a_late_answer_to_an_earlier_try_counts() -> None:
    """A locked car is locked, by whichever of the commands."""
    bench = RelockBench()
    bench.unlock()
    bench.timers.run_for(PATIENCE_S + 1.0)
    bench.locked(1)
    bench.timers.run_for(LOOK_S)
    assert bench.ends() == {"locked": 1}


def test_a_lock_that_cannot_be_sent_is_sent_later() -> None:
    """The connection is gone for a moment: the next try goes out."""
    bench = RelockBench(not_sent="no connection")
    bench.unlock()
    bench.timers.run_for(1.0)
    bench.not_sent = None
    bench.timers.run_for(PATIENCE_S)
    bench.locked(2)
    bench.timers.run_for(LOOK_S)
    assert bench.ends() == {"locked": 1}


def test_an_unlock_that_may_not_have_opened_is_a_warning_at_most() -> None:
    """A car that sleeps through unlock and locks is probably locked."""
    bench = RelockBench(not_sent="no connection")
    bench.tracker.presence()
    bench.tracker.send()
    bench.tracker.wait(DEADLINE_S)
    bench.timers.run_for(TRIES * PATIENCE_S + 1.0)
    (line,) = bench.log.lines
    assert (line["level"], line["why"]) == ("warning", "no connection")
    assert not line["is_known_to_have_opened"]


def test_a_car_whose_customer_comes_is_left_to_the_customer() -> None:
    """A door must not lock behind somebody who has just opened it."""
    bench = RelockBench()
    bench.unlock()
    bench.tracker.customer()
    bench.timers.run_for(1.0)
    assert bench.locks == []
    bench.tracker.executed("k1")
    bench.tracker.opened("k1")
    bench.timers.run_for(60.0)
    assert (bench.locks, bench.ends()) == ([], {"left": 1})
    assert bench.log.lines[0]["why"] == "its customer has come"


def test_an_old_answer_to_a_customer_is_no_customer() -> None:
    """What a box repeats of yesterday must not leave the car open."""
    bench = RelockBench()
    bench.tracker.customer()
    bench.tracker.refused(Reason.BUSY, "k1")
    bench.unlock()
    bench.tracker.refused(Reason.BUSY, "k1")
    bench.timers.run_for(1.0)
    assert len(bench.tracker.strays) == 1
    assert bench.locks == [CAR]


def test_a_booked_car_is_not_touched() -> None:
    """Whoever has booked it decides, also between two tries."""
    bench = RelockBench()
    bench.unlock()
    bench.timers.run_for(1.0)
    bench.booked.add(CAR)
    bench.timers.run_for(60.0)
    assert (bench.locks, bench.ends()) == ([CAR], {"left": 1})
    assert bench.log.lines[0]["why"] == "it is booked"


def test_the_last_of_two_taps_is_followed_by_one_lock() -> None:
    """A lock between them would shut the car before the second."""
    bench = RelockBench()
    bench.tracker.send("c1")
    bench.tracker.send("c2")
    bench.tracker.executed("c1")
    bench.tracker.opened("c1")
    bench.timers.run_for(1.0)
    assert bench.locks == []
    bench.tracker.refused(Reason.BUSY, "c2")
    bench.timers.run_for(1.0)
    assert bench.locks == [CAR]


def test_customers_unlocks_are_not_locked() -> None:
    """Only what the probe itself has opened is its concern."""
    bench = RelockBench()
    bench.tracker.customer()
    bench.tracker.executed("k1")
    bench.tracker.opened("k1")
    bench.timers.run_for(60.0)
    assert (bench.locks, bench.ends()) == ([], {})


def test_a_probe_that_stops_names_the_cars_that_it_leaves_open() -> None:
    """Nobody else knows of them."""
    bench = RelockBench()
    bench.unlock()
    bench.timers.run_for(1.0)
    bench.relocks.close()
    (line,) = bench.log.lines
    assert (line["vehicle_id"], line["why"]) == (CAR, "the probe was stopped")
    bench.timers.run_for(60.0)
    assert bench.ends() == {"failed": 1}


def test_a_car_that_another_monitors_customer_opens_is_left_to_them() -> None:
    """Where monitors share the customers, this one has no record of them."""
    bench = RelockBench()
    bench.tracker.tracker.is_ours = lambda _: False
    bench.unlock()
    bench.timers.run_for(0.1)
    bench.tracker.customer("a customer's")
    assert bench.ends() == {"left": 1}
    assert bench.locks == [CAR]
