"""Signs of the car before and after the unlock: presence, life, broker log events. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import inf
from typing import Final

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.facts import Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.car_history import seconds_after_command
from platform_probe.judge.diagnosis.case import (
    AGAIN_S,
    AWAY_S,
    CROSSING_S,
    MAX_TLS_ERRORS,
    RECENT_S,
    Case,
    evidence,
)
from platform_probe.judge.diagnosis.census import LATE_HEARTBEATS
from platform_probe.judge.diagnosis.entries import PastAttempt, are_of_one_press, is_between
from platform_probe.judge.diagnosis.pings import BY_ITSELF_S, notices_within_s

SOON_S: Final = 90.0
"""A box that reboots is back by then: 22 to 34 s, and its network [E]."""
AT_ONCE_S: Final = 7.0
"""Half of the shortest silence that a broker bears, 1.5 times a keepalive of 10 s."""
FLAPS: Final = 3
FLAPS_WITHIN_S: Final = 300.0
OFTEN: Final = 3
TWO: Final = 2.5
"""The intervals without a heartbeat after which two are missing."""
SMS_S: Final = 25.0
"""The time in which nine of ten SMS arrive that arrive at all; a modem is back 6 to 10 s later [E].
"""
_ON_ITS_WAY: Final = frozenset({Fact.REPORTED_AFTER, Fact.WENT_WELL, Fact.NOTHING_PUBLISHED})
"""Facts which show that the box was not away, or that nothing was sent to it."""
_LOST: Final = frozenset(
    {Fact.CONNECTION_CLOSED, Fact.WAS_OFFLINE, Fact.WILL_BEFORE, Fact.WILL_AFTER}
)
"""Facts which show that the box's connection has ended."""
_HAD_POWER: Final = frozenset({Fact.CONNECTION_CLOSED, Fact.BACK_WITHOUT_BOOT})
"""Facts which show that the box had power when it was lost, or ever since."""
_GIVEN_UP: Final = frozenset({"timed_out", "taken_over"})
_ENDED: Final = _GIVEN_UP | {"closed", "socket_error", "left"}
_BROKER_WORDS: Final = {
    "taken_over": Fact.REPLACED,
    "dropped": Fact.DROPPED_AT_BROKER,
    "timed_out": Fact.KEEPALIVE_EXCEEDED,
    "denied": Fact.DENIED_AT_BROKER,
    "closed": Fact.CONNECTION_CLOSED,
    "socket_error": Fact.CONNECTION_CLOSED,
}


def note_presence_before(case: Case) -> None:
    """Note what presence said when the unlock began."""
    car, began_s = case.car, case.began_s
    standing = car.standing_at(began_s)
    since: dict[str, float] = {}
    for change in car.changes:
        if change.at_s <= began_s:
            since = case.when(change.at_s)
            if change.session is Session.ONLINE and began_s - change.at_s < RECENT_S:
                case.note(Fact.RECONNECTED_JUST_BEFORE, **since)
    if standing is Session.ONLINE:
        _note_since(case, Fact.WAS_ONLINE, since)
    elif standing is Session.ASLEEP:
        _note_since(case, Fact.WAS_ASLEEP, since)
    elif standing is not None:
        _note_since(case, Fact.WAS_OFFLINE, since)
        if standing is not Session.SHUTDOWN:
            _note_since(case, Fact.WILL_BEFORE, since)
    elif case.has_presence and car.standing is None:
        case.note(Fact.NEVER_PRESENT)
    is_old = any(change.session is Session.OLD_WILL for change in car.changes)
    if is_old or (standing is Session.WILL and _is_will_of_replaced(case)):
        case.note(Fact.TALKS_WHILE_OFFLINE, "old_will")


def _is_will_of_replaced(case: Case) -> bool:
    """Return whether the last will is of a connection that a newer one replaced, and which holds.

    The broker logs the end of each connection, and would have logged that of the newer one.
    """
    ended = [(at_s, kind) for at_s, kind in case.car.broker_words if kind in _ENDED]
    if not ended or case.lost_before_s is None:
        return False
    at_s, kind = ended[-1]
    return kind == "taken_over" and 0 <= case.lost_before_s - at_s < CROSSING_S


def _note_since(case: Case, fact: Fact, since: Mapping[str, float]) -> None:
    """Note what presence said, and since when, as far as that is known."""
    case.note(fact, f"{fact.value}_since" if since else None, **since)


