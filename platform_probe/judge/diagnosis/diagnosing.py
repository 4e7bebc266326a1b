"""Diagnoses each unlock that failed or looks odd, and again as more becomes known. No I/O.

What is heard of cars is noted cheaply, car by car. An unlock that went well costs a few counts. A
failed unlock is diagnosed when its record arrives. It is diagnosed again when its car has news and
at fixed times, for ten minutes. Changed evidence makes a revision. A record itself never changes: a
diagnosis refers to it by its id.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import (
    BEGUN_LATE,
    PROBE_STOPPED,
    UNREAD,
    Attempt,
    Complaint,
    Flag,
    Record,
    Source,
    Stage,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.broker_log import BrokerEventKind
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.diagnosis import Diagnosis, FactSeen, RankedMode
from fleet_wire.contract.text import Text
from fleet_wire.latest import remember
from fleet_wire.modes.facts import Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.case import Case
from platform_probe.judge.diagnosis.ended_unlocks import EndedUnlocks
from platform_probe.judge.diagnosis.entries import PastAttempt, are_of_one_press, is_between
from platform_probe.judge.diagnosis.hearing import Hearing
from platform_probe.judge.diagnosis.neighbours import WAVE_S, Waves
from platform_probe.judge.diagnosis.observed import observe
from platform_probe.judge.diagnosis.open_unlocks import (
    MAX_OPEN,
    SETTLE_S,
    OpenUnlock,
    OpenUnlocks,
    Seen,
    is_similar_failure,
)
from platform_probe.judge.diagnosis.path import never_ends_so, not_on_its_way
from platform_probe.judge.diagnosis.ranking import Ranking
from platform_probe.judge.diagnosis.records import concluded, is_taken_over_often, past_of, unseen
from platform_probe.judge.diagnosis.seen_of_box import RELOCKED_S, still_locked
from platform_probe.judge.diagnosis.seen_of_platform import (
    GIVEN_UP,
    may_wait_for,
    names_no_booking,
)
from platform_probe.texts.speaking import ENGLISH

LOG_SETTLES_S: Final = 4.0
"""The time after a copy until the platform's log shows whether the platform sent it [E]."""
MAX_CARS: Final = 2_000_000
MAX_RECENT: Final = 2_000
"""Unlocks that went well and may still prove odd."""
BOUNCE_HOLDS_S: Final = 1800.0
"""A car that was left open is the next customer's for so long [E]."""
_COPIES: Final = frozenset({"copy", "again", "duplicate"})
AFTER_CONNECT_S: Final = 15.0
"""The time within which a box answers a command that it gets by subscribing: bus and lock take 3 s
[E].
"""
_PUBLISHED: Final = Stage.PUBLISHED.value
_SUSPECT: Final = frozenset({Flag.DUPLICATE, Flag.ANSWERED_BY_ANOTHER, Flag.TOLD_OTHERWISE})


