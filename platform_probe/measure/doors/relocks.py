"""Locks again what a synthetic unlock has opened, or may have: nobody stands beside that car.

A lock is a command like any other: it can be lost, refused or answered too late. It is asked for up
to `TRIES` times, each with a command of its own. A car that may stand open even then is named in
the log. Its answers belong to no attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import (
    PROBE_STOPPED,
    Attempt,
    Complaint,
    Record,
    Source,
    Stage,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.messages import Phase, Result
from platform_probe.measure.attempts.tracker import AttemptTracker
from platform_probe.measure.load.timers import Timers
from platform_probe.outputs.logs import Logger
from platform_probe.outputs.metrics import ProbeMetrics, RelockEnd

TRIES: Final = 3
LOOK_S: Final = 0.25
"""How often it is looked whether a car says that it is locked."""
_MAY_BE_OPEN: Final = (Outcome.OK, Outcome.UNKNOWN)
_MAY_BE_SENT: Final = frozenset({Stage.PUBLISHED.value, Stage.API_ANSWERED.value})
"""A command that an API has accepted may have been sent without our seeing it."""
_IS_OPEN: Final = (Stage.BOX_EXECUTED.value, Stage.STATE_CHANGED.value)


class _Relock:
    """One car that is to be locked."""

    __slots__ = ("command_ids", "ends_s", "is_executed", "is_open", "tries", "vehicle_id", "why")

    def __init__(self, vehicle_id: str, *, is_open: bool) -> None:
        self.vehicle_id = vehicle_id
        self.is_open = is_open
        """Whether the car itself said that it opened."""
        self.tries = 0
        self.ends_s = 0.0
        """When the present try is over."""
        self.command_ids: tuple[str, ...] = ()
        self.is_executed = False
        self.why = ""
        """The last error."""


class Relocks:
    """Takes every record, and locks the cars of synthetic unlocks that may be open.

    `lock` sends a command to a car; it returns its id, and why it was not sent, if it was not.
    `why_not` says why a car is not to be touched now, None where it may be. Each try has
    `patience_s` seconds.
    """

    def __init__(
        self,
        *,
        lock: Callable[[str], tuple[str, str | None]],
        why_not: Callable[[str], str | None],
        tracker: AttemptTracker,
        clock: Clock,
        timers: Timers,
        patience_s: float,
        metrics: ProbeMetrics,
        logger: Logger,
    ) -> None:
        self._lock = lock
        self._why_not = why_not
        self._tracker = tracker
        tracker.on_other = self.handle_box_answer
        tracker.on_stranger = self.asked_by_another
        self._clock = clock
        self._timers = timers
        self._patience_s = patience_s
        self._metrics = metrics
        self._logger = logger
        self._under_way: dict[str, _Relock] = {}

    def __len__(self) -> int:
        """Return how many cars are still to be locked."""
        return len(self._under_way)

    def __contains__(self, vehicle_id: str) -> bool:
        return vehicle_id in self._under_way

    def handle_record(self, record: Record) -> None:
        """Handle the record of an unlock that has ended, or of an answer that arrived later."""
        if isinstance(record, Complaint):
            return
        before = self._under_way.get(record.vehicle_id)
        if record.source is Source.CUSTOMER:
            if before is not None and isinstance(record, Attempt):
                self._end_relock(before, RelockEnd.LEFT, "its customer has come")
        elif record.source is Source.PROBE and _may_be_open(record):
            is_open = _is_open(record) or (before is not None and before.is_open)
            relock = _Relock(record.vehicle_id, is_open=is_open)
            self._under_way[record.vehicle_id] = relock
            # Not at once: the tracker is in the midst of ending the attempt.
            self._timers.call_soon(self._try, relock)

    def handle_box_answer(self, vehicle_id: str, result: Result) -> None:
        """Handle a box's answer to a command that is no unlock of the attempts."""
        relock = self._under_way.get(vehicle_id)
        if relock is None or result.command_id not in relock.command_ids:
            return
        if result.phase is Phase.REFUSED:
            relock.why = f"refused: {result.reason or 'without a reason'}"
        elif result.phase is Phase.EXECUTED:
            relock.is_executed = True
            relock.why = "executed, but the car does not say that it is locked"

    def handle_api_answer(self, vehicle_id: str, why_not: str | None) -> None:
        """Handle an API's answer about a lock; None: it went well."""
        relock = self._under_way.get(vehicle_id)
        if relock is not None:
            relock.is_executed = why_not is None
            relock.why = why_not or "executed, but the car does not say that it is locked"

    def asked_by_another(self, vehicle_id: str) -> None:
        """Handle another sender's command to a car, which another monitor counts."""
        relock = self._under_way.get(vehicle_id)
        if relock is not None:
            self._end_relock(relock, RelockEnd.LEFT, "somebody else has asked for it")

    def close(self) -> None:
        """Give up: the probe stops."""
        for relock in tuple(self._under_way.values()):
            self._end_relock(relock, RelockEnd.FAILED, PROBE_STOPPED)

    # Within

    def _try(self, relock: _Relock) -> None:
        if self._is_over(relock):
            return
        if self._tracker.has_open(relock.vehicle_id):  # how that unlock ends decides
            self._timers.call_later(LOOK_S, self._try, relock)
            return
        why_not = self._why_not(relock.vehicle_id)
        if why_not is not None:
            self._end_relock(relock, RelockEnd.LEFT, why_not)
            return
        relock.tries += 1
        relock.ends_s = self._clock.monotonic_s() + self._patience_s
        command_id, why_not_sent = self._lock(relock.vehicle_id)
        relock.command_ids += (command_id,)
        relock.why = why_not_sent or "no answer"
        self._timers.call_later(LOOK_S, self._check_relock, relock)

    def _check_relock(self, relock: _Relock) -> None:
        """Look again and again until the car is locked, or the try is over."""
        if self._is_over(relock):
            return
        evidence = self._tracker.evidence
        says_locked = (
            evidence.state_of(relock.vehicle_id).is_locked or not evidence.wire.reports_lock
        )
        if relock.is_executed and says_locked:
            self._end_relock(relock, RelockEnd.LOCKED, "")
        elif self._clock.monotonic_s() < relock.ends_s:
            self._timers.call_later(LOOK_S, self._check_relock, relock)
        elif relock.tries < TRIES:
            self._try(relock)
        else:
            self._end_relock(relock, RelockEnd.FAILED, relock.why)

    def _is_over(self, relock: _Relock) -> bool:
        return self._under_way.get(relock.vehicle_id) is not relock

    def _end_relock(self, relock: _Relock, end: RelockEnd, why: str) -> None:
        del self._under_way[relock.vehicle_id]
        self._metrics.relocks[end].inc()
        if end is RelockEnd.LOCKED:
            return
        is_bad = end is RelockEnd.FAILED and relock.is_open
        (self._logger.error if is_bad else self._logger.warning)(
            "not_locked_again",
            vehicle_id=relock.vehicle_id,
            end=end,
            why=why,
            tries=relock.tries,
            is_known_to_have_opened=relock.is_open,
            explanation="a synthetic unlock of this car may have left it open",
        )


def _may_be_open(record: Attempt | StrayAnswer) -> bool:
    if isinstance(record, Attempt):
        return record.outcome in _MAY_BE_OPEN and not _MAY_BE_SENT.isdisjoint(record.stages)
    return record.kind is StrayKind.LATE and record.phase == Phase.EXECUTED.value


def _is_open(record: Attempt | StrayAnswer) -> bool:
    return not isinstance(record, Attempt) or any(stage in record.stages for stage in _IS_OPEN)