def note_presence_after(case: Case) -> None:
    """Note what presence has said since."""
    car, seen, published_s = case.car, case.seen, case.published_s
    will_s: float | None = None
    was_lost = car.standing_at(published_s) in (Session.WILL, Session.SHUTDOWN)
    for change in car.changes_between(published_s, case.until_s):
        if change.session is Session.WILL and will_s is None:
            will_s = change.at_s
            case.note(Fact.WILL_AFTER, **case.when(will_s))
            heard_s = car.last_heard_before(will_s)
            if heard_s is not None and will_s - heard_s < AT_ONCE_S:
                case.note(Fact.LOST_AT_ONCE, seconds=will_s - heard_s)
        elif change.session is Session.ONLINE:
            after_s = change.at_s - published_s
            when = case.when(change.at_s)
            fact = Fact.BACK_SOON if after_s <= SOON_S else Fact.BACK_IN_MINUTES
            seen.setdefault(fact, evidence("connected_again", **when))
            if will_s is not None or was_lost:
                case.note(Fact.BACK_AFTER_WILL, **when)
            elif car.standing_at(published_s) is Session.ONLINE:
                case.note(Fact.BACK_WITHOUT_WILL, **when)
            break
    _note_lost_by_command(case, will_s)


def _note_lost_by_command(case: Case, will_s: float | None) -> None:
    """Note a connection that broke within seconds of a command, as most of the car's losses did.

    The command may be an earlier one, if the box was not back yet. `will_s` is when the box was
    lost after this command; None: it was not. A box that is also lost without any command hardly
    is lost by them.
    """
    car = case.car
    broke_s = [
        change.at_s
        for change in car.changes
        if change.session is Session.WILL
        and car.commands_known_since_s <= change.at_s <= case.until_s
    ]
    sent_s = [*car.commanded, case.published_s]
    after_s = {at_s: seconds_after_command(at_s, sent_s) for at_s in broke_s}
    if will_s is None:
        will_s = case.lost_before_s
    its_own_s = None if will_s is None else after_s.get(will_s)
    if will_s is None or its_own_s is None or _ended_by_broker(case, will_s):
        return
    if case.are_many(case.count_waves(will_s, None).lost_without_command):
        return  # what struck others at once that had no command was none to this one
    by_command = sum(seconds is not None for seconds in after_s.values())
    if by_command > len(broke_s) - by_command:
        case.note(Fact.LOST_BY_COMMAND, seconds=its_own_s)


def _ended_by_broker(case: Case, will_s: float) -> bool:
    """Return whether the broker gave a dead connection up: after a silence, or for a new one."""
    return any(
        kind in _GIVEN_UP and abs(at_s - will_s) < CROSSING_S
        for at_s, kind in case.car.broker_words
    )


def note_flapping(case: Case) -> None:
    """Note a box that connects again and again."""
    recent = [
        change
        for change in case.car.changes
        if abs(change.at_s - case.began_s) < FLAPS_WITHIN_S and change.at_s <= case.ends_s
    ]
    returns = sum(change.session is Session.ONLINE for change in recent)
    if returns >= FLAPS and recent[-1].at_s >= case.began_s - RECENT_S:
        since, until = case.unix_s(recent[0].at_s), case.unix_s(recent[-1].at_s)
        case.note(Fact.FLAPPED, count=returns, since=since, until=until)


def note_life(case: Case) -> None:
    """Note when the car was heard of, before and after."""
    car, seen = case.car, case.seen
    at_box_s = case.at_box_s
    heard_s = car.first_heard_after(at_box_s)
    is_same_connection = not {
        Fact.BACK_SOON, Fact.BACK_IN_MINUTES
    } & seen.keys() or _came_before_return(case, heard_s)  # fmt: skip
    if heard_s is not None and is_same_connection and Fact.WENT_WELL not in seen:
        if _has_gone_on(case, heard_s):
            case.note(Fact.REPORTED_AFTER, "reported", **case.when(heard_s))
        elif case.has_presence:  # else nobody knows on which connection
            case.note(Fact.RESUMED, "reported", **case.when(heard_s))
    _note_silence(case)
    is_there = Fact.TALKS_WHILE_OFFLINE in seen
    if heard_s is None and not is_there and case.now_s - at_box_s >= AWAY_S:
        case.note(Fact.STILL_AWAY, **case.when(case.now_s))
    offline = (Session.WILL, Session.SHUTDOWN, Session.OLD_WILL)
    lost = [change.at_s for change in car.changes if change.session in offline]
    if car.standing in offline and lost and car.first_heard_after(lost[-1] + CROSSING_S):
        case.note(Fact.TALKS_WHILE_OFFLINE, at=case.unix_s(lost[-1]))