class Diagnosing(Hearing):
    """Takes what is heard and every record; `tell` gets the diagnoses."""

    def __init__(
        self,
        ranking: Ranking,
        *,
        clock: Clock,
        tell: Callable[[Diagnosis], None],
        max_cars: int = MAX_CARS,
    ) -> None:
        super().__init__(clock=clock, max_cars=max_cars)
        self._ranking = ranking
        self._tell = tell
        self._ended = EndedUnlocks(self._neighbours)
        self._open = OpenUnlocks(self._wait)
        self._recent: OrderedDict[str, Attempt] = OrderedDict()
        self._told_before: OrderedDict[str, int] = OrderedDict()
        """The last revision that an earlier process reported of an unlock."""
        self.closed_early = 0
        """Unlocks whose last look came early, as too many others were open."""
        self.on_wait: Callable[[], None] | None = None
        """Called when there is something more to look at, see `next_s`."""
        self.on_settled: Callable[[Diagnosis], None] | None = None
        """Gets the last revision of each diagnosis."""

    def take_up(self, records: Iterable[Attempt]) -> None:
        """Restore the unlocks of an earlier process: they are known, and not open."""
        for record in records:
            if record.reason != PROBE_STOPPED:
                began_s = self._placed_s(record.started_at)
                self._note(record, self._car(record.vehicle_id), began_s)

    def continue_revisions(self, diagnoses: Iterable[Diagnosis]) -> None:
        """Give what is said from now on of an unlock a later number than an earlier process did."""
        for told in diagnoses:
            if told.revision > self._told_before.get(told.attempt_id, 0):
                remember(self._told_before, told.attempt_id, told.revision, MAX_OPEN)
            one = self._open.get(told.attempt_id)
            if one is not None and one.revision < told.revision:
                one.revision = told.revision

    # Ended unlocks

    def handle_record(self, record: Record) -> None:
        """Handle a record, and report its diagnosis if it has one."""
        if isinstance(record, Complaint):
            self._complaint(record)
        elif not isinstance(record, Attempt):
            self._stray(record)
        elif record.source is not Source.FLOOR and not record.same_as:
            self._attempt(record)

    def tick(self) -> None:
        """Look again at what is due, and forget what is over."""
        now_s = self._clock.monotonic_s()
        for one in self._open.due(now_s):
            self._diagnose(one, now_s)
            if one.is_over_at(now_s):
                self._close(one)

    def next_s(self) -> float | None:
        """Return when `tick` should be called at the latest."""
        return self._open.next_s()

    def flush(self) -> None:
        """Look at all that is open for the last time: nothing more comes."""
        now_s = self._clock.monotonic_s()
        for one in self._open.open_unlocks():
            self._diagnose(one, now_s)
            self._close(one)
        self._open.look_no_more()

    # Within

    def _attempt(self, record: Attempt) -> None:
        now_s = self._clock.monotonic_s()
        began_s = self._placed_s(record.started_at)
        car = self._car(record.vehicle_id)
        one = self._open.get(record.attempt_id)
        if one is None and (record.reason or "").startswith((PROBE_STOPPED, BEGUN_LATE, UNREAD)):
            return  # nobody has seen what it failed of, or whether it did
        this = self._note(record, car, began_s)
        if one is not None:
            one.record = record
        elif record.outcome is Outcome.OK and not self._is_odd(record, car, this):
            remember(self._recent, record.vehicle_id, record, MAX_RECENT)
            return
        else:
            one = self._open_unlock(record, now_s)
        self._diagnose(one, now_s)
        for other in self._similar_failures(one):
            if Fact.FAILS_AGAIN not in other.seen:
                self._open.look_at_soon(other, now_s)

    def _is_odd(self, record: Attempt, car: CarHistory, this: PastAttempt) -> bool:
        """Return whether an unlock that went well looks odd at once."""
        if not _SUSPECT.isdisjoint(record.flags) or is_taken_over_often(record.evidence):
            return True
        side = record.platform
        if side and side.account_id is not None:
            account = self._ended.accounts.account_of(side.account_id)
            has_two_places = account is not None and account.two_places is not None
            is_missed = side.outcome in GIVEN_UP
            if has_two_places or is_missed or side.vehicle_id is not None:
                return True
        if names_no_booking(record, others_do=self._ended.name_bookings):
            return True
        bounced = car.bounced()
        if bounced is not None and 0 < this.began_s - bounced.at_s < BOUNCE_HOLDS_S:
            return True
        if still_locked(car.signals):
            return True
        return any(
            past.attempt_id != record.attempt_id and are_of_one_press(this, past)
            for past in car.attempts
        )

    def _open_unlock(self, record: Attempt, now_s: float) -> OpenUnlock:
        recent = self._recent.get(record.vehicle_id)
        if recent is not None and recent.attempt_id == record.attempt_id:
            del self._recent[record.vehicle_id]  # never to be begun anew
        began_s = self._placed_s(record.started_at)
        revision = self._told_before.get(record.attempt_id, 0)
        one = OpenUnlock(record, began_s, revision=revision)
        self._open.add(one, now_s)
        if oldest := self._open.too_many():
            self.closed_early += 1
            self._close(oldest)
        return one

    def _close(self, one: OpenUnlock) -> None:
        self._open.settle(one)
        if one.last is not None and self.on_settled is not None:
            self.on_settled(one.last)
        one.forget_sentences()

    def _note(self, record: Attempt, car: CarHistory, began_s: float) -> PastAttempt:
        """Count an unlock for its car and for all others, and see what it says of earlier ones.

        Returns what is kept of it.
        """
        self._ended.add_unlock(record, car, began_s)
        this = past_of(record, began_s)
        earlier = self._recent.get(record.vehicle_id)
        if earlier is not None and earlier.attempt_id != record.attempt_id:
            self._doubt(earlier, car, this)
        car.take_attempt(this)
        return this

    def _doubt(self, earlier: Attempt, car: CarHistory, again: PastAttempt) -> None:
        """Look at an unlock that went well, where its car is asked for again and had locked.

        Also where a second command was sent for one request.
        """
        began_s, again_s = self._placed_s(earlier.started_at), again.began_s
        has_relocked = again_s - began_s < RELOCKED_S * 2 and any(
            began_s < relock.at_s <= again_s for relock in car.relocks()
        )
        is_one_press = any(
            past.attempt_id == earlier.attempt_id and are_of_one_press(past, again)
            for past in car.attempts
        )
        if has_relocked or is_one_press:
            self._open_unlock(earlier, self._clock.monotonic_s())

    def _stray(self, stray: StrayAnswer) -> None:
        now_s = self._clock.monotonic_s()
        one = self._open.get(stray.attempt_id)
        if one is None:
            recent = self._recent.get(stray.vehicle_id)
            if recent is None or recent.attempt_id != stray.attempt_id:
                return
            one = self._open_unlock(recent, now_s)
        what = stray.phase
        is_copy = self._refusals.get(stray.command_id) == "replayed" and what == "refused"
        if is_copy:
            what = "copy"
        elif stray.kind is StrayKind.DUPLICATE or one.record.outcome is Outcome.OK:
            what = "again" if what == "executed" else "duplicate"
        one.late.setdefault(what, now_s)
        changes = self._car(stray.vehicle_id).changes
        is_new = bool(changes) and now_s - changes[-1].at_s < AFTER_CONNECT_S
        if what in _COPIES and is_new and changes[-1].session is Session.ONLINE:
            one.late.setdefault("connect", changes[-1].at_s)
        is_told_soon = what in _COPIES and bool(one.record.platform)
        self._open.look_at(one, now_s + (LOG_SETTLES_S if is_told_soon else SETTLE_S))

    def _complaint(self, complaint: Complaint) -> None:
        """Handle a customer's call to support: about unlocks, or about one that nobody saw."""
        now_s = self._clock.monotonic_s()
        called_s = self._placed_s(complaint.at)
        if complaint.missed:
            return  # that no unlock is known says nothing
        one = self._complained_of(complaint, now_s)
        if one is not None:
            one.called_s, one.shown = called_s, complaint.shown
            self._diagnose(one, now_s)

    def _complained_of(self, complaint: Complaint, now_s: float) -> OpenUnlock | None:
        """Return the last unlock before a call, or one that nobody saw; None: it is settled."""
        if not complaint.attempts:
            return self._open_unlock(unseen(complaint), now_s)
        attempt_id = complaint.attempts[-1]
        recent = self._recent.get(complaint.vehicle_id)
        one = self._open.get(attempt_id)
        if one is not None or recent is None or recent.attempt_id != attempt_id:
            return one
        return self._open_unlock(recent, now_s)

    def _look_soon(self, vehicle_id: str, now_s: float) -> None:
        self._open.look_soon(vehicle_id, now_s)

    def _wait(self) -> None:
        if self.on_wait is not None:
            self.on_wait()

    def _diagnose(self, one: OpenUnlock, now_s: float) -> None:
        """Look at an unlock, and report what is to be said of it if that has changed."""
        self._see(one, now_s)
        alike = self._similar_failures(one)
        basis = _basis(one, alike)
        if one.basis == basis:
            return
        is_seen_otherwise, was_sure = one.basis[:1] != basis[:1], one.is_sure
        one.basis = basis
        modes = self._rank(one, alike)
        if one.last is None or is_seen_otherwise or modes != one.last.modes:
            self._revise(one, modes, now_s=now_s)
        for other in alike if one.is_sure and not was_sure else ():
            if not other.is_sure:
                self._open.look_at_soon(other, now_s, unless_sure=True)

    def _rank(self, one: OpenUnlock, alike: Sequence[OpenUnlock]) -> tuple[RankedMode, ...]:
        """Return the likeliest modes of an unlock, by all of its car that failed of the same."""
        impossible = not_on_its_way(one.record)
        beside = (self._scores_of(each, impossible) for each in alike)
        went_well = one.record.cause is None and alike  # it has waited for those that failed
        excluded = frozenset() if went_well else never_ends_so(one.record.cause, one.seen)
        one.is_sure = self._ranking.is_sure(one.seen, one.told, impossible, excluded=excluded)
        return self._ranking.rank(
            one.seen, one.told, beside, impossible=impossible, excluded=excluded
        )

    def _scores_of(self, each: OpenUnlock, impossible: frozenset[str]) -> tuple[float, ...]:
        """Return the scores of an unlock, as far as its modes are possible for another one too."""
        its = not_on_its_way(each.record)
        both = its if its is impossible else its | impossible
        excluded = never_ends_so(each.record.cause, each.seen)
        return self._ranking.scores(each.seen, each.told, both, excluded=excluded)

    def _similar_failures(self, one: OpenUnlock) -> list[OpenUnlock]:
        """Return the other unlocks of the car that failed of the same, as far as can be known.

        They failed alike within minutes, and none went well and the box did not connect meanwhile.
        An unlock that succeeded after it had waited for another one was late for the other one's
        reason.
        """
        if one.record.cause is None:
            return [*self._waited_for(one)]
        car = self._car(one.record.vehicle_id)
        was_there_s = [past.began_s for past in car.attempts if past.cause is None]
        was_there_s += [each.at_s for each in car.changes if each.session is Session.ONLINE]
        return [
            other
            for other in self._open.of_car(one.record.vehicle_id)
            if other is not one
            and is_similar_failure(one, other)
            and not any(is_between(at_s, one.began_s, other.began_s) for at_s in was_there_s)
        ]

    def _waited_for(self, one: OpenUnlock) -> Iterator[OpenUnlock]:
        """Yield the unlocks of the car for whose end the command of one has waited."""
        if Fact.SENT_LATE not in one.seen or Fact.HELD_UP in one.seen:
            return
        sent_s = one.began_s + one.record.stages[_PUBLISHED]
        of_car = self._open.of_car(one.record.vehicle_id)
        open_there = {each.record.attempt_id: each for each in of_car if each.seen}
        for past in self._car(one.record.vehicle_id).attempts:
            other = open_there.get(past.attempt_id)
            if other is None or other.began_s >= one.began_s:
                continue
            if may_wait_for(past, one.began_s, sent_s):
                yield other

    def _revise(
        self,
        one: OpenUnlock,
        modes: tuple[RankedMode, ...],
        *,
        now_s: float,
    ) -> None:
        one.revision += 1
        record = one.record
        outcome, cause = concluded(record, modes[0])
        before = {each.fact: each for each in one.last.facts} if one.last else {}
        one.last = Diagnosis(
            attempt_id=record.attempt_id,
            vehicle_id=record.vehicle_id,
            booking_id=record.booking_id,
            source=record.source,
            revision=one.revision,
            at=round(self._clock.unix_s(), 3),
            after_s=round(now_s - one.began_s, 3),
            outcome=outcome,
            cause=cause,
            modes=modes,
            facts=tuple(
                _fact_seen(fact, text, before.get(fact.value)) for fact, text in one.kept.items()
            ),
            told=tuple(sorted(one.told)),
        )
        self._tell(one.last)

    def _see(self, one: OpenUnlock, now_s: float) -> None:
        """Keep all that was seen of an unlock, now and at earlier looks."""
        case = self._case_of(one, now_s)
        observe(case, one.earlier)
        one.kept = _with_equal_objects(case.seen, one.kept)
        one.told = case.evidence_sources()
        one.seen = tuple(sorted(one.kept))
        one.earlier.within = {fact: one.kept[fact] for fact in one.earlier.within}
        one.over_s = case.known_end_s
        one.concerned_until_s = max(case.ends_s, case.until_s)

    def _case_of(self, one: OpenUnlock, now_s: float) -> Case:
        record = one.record
        car = self._car(record.vehicle_id)
        accounts = self._ended.accounts
        account = accounts.account_of(record.platform.account_id) if record.platform else None
        return Case(
            record=record,
            car=car,
            now_s=now_s,
            unix_offset_s=self._clock.unix_s() - now_s,
            refusal=self._refusals.get(record.command_id or ""),
            late=one.late,
            support_called_s=one.called_s,
            shown=one.shown,
            compared=self._ended.compare(record, one.began_s),
            count_cars=partial(self._census.at, now_s),
            count_waves=partial(self._waves_with, car, one.began_s),
            cars_known=len(self.cars),
            cars_of_account=len(account.cars) if account is not None else 0,
            not_its_own=len(account.not_its_own) if account is not None else 0,
            is_booking_of_several=accounts.is_of_several(record.booking_id),
            others_name_bookings=self._ended.name_bookings,
            signed_out=self._ended.signed_out_beside(record, one.began_s),
            two_places=account.two_places if account is not None else None,
            tls_errors=tuple(self._tls_errors),
            over_s=one.over_s,
            opened_again_s=min(
                (
                    past.ended_s
                    for past in car.attempts
                    if past.cause is None and past.began_s > one.began_s
                ),
                default=None,
            ),
            platform_told=bool(record.platform) or one.called_s is not None,
            broker_told=self._hears_broker,
            has_heartbeats=bool(car.beats),
            has_presence=self._hears_presence or car.standing is not None,
            # A fleet with presence and states has our contract's events too, even before the first.
            has_events=self._hears_events or (self._hears_presence and self._hears_whole_state),
            has_state=self._hears_state,
            has_doors=self._hears_doors,
            has_parts=self._hears_whole_state,
            has_receipts=self._has_receipts is not False,
            commands_expire=self._commands_expire,
            has_reasons=self._hears_reasons or self._has_receipts is not False,
        )

    def _waves_with(
        self, car: CarHistory, began_s: float, lost_s: float | None, returned_s: float | None
    ) -> Waves:
        """Return how many boxes were lost and came back with a car."""
        fell_silent = lost_s is not None and any(
            word.kind == BrokerEventKind.TIMED_OUT and abs(word.at_s - lost_s) < WAVE_S
            for word in car.broker_words
        )
        return self._neighbours.waves_with(
            lost_s=lost_s,
            returned_s=returned_s,
            silent_since_s=car.last_heard_before(began_s),
            fell_silent=fell_silent,
        )

    def _placed_s(self, unix_s: float) -> float:
        """Return a Unix time on the monotonic clock."""
        return unix_s - (self._clock.unix_s() - self._clock.monotonic_s())


def _basis(one: OpenUnlock, alike: Sequence[OpenUnlock]) -> tuple[Seen, ...]:
    """Return what the modes of an unlock follow from."""
    return tuple((each.seen, each.told) for each in (one, *alike))


def _with_equal_objects(seen: dict[Fact, Text], before: dict[Fact, Text]) -> dict[Fact, Text]:
    """Return the facts of a look, with the sentences of the look before where they are equal."""
    return {
        fact: said if (earlier := before.get(fact)) != said else earlier
        for fact, said in seen.items()
    }


def _fact_seen(fact: Fact, text: Text, before: FactSeen | None) -> FactSeen:
    """Return a fact with its sentence; the one of the revision before where it says the same."""
    if before is not None and before.text == text:
        return before
    return FactSeen(fact.value, ENGLISH.say(text), text)
