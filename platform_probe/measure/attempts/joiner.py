"""Judges each unlock from MQTT and the platform's log at the right time. No I/O.

The log's lines come late, out of order, twice or not at all. An unlock is judged when everything
about it is known. Else it is judged when the watermark has passed its due time: by then missing
lines should have arrived. Later lines make another revision of its record, with a number; the
highest one holds.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Complaint, Source, StrayAnswer
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from platform_probe.measure.attempts.ended_attempt import ONLY, EndedAttempt
from platform_probe.measure.attempts.evidence import FleetEvidence
from platform_probe.measure.attempts.joined import Joined, JoinedIndex
from platform_probe.measure.attempts.joined_record import NOT_PUBLISHED
from platform_probe.measure.attempts.judging import JudgedCounts, Judging
from platform_probe.measure.attempts.late_unlocks import LateUnlocks
from platform_probe.measure.attempts.log_time import LogTime
from platform_probe.measure.attempts.platform_side import PlatformSide
from platform_probe.measure.attempts.support_calls import SupportCalls

MAX_REVISABLE: Final = 10_000
"""Judged unlocks that a later line still finds; the oldest is forgotten for each one above."""
MAX_WAITING: Final = 100_000
"""Unlocks that may wait at once: for each one above the one that is due first is judged."""
ASKED_AGAIN_S: Final = 1.0
"""How long after it was due an unlock is looked at again that is still under way on MQTT."""
_STALE: Final = 1_000
"""The most stale entries in the queue, besides as many as wait."""
_UNLOCK: Final = "unlock"


class JoinLimits(NamedTuple):
    """How long what is to be joined waits for the rest, in seconds."""

    late_s: float = 10.0
    """A line may come so long after one that was written later."""
    wait_s: float = 60.0
    """A log that says nothing is waited for so long, on the monitor's clock."""
    deadline_s: float = 20.0
    """A command may come so long after its request."""
    revise_s: float = 600.0
    """A judged unlock is revised for so long, and lines that are older are passed over."""