def _note_silence(case: Case) -> None:
    """Note heartbeats that failed to come from the command on, until the box connected anew."""
    car = case.car
    back_s = case.back_s
    until_s = case.until_s if back_s is None else back_s
    last_s = car.last_heard_before(until_s - BY_ITSELF_S)
    if last_s is None or last_s > case.at_box_s or car.interval_s is None:
        return
    silent_s = until_s - max(last_s, case.published_s)
    if car.standing_at(case.published_s) is Session.ONLINE and silent_s > car.interval_s * TWO:
        case.note(Fact.SILENT_SINCE, every=car.interval_s, seconds=silent_s)


def _has_gone_on(case: Case, heard_s: float) -> bool:
    """Return whether a sign of life came as if nothing had happened: in time, and first of all.

    A sign with a late answer, or after an unusually long silence, shows that the box is back, and
    not that it was there.
    """
    car = case.car
    if any(heard_s >= late_s - CROSSING_S for late_s in case.late.values()):
        return False
    last_s = car.last_heard_before(heard_s - 0.001)
    silent_s = heard_s - (case.published_s if last_s is None else last_s)
    interval_s = car.interval_s or case.count_cars().usual_interval_s
    usual_s = RECENT_S / 2 if interval_s is None else interval_s * LATE_HEARTBEATS
    return silent_s <= max(usual_s, CROSSING_S * 5)


def note_life_before(case: Case) -> None:
    """Note how the car was heard of before the unlock."""
    car, began_s = case.car, case.began_s
    standing = car.standing_at(began_s)
    last_s = car.last_heard_before(began_s)
    if (
        standing is Session.ONLINE
        and car.interval_s is not None
        and car.beats
        and (last_s is None or began_s - last_s > car.interval_s * LATE_HEARTBEATS)
    ):
        last = {} if last_s is None else case.when(last_s)
        how = "silent_before_since" if last else None
        case.note(Fact.SILENT_BEFORE, how, every=car.interval_s, **last)


def _came_before_return(case: Case, heard_s: float | None) -> bool:
    """Return whether a sign of life came on the connection that the car had then."""
    back_s = case.back_s
    if heard_s is None or back_s is None:
        return False  # its history does not reach back to the return that was seen
    return heard_s < back_s - BY_ITSELF_S


def note_usual_wake(case: Case) -> None:
    """Note a wake request, where the car's command before had not lacked one."""
    has_waited = any(
        past.cause is Cause.BOX_ASLEEP
        and past.woken_until_s is None
        and 0 < case.began_s - past.began_s < RECENT_S
        for past in case.car.attempts
    )
    if Fact.WOKEN in case.seen and not has_waited:
        case.seen[Fact.WOKEN_AS_USUAL] = case.seen[Fact.WOKEN]


def note_slow_wake(case: Case) -> None:
    """Note a sleeping box that came long after the last wake request that may have reached it.

    Not before other unlocks of the time have ended: each may have asked it to wake.
    """
    back_s = case.back_s
    if back_s is None or Fact.WOKEN not in case.seen or case.now_s - back_s < RECENT_S / 2:
        return
    asked_s = [
        min(past.woken_until_s, back_s)
        for past in case.car.attempts
        if past.woken_until_s is not None and past.began_s < back_s
    ]
    if asked_s and back_s - max(asked_s) > SMS_S:
        after_s = back_s - max(asked_s)
        case.note(Fact.WOKE_SLOWLY, at=case.unix_s(back_s), seconds=after_s)


def note_waiting_command(case: Case) -> None:
    """Note a command that should have waited for a box that is back."""
    seen = case.seen
    is_back = Fact.BACK_SOON in seen or Fact.BACK_IN_MINUTES in seen
    if is_back and not case.late and Fact.NOT_DELIVERED in seen:
        case.note(Fact.NOTHING_AFTER_RETURN)


def note_this_car(case: Case) -> None:
    """Note how other unlocks of the car fared: those that failed as it has not opened between."""
    went_well_s = [past.began_s for past in case.car.attempts if past.cause is None]
    latest: dict[Fact, PastAttempt] = {}
    for past in case.car.attempts:
        is_itself = past.attempt_id == case.record.attempt_id
        if not is_itself and abs(past.began_s - case.began_s) <= AGAIN_S:
            latest |= dict.fromkeys(_shown_by(past, case, went_well_s), past)
    for fact, past in latest.items():
        cause = past.cause if fact is Fact.FAILS_AGAIN else None
        why = {} if cause is None else {"cause": cause.value}
        case.note(fact, **case.when(past.began_s), **why)
    _note_opened_without_return(case)
    _note_sent_twice_before(case)


def _shown_by(past: PastAttempt, case: Case, went_well_s: Sequence[float]) -> Iterator[Fact]:
    """Yield the facts that another unlock of the car shows; others went well at these times."""
    apart_s = past.began_s - case.began_s
    if past.cause is None:
        yield Fact.WENT_WELL_BETWEEN
        yield from _shown_of_booking(past, case)
    elif not any(is_between(at_s, case.began_s, past.began_s) for at_s in went_well_s):
        yield Fact.FAILS_AGAIN
    if past.is_busy and apart_s > 0:
        yield Fact.BLOCKS_LATER
    is_same = past.booking_id is not None and past.booking_id == case.record.booking_id
    if past.is_unsent and is_same and -RECENT_S < apart_s < 0:
        yield Fact.UNSENT_BEFORE
    if _is_of_this_press(case, past):
        yield Fact.SENT_TWICE
    if -RECENT_S / 4 < apart_s < 0:
        yield Fact.UNLOCKED_MOMENTS_BEFORE


def _note_opened_without_return(case: Case) -> None:
    """Note that the car opened for its next unlock, and had not to connect for it."""
    again_s = case.opened_again_s
    if again_s is None or not case.has_presence or case.record.cause is None:
        return
    is_there = case.car.standing_at(case.published_s) is Session.ONLINE
    if is_there and not any(case.car.changes_between(case.published_s, again_s + RECENT_S / 4)):
        case.note(Fact.OPENED_WITHOUT_RETURN, at=case.unix_s(again_s))


def _is_of_this_press(case: Case, past: PastAttempt) -> bool:
    """Return whether another command of the car was sent for the same press as this one."""
    this_id = case.record.attempt_id
    this = next((one for one in case.car.attempts if one.attempt_id == this_id), None)
    if this is None:
        return past.trace_id == case.record.trace_id
    return are_of_one_press(this, past)


def _note_sent_twice_before(case: Case) -> None:
    """Note that a request before this one was sent twice: its second command may be in the way."""
    sent = [
        past
        for past in case.car.attempts
        if 0 < case.began_s - past.began_s < RECENT_S and past.trace_id != case.record.trace_id
    ]
    if any(are_of_one_press(one, other) for one, other in combinations(sent, 2)):
        case.seen.setdefault(Fact.SENT_TWICE, evidence("sent_twice_before"))


def _shown_of_booking(past: PastAttempt, case: Case) -> Iterator[Fact]:
    """Yield what a successful unlock shows of the state of this one's booking."""
    record, car, began_s = case.record, case.car, case.began_s
    if record.booking_id is None or past.booking_id is None:
        return
    if past.booking_id == record.booking_id:
        if abs(past.began_s - began_s) < AWAY_S:
            yield Fact.OPENED_AGAIN
        is_other = past.trace_id != record.trace_id
        is_before = began_s - RECENT_S < past.ended_s < case.published_s
        if is_other and is_before and Fact.SENT_LATE in case.seen:
            yield Fact.ALREADY_OPENED
    elif past.began_s < began_s and not _is_of_one_account(record, past):
        is_soon = began_s - past.began_s < RECENT_S  # nobody has driven and locked it by then
        if car.is_open_since(past.began_s, began_s) if case.has_state else is_soon:
            yield Fact.TWO_BOOKINGS


def _is_of_one_account(record: Attempt, past: PastAttempt) -> bool:
    """Return whether one customer is known to have asked for both: who books again is no other."""
    account_id = record.platform.account_id if record.platform else None
    return account_id is not None and account_id == past.account_id