class Joiner:
    """Takes ended attempts and lines of the platform's log; `emit` takes each judgement.

    `is_under_way` returns whether the unlock of a platform side is open on MQTT. For `is_ours` see
    `Judging`. `on_complaint` takes the record of each call to support, when the unlocks before it
    are judged.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        evidence: FleetEvidence,
        emit: Callable[[Attempt], None],
        is_under_way: Callable[[PlatformSide], bool],
        load_began_s: Callable[[], float],
        limits: JoinLimits,
        is_ours: Callable[[str], bool] | None = None,
        on_complaint: Callable[[Complaint], None] | None = None,
    ) -> None:
        self._clock = clock
        self._emit = emit
        self._is_under_way = is_under_way
        self._limits = limits
        self.judging = Judging(
            clock=clock,
            evidence=evidence,
            load_began_s=load_began_s,
            patience_s=limits.deadline_s,
            is_ours=is_ours,
        )
        self.counts = JudgedCounts()
        self._calls = SupportCalls(
            keep_s=limits.revise_s, evidence=evidence, is_ours=is_ours, on_complaint=on_complaint
        )
        self._index = JoinedIndex(self._on_united, self._on_parted)
        self._late = LateUnlocks(self._platform_side_of)
        self.on_late: Callable[[StrayAnswer], None] | None = None
        """Takes each answer of `take_late`, once it is known what its customer was told."""
        self._waiting: dict[int, Joined] = {}
        self._due: list[tuple[float, int]] = []
        """A heap of when each unlock that waits is to be judged, on the platform's clock, and its
        number: tuples, as structs take longer to compare."""
        self._ready: list[Attempt] = []
        """Finished records that are not handed on yet."""
        self._judged: deque[tuple[float, Joined]] = deque()
        self._again: dict[str, Joined] = {}
        """Unlocks of an earlier process whose lines are read again, by `attempt_id`."""
        self._log_time = LogTime(
            keep_s=limits.revise_s, unix_s=clock.unix_s(), now_s=clock.monotonic_s()
        )
        self.is_catching_up = False
        """Whether the log is still read from the place where an earlier process stopped.

        Missing lines may follow then, and the time at which they arrive says nothing.
        """
        self.out_of_time = 0
        """Lines that were passed over: older than what is revised, or from another time."""
        self.on_wait: Callable[[], None] | None = None
        """Called when there is something more to wait for, see `next_s`."""

    @property
    def newest_at(self) -> float:
        """The latest time in the log, on the platform's clock; minus infinity: no line came."""
        return self._log_time.newest_at

    def __len__(self) -> int:
        """Return how many unlocks wait to be judged, or to be judged again.

        With them calls that are about them, and late answers.
        """
        return len(self._waiting) + len(self._calls) + len(self._late)

    # Inputs

    def take_event(self, event: PlatformEvent) -> None:
        """Handle a line of the platform's log."""
        self.take_events((event,))

    def take_events(self, events: Sequence[PlatformEvent]) -> None:
        """Handle lines that were read together, as if all arrived at the same moment."""
        now_s = self._clock.monotonic_s()
        in_time = self._in_time(events, now_s)
        if not in_time:
            return
        if not self.is_catching_up:
            self.judging.clock_offset.line(max([event.at for event in in_time]), now_s)
        for joined in self._add_to_unlocks(in_time):
            if not joined.is_gone:  # else another line of these has shown whose part it is
                self._settle(joined)
        self._hand_on()
        if self._late:
            self._look_at_late(self._watermark_at(now_s))
        if self._due and self._due[0][0] <= self.newest_at - self._limits.late_s:
            self.tick()

    def take_attempt(self, attempt: EndedAttempt) -> None:
        """Handle an unlock that has ended on MQTT."""
        joined = self._index.take_attempt(attempt)
        joined.is_closed = False  # MQTT showed a new send: it is open again
        self._settle(joined)
        self._hand_on()

    def take_late(self, stray: StrayAnswer) -> None:
        """Handle a late answer that has opened a car: its customer may have been told yes."""
        now_s = self._clock.monotonic_s()
        self._late.add(stray, now_s - self.judging.clock_offset.offset_s)
        self._look_at_late(self._watermark_at(now_s))
        if self._late and self.on_wait is not None:
            self.on_wait()

    def as_it_is(self, attempt: EndedAttempt) -> Attempt:
        """Return the record that an unlock would have which is still open, from what is known."""
        joined = self._index.of_command(attempt.command_id)
        return self.judging.record_on_mqtt(attempt, None if joined is None else joined.side, ONLY)

    def tick(self) -> None:
        """Judge what has waited long enough, and forget what was judged long ago."""
        now_s = self._clock.monotonic_s()
        mark_at = self._watermark_at(now_s)
        due = self._due
        while due and (due[0][0] <= mark_at or len(self._waiting) > MAX_WAITING):
            joined = self._waiting.get(heapq.heappop(due)[1])
            if joined is None:
                continue
            due_at = self._due_at(joined)
            if joined.attempt is None and joined.side and self._is_under_way(joined.side):
                due_at = max(due_at, mark_at) + ASKED_AGAIN_S
            if due_at > mark_at and len(self._waiting) <= MAX_WAITING:
                joined.due_at = due_at
                heapq.heappush(due, (due_at, joined.number))
            else:
                self._judge(joined)
        self._hand_on()
        self._look_at_late(mark_at)
        self._calls.write_due(mark_at - self._limits.deadline_s, self.judging.clocks)
        self._forget_old(now_s)

    def next_s(self) -> float | None:
        """Return when `tick` should be called at the latest, on the monotonic clock."""
        called_at, deadline_s = self._calls.next_at(), self._limits.deadline_s
        due_at = [at for at, _ in self._due[:1]]
        late_at = self._late.next_at()
        if late_at is not None:
            due_at.append(late_at)
        if called_at is not None:
            due_at.append(called_at + deadline_s)
        if not due_at:
            return None
        return min(due_at) + self.judging.clock_offset.offset_s + self._limits.wait_s

    def flush(self) -> None:
        """Judge all waiting unlocks before the process stops; later lines are for the next process.

        Requests that the platform may still work on count as under way, whatever they lack.
        """
        at = self._clock.monotonic_s() - self.judging.clock_offset.offset_s - self._limits.late_s
        for joined in sorted(self._waiting.values(), key=lambda one: one.number):
            if joined.number in self._waiting:  # else it proved to be a part of one before
                is_open = joined.attempt is None and not _is_over(joined)
                joined.is_cut_short = is_open and self._due_at(joined) > at
                self._judge(joined)
        self._hand_on()
        self._look_at_late(math.inf)
        self._due.clear()
        self._calls.write_due(math.inf, self.judging.clocks)

    def take_up(self, records: Iterable[Attempt], calls: Iterable[str] = ()) -> None:
        """Restore the last records of an earlier process, so that calls find their unlocks.

        `calls` are those that have a record, by `complaint_id`.

        Later lines or messages of an unlock that was under way make another revision of its record.
        Lines of the others are known.
        """
        self._calls.known = frozenset(calls)
        limits, again = self._limits, self._again
        forget_s = self._clock.monotonic_s() + limits.revise_s
        since = self._clock.unix_s() - limits.revise_s
        for record in records:
            self._calls.note(record)
            if record.started_at + record.total_s >= since and record.attempt_id not in again:
                self._restore_one(record, forget_s)

    def restore_for_reread(self, records: Iterable[Attempt]) -> None:
        """Restore all records of an earlier process whose lines are read again.

        However many: none is forgotten before `caught_up`.
        """
        forget_s = self._clock.monotonic_s() + self._limits.revise_s
        for record in records:
            before = self._again.pop(record.attempt_id, None)
            if before is not None:  # this is its next revision
                self._index.forget(before)
            if not record.same_as and record.source is not Source.FLOOR:
                self._again[record.attempt_id] = self._restore_one(record, forget_s)

    def caught_up(self) -> None:
        """Follow the log live from now on: the backlog of an earlier process is read."""
        self.is_catching_up = False
        self._again.clear()
        self.tick()

    def missed(self) -> None:
        """Note that lines of the log, or unlocks under way, were lost before this process began."""
        self._calls.missed_until_at = self._clock.unix_s()

    # Within

    def _look_at_late(self, mark_at: float) -> None:
        for stray in self._late.pop_decided(mark_at):
            if self.on_late is not None:
                self.on_late(stray)

    def _platform_side_of(self, command_id: str) -> PlatformSide | None:
        joined = self._index.of_command(command_id)
        return None if joined is None else joined.side

    def _restore_one(self, record: Attempt, forget_s: float) -> Joined:
        joined = self._index.take_up(record)
        joined.forget_s = forget_s
        self._judged.append((forget_s, joined))
        return joined

    def _in_time(self, events: Sequence[PlatformEvent], now_s: float) -> Sequence[PlatformEvent]:
        """Return the lines that are from this time, and note how far the log has come."""
        log_time = self._log_time
        if not events or log_time.accept_all([event.at for event in events], now_s):
            return events
        in_time = [event for event in events if log_time.accept(event.at, now_s)]
        self.out_of_time += len(events) - len(in_time)
        if log_time.was_set:
            log_time.was_set = False
            self.judging.clock_offset.begin_anew()
        return in_time

    def _add_to_unlocks(self, events: Iterable[PlatformEvent]) -> Iterable[Joined]:
        """Add lines to their unlocks; return those to be looked at, as their last lines come.

        All lines first: done in turns with judging, either finds its code gone from the caches.
        """
        take_event, waiting = self._index.take_event, self._waiting
        found: dict[int, Joined] = {}
        for event in events:
            step = event.event
            if step is PlatformStep.SUPPORT_CALLED:
                if self._calls.hold_call(event) and self.on_wait is not None:
                    self.on_wait()
            elif event.operation == _UNLOCK:
                joined, is_new = take_event(event)
                if is_new:
                    found.pop(joined.number, None)
                    found[joined.number] = joined
            if step is PlatformStep.ACCEPTED:
                self.judging.logs_pubacks = True
        return [
            one
            for one in found.values()
            if not one.is_closed and (one.number not in waiting or _is_over(one))
        ]

    def _settle(self, joined: Joined) -> None:
        """Judge an unlock if all is known of it, else let it wait."""
        if self._is_complete(joined):
            self._waiting[joined.number] = joined
            self._judge(joined)
        else:
            self._wait(joined)

    def _wait(self, joined: Joined) -> None:
        due_at = self._due_at(joined)
        if joined.number in self._waiting and due_at >= joined.due_at:
            return  # that it is due later is noticed then
        self._waiting[joined.number] = joined
        if joined.side is None or (joined.command_id is None and not joined.revision):
            self._index.leave_apart(joined)
        joined.due_at = due_at
        entry = due_at, joined.number
        heapq.heappush(self._due, entry)
        if len(self._due) > 2 * len(self._waiting) + _STALE:
            self._due = [one for one in self._due if one[1] in self._waiting]
            heapq.heapify(self._due)
        if self.on_wait is not None and self._due[0] is entry:
            self.on_wait()

    def _is_complete(self, joined: Joined) -> bool:
        side = joined.side
        if side is None or side.requested_at is None:
            return False
        if side.answered_at is None and not side.is_left:
            return False
        if joined.attempt is not None:
            return side.ended_at is not None
        has_no_command = side.is_turned_down or side.outcome == NOT_PUBLISHED
        return has_no_command and not self._is_under_way(side)

    def _due_at(self, joined: Joined) -> float:
        """Return up to when the log must have gone on, so that nothing more is expected."""
        side, attempt = joined.side, joined.attempt
        if attempt is None and side is not None:
            return side.last_at + (0.0 if _is_over(joined) else self._limits.deadline_s)
        ended_at = (attempt.ended_s if attempt else 0.0) - self.judging.clock_offset.offset_s
        return max(ended_at, side.last_at) if side is not None else ended_at

    def _watermark_at(self, now_s: float) -> float:
        """Return up to which time of the platform's clock all lines should have come."""
        by_log_at = self.newest_at - self._limits.late_s
        if self.is_catching_up:
            return by_log_at
        return max(by_log_at, now_s - self.judging.clock_offset.offset_s - self._limits.wait_s)

    def _judge(self, joined: Joined) -> None:
        offset_s, limits = self.judging.clock_offset.offset_s, self._limits
        if joined.attempt is None or joined.side is None:
            self._index.join_by_car(joined, offset_s=offset_s, within_s=limits.deadline_s)
        if joined.is_apart:
            self._index.no_longer_apart(joined)
        del self._waiting[joined.number]
        joined.forget_s = self._clock.monotonic_s() + limits.revise_s
        self._judged.append((joined.forget_s, joined))
        if not self.judging.is_counted_here(joined):
            return
        self.judging.compare_clocks(joined)
        is_first = joined.revision == 0
        joined.revision += 1
        record = self.judging.record_of(joined)
        if is_first:
            self._calls.note(record)
            joined.attempt_id = record.attempt_id
            self.counts.first(joined, record)
        else:
            self.counts.leave_to_tracker(joined)
        self._ready.append(record)

    def _hand_on(self) -> None:
        """Hand on the records that were made, all at once."""
        ready, self._ready = self._ready, []
        for record in ready:
            self._emit(record)

    def _on_united(self, one: Joined, other: Joined) -> None:
        """Note that two unlocks proved to be one: `other` waits no more."""
        self._waiting.pop(other.number, None)
        if other.revision and one.revision:
            self._withdraw(other, one)
        elif other.revision:
            one.attempt_id, one.revision = other.attempt_id, other.revision
            one.is_alone, one.is_ok_by_log = other.is_alone, other.is_ok_by_log
        one.is_closed = one.attempt is None and (one.is_closed or other.is_closed)
        if not one.is_closed:
            self._wait(one)

    def _on_parted(self, joined: Joined) -> None:
        """Note that a request proved to be another unlock: what is left is judged without it."""
        if not joined.is_closed:
            self._wait(joined)

    def _withdraw(self, part: Joined, whole: Joined) -> None:
        """Revise a written record: it is a part of another unlock."""
        self.counts.withdrawn(part)
        part.revision += 1
        record = msgspec.structs.replace(self.judging.record_of(part), same_as=whole.attempt_id)
        self._ready.append(record)

    def _forget_old(self, now_s: float) -> None:
        judged, most = self._judged, MAX_REVISABLE + len(self._again)
        while judged and (judged[0][0] <= now_s or len(judged) > most):
            forget_s, joined = judged.popleft()
            is_later_again = joined.forget_s != forget_s or joined.number in self._waiting
            if not joined.is_gone and not is_later_again:
                self._index.forget(joined)


def _is_over(joined: Joined) -> bool:
    """Return whether the platform has said its last word, or the last but for its answer."""
    side = joined.side
    return side is not None and (side.ended_at is not None or side.is_turned_down)