def note_broker_log(case: Case) -> None:
    """Note what the broker's log says of the box."""
    connected_s, lost_s = _connected_s(case), _lost_s(case)
    since_s = max(connected_s, min(case.began_s - AGAIN_S, lost_s - CROSSING_S))
    for at_s, kind in case.car.broker_words:
        if at_s > case.until_s or (kind == "dropped" and at_s > case.ended_s + CROSSING_S):
            continue  # not this command
        if kind in _BROKER_WORDS and at_s > since_s:
            case.note(_BROKER_WORDS[kind], **case.when(at_s))
    left = [at for at, kind in case.car.broker_words if kind == "left" and at < case.began_s]
    online = [
        change.at_s
        for change in case.car.changes
        if change.session is Session.ONLINE and change.at_s < case.began_s
    ]
    is_quiet = bool(left) and left[-1] > max(online, default=0.0)
    if is_quiet and Fact.WAS_ONLINE in case.seen:
        case.note(Fact.LEFT_QUIETLY, **case.when(left[-1]))
    taken = [at for at, kind in case.car.broker_words if kind == "taken_over"]
    is_of_now = bool(taken) and taken[-1] >= case.began_s - RECENT_S
    if is_of_now and len(taken) >= OFTEN and taken[-1] - taken[-OFTEN] < FLAPS_WITHIN_S:
        case.note(Fact.TAKEN_OVER, count=len(taken), at=case.unix_s(taken[-1]))
    _note_ping(case)
    _note_handshakes(case)


def _connected_s(case: Case) -> float:
    """Return when the box had connected before the unlock: what was before is over."""
    online = [
        change.at_s
        for change in case.car.changes
        if change.session is Session.ONLINE and change.at_s <= case.began_s
    ]
    return online[-1] + BY_ITSELF_S if online else -inf


def _lost_s(case: Case) -> float:
    """Return since when the box was away as the unlock began, or when that began.

    The end of that connection keeps it away, however old it is.
    """
    before = [change for change in case.car.changes if change.at_s <= case.began_s]
    is_away = bool(before) and before[-1].session is Session.WILL
    return before[-1].at_s if is_away else case.began_s


def _note_handshakes(case: Case) -> None:
    """Note handshakes that failed over a certificate while the box was away, if one may be its own.

    The broker names nobody. A box lost in silence was not lost by an expired certificate, as an
    existing connection stays. A box that had power all the time has not lost the time.
    """
    seen, car = case.seen, case.car
    until_s = case.until_s if case.back_s is None else case.back_s
    last_s = car.last_heard_before(until_s - BY_ITSELF_S)
    since_s = max(case.began_s - AGAIN_S, -inf if last_s is None else last_s)
    failed = [one for one in case.tls_errors if since_s < one.at_s < until_s]
    is_expired = Fact.RAN_UNCONNECTED not in seen and all(one.is_expired for one in failed)
    may_be_expired = not seen.keys().isdisjoint(_LOST) and Fact.KEEPALIVE_EXCEEDED not in seen
    may_be_early = not is_expired and seen.keys().isdisjoint(_HAD_POWER)
    if not failed or not (may_be_expired or may_be_early):
        return
    how = "tls_failed_or_more" if len(failed) == MAX_TLS_ERRORS else None
    case.note(Fact.TLS_FAILED, how, count=len(failed), at=case.unix_s(failed[-1].at_s))
    if is_expired:
        case.note(Fact.TLS_EXPIRED)


def _note_ping(case: Case) -> None:
    """Note whether a box came back later than it takes one to find its connection dead, or by then.

    The connection was dead when the command was sent, or when a heartbeat failed to come before.
    """
    car, sent_s, back_s = case.car, case.published_s, case.back_s
    if car.keepalive_s is None or back_s is None or not _ON_ITS_WAY.isdisjoint(case.seen):
        return
    within_s = notices_within_s(car.keepalive_s)
    back = {"every": car.keepalive_s, "at": case.unix_s(back_s)}
    dead_s, last_s = min(sent_s, _missed_s(case) or sent_s), car.last_heard_before(sent_s)
    if back_s - dead_s > within_s:
        how = None if dead_s == sent_s else "ping_overdue_after_report"
        case.note(Fact.PING_OVERDUE, how, **back, seconds=back_s - dead_s)
    elif last_s is not None and back_s - last_s <= within_s:
        case.note(Fact.BACK_BY_PING, **back, seconds=back_s - last_s)


def _missed_s(case: Case) -> float | None:
    """Return by when a heartbeat should have come that did not, before the unlock; None: none."""
    car = case.car
    last_s = car.last_heard_before(case.began_s)
    if Fact.SILENT_BEFORE not in case.seen or last_s is None or car.interval_s is None:
        return None
    return last_s + car.interval_s * LATE_HEARTBEATS
