"""Signs of the car before and after the unlock: presence, life, broker log events. No I/O."""

from __future__ import annotations

from itertools import combinations
from math import inf
from typing import Final

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.facts import Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.case import AGAIN_S, AWAY_S, CROSSING_S, MAX_TLS_ERRORS, Case
from platform_probe.judge.diagnosis.census import LATE_HEARTBEATS
from platform_probe.judge.diagnosis.entries import PastAttempt, are_of_one_press, is_between
from platform_probe.judge.diagnosis.pings import BY_ITSELF_S, notices_within_s

SOON_S: Final = 90.0
"""A box that reboots is back by then: 22 to 34 s, and its network [E]."""
RECENT_S: Final = 120.0
AT_ONCE_S: Final = 7.0
"""Half of the shortest silence that a broker bears, 1.5 times a keepalive of 10 s."""
BY_COMMAND_S: Final = 6.0
"""Longer than a command takes to a box that is awake, and to a crash of it [E]."""
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
_BROKER_WORDS: Final = {
    "taken_over": (
        Fact.REPLACED,
        "another connection under the box's name (client id) ended the one before",
    ),
    "dropped": (Fact.DROPPED_AT_BROKER, "the broker threw messages for the box away"),
    "timed_out": (
        Fact.KEEPALIVE_EXCEEDED,
        "the broker gave the box's connection up after a long silence",
    ),
    "denied": (Fact.DENIED_AT_BROKER, "the broker did not let the box in, or denied it something"),
    "closed": (Fact.CONNECTION_CLOSED, "the broker saw the box's connection break"),
    "socket_error": (Fact.CONNECTION_CLOSED, "the broker saw the box's connection break"),
}


def note_presence_before(case: Case) -> None:
    """Note what presence said when the unlock began."""
    car, seen, began_s = case.car, case.seen, case.began_s
    standing = car.standing_at(began_s)
    since = ""
    for change in car.changes:
        if change.at_s <= began_s:
            since = f" since {case.at(change.at_s)}, {case.ago(change.at_s)}"
            if change.session is Session.ONLINE and began_s - change.at_s < RECENT_S:
                seen[Fact.RECONNECTED_JUST_BEFORE] = (
                    f"the box connected at {case.at(change.at_s)}, {case.ago(change.at_s)}"
                )
    if standing is Session.ONLINE:
        seen[Fact.WAS_ONLINE] = f"the car counted as connected{since}"
    elif standing is Session.ASLEEP:
        seen[Fact.WAS_ASLEEP] = f"the car was asleep{since}"
    elif standing is not None:
        seen[Fact.WAS_OFFLINE] = f"the car counted as not connected{since}"
        if standing is not Session.SHUTDOWN:
            seen[Fact.WILL_BEFORE] = (
                f"the car counted as not connected{since}; its connection had broken (last will)"
            )
    elif case.has_presence and car.standing is None:
        seen[Fact.NEVER_PRESENT] = "the car has never said whether it is connected"
    if any(change.session is Session.OLD_WILL for change in car.changes):
        seen[Fact.TALKS_WHILE_OFFLINE] = (
            "the end of an older connection was told after the box had connected again"
        )


def note_presence_after(case: Case) -> None:
    """Note what presence has said since."""
    car, seen, published_s = case.car, case.seen, case.published_s
    will_s: float | None = None
    was_lost = car.standing_at(published_s) in (Session.WILL, Session.SHUTDOWN)
    for change in car.changes_between(published_s, case.until_s):
        if change.session is Session.WILL and will_s is None:
            will_s = change.at_s
            seen[Fact.WILL_AFTER] = (
                f"the broker told that its connection broke (last will) at {case.at(will_s)},"
                f" {case.ago(will_s)}"
            )
            if will_s - published_s < BY_COMMAND_S and not _timed_out_at(case, will_s):
                seen[Fact.LOST_BY_COMMAND] = (
                    f"its connection broke {will_s - published_s:.1f} s after the command"
                )
            heard_s = car.last_heard_before(will_s)
            if heard_s is not None and will_s - heard_s < AT_ONCE_S:
                seen[Fact.LOST_AT_ONCE] = (
                    f"its connection broke {will_s - heard_s:.1f} s after it had been heard of"
                )
        elif change.session is Session.ONLINE:
            after_s = change.at_s - published_s
            when = f"at {case.at(change.at_s)}, {case.ago(change.at_s)}"
            fact = Fact.BACK_SOON if after_s <= SOON_S else Fact.BACK_IN_MINUTES
            seen.setdefault(fact, f"the box connected again {when}")
            if will_s is not None or was_lost:
                seen[Fact.BACK_AFTER_WILL] = (
                    f"the box connected again after its connection had broken, {when}"
                )
            elif car.standing_at(published_s) is Session.ONLINE:
                seen[Fact.BACK_WITHOUT_WILL] = (
                    f"the box connected again {when}, and had counted as connected all the time"
                )
            break


def _timed_out_at(case: Case, will_s: float) -> bool:
    """Return whether the broker waited for a silence before it gave a connection up."""
    return any(
        kind == "timed_out" and abs(at_s - will_s) < CROSSING_S
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
    if returns >= FLAPS:
        case.seen[Fact.FLAPPED] = (
            f"the box connected {returns} times between {case.at(recent[0].at_s)} and"
            f" {case.at(recent[-1].at_s)}"
        )


def note_life(case: Case) -> None:
    """Note when the car was heard of, before and after."""
    car, seen = case.car, case.seen
    at_box_s = case.at_box_s
    heard_s = car.first_heard_after(at_box_s)
    is_same_connection = not {
        Fact.BACK_SOON, Fact.BACK_IN_MINUTES
    } & seen.keys() or _came_before_return(case, heard_s)  # fmt: skip
    if heard_s is not None and is_same_connection and Fact.WENT_WELL not in seen:
        when = f"the car reported at {case.at(heard_s)}, {case.ago(heard_s)}"
        if _has_gone_on(case, heard_s):
            seen[Fact.REPORTED_AFTER] = when
        elif case.has_presence:  # else nobody knows on which connection
            seen[Fact.RESUMED] = when
    _note_silence(case)
    if heard_s is None and case.now_s - at_box_s >= AWAY_S:
        seen[Fact.STILL_AWAY] = (
            f"by {case.clock}, {case.ago(case.now_s)}, nothing had been heard of the car since"
        )
    offline = (Session.WILL, Session.SHUTDOWN, Session.OLD_WILL)
    lost = [change.at_s for change in car.changes if change.session in offline]
    if car.standing in offline and lost and car.first_heard_after(lost[-1] + CROSSING_S):
        seen[Fact.TALKS_WHILE_OFFLINE] = (
            f"the car counted as not connected from {case.at(lost[-1])} on, and reported after that"
        )


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
        case.seen[Fact.SILENT_SINCE] = (
            f"the car reports every {car.interval_s:.0f} s, and was silent for {silent_s:.0f} s"
            " after the command"
        )


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
    interval_s = car.interval_s or case.usual_interval_s
    usual_s = RECENT_S / 2 if interval_s is None else interval_s * LATE_HEARTBEATS
    return silent_s <= max(usual_s, CROSSING_S * 5)


def note_life_before(case: Case) -> None:
    """Note how the car was heard of before the unlock."""
    car, seen, began_s = case.car, case.seen, case.began_s
    standing = car.standing_at(began_s)
    last_s = car.last_heard_before(began_s)
    if (
        standing is Session.ONLINE
        and car.interval_s is not None
        and car.beats
        and (last_s is None or began_s - last_s > car.interval_s * LATE_HEARTBEATS)
    ):
        last = "" if last_s is None else f", last at {case.at(last_s)}, {case.ago(last_s)}"
        seen[Fact.SILENT_BEFORE] = (
            f"the car reports every {car.interval_s:.0f} s, and had not done so{last}"
        )


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
        case.seen[Fact.WOKE_SLOWLY] = (
            f"the box connected at {case.at(back_s)}, {back_s - max(asked_s):.0f} s or more after"
            " it had last been asked to wake"
        )


def note_waiting_command(case: Case) -> None:
    """Note a command that should have waited for a box that is back."""
    seen = case.seen
    is_back = Fact.BACK_SOON in seen or Fact.BACK_IN_MINUTES in seen
    if is_back and not case.late and Fact.NOT_DELIVERED in seen:
        seen[Fact.NOTHING_AFTER_RETURN] = "the box is back, and has never answered the command"


def note_this_car(case: Case) -> None:
    """Note how other unlocks of the car fared: those that failed as it has not opened between."""
    seen = case.seen
    went_well_s = [past.began_s for past in case.car.attempts if past.cause is None]
    for past in case.car.attempts:
        apart_s = past.began_s - case.began_s
        if past.attempt_id == case.record.attempt_id or abs(apart_s) > AGAIN_S:
            continue
        when = f"at {case.at(past.began_s)}, {case.ago(past.began_s)}"
        if past.cause is None:
            seen[Fact.WENT_WELL_BETWEEN] = f"an unlock of the car went well {when}"
        elif not any(is_between(at_s, case.began_s, past.began_s) for at_s in went_well_s):
            seen[Fact.FAILS_AGAIN] = f"an unlock of the car failed {when} ({past.cause.value})"
        _note_of_booking(case, past, when)
        if past.is_busy and apart_s > 0:
            seen[Fact.BLOCKS_LATER] = f"an unlock of the car was turned down as busy {when}"
        is_same = past.booking_id is not None and past.booking_id == case.record.booking_id
        if past.is_unsent and is_same and -RECENT_S < apart_s < 0:
            seen[Fact.UNSENT_BEFORE] = f"the platform said yes and nothing was sent {when}"
        if _is_of_this_press(case, past):
            seen[Fact.SENT_TWICE] = f"another command for the same request was sent {when}"
        if -RECENT_S / 4 < apart_s < 0:
            seen[Fact.UNLOCKED_MOMENTS_BEFORE] = f"the car was asked to open {when}"
    _note_opened_without_return(case)
    _note_sent_twice_before(case)


def _note_opened_without_return(case: Case) -> None:
    """Note that the car opened for its next unlock, and had not to connect for it."""
    again_s = case.opened_again_s
    if again_s is None or not case.has_presence or case.record.cause is None:
        return
    is_there = case.car.standing_at(case.published_s) is Session.ONLINE
    if is_there and not any(case.car.changes_between(case.published_s, again_s + RECENT_S / 4)):
        case.seen[Fact.OPENED_WITHOUT_RETURN] = (
            f"the car opened at {case.at(again_s)}, on the connection that it had all the time"
        )


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
        before = "two commands were sent to the car for the request before this one"
        case.seen.setdefault(Fact.SENT_TWICE, before)


def _note_of_booking(case: Case, past: PastAttempt, when: str) -> None:
    """Note a successful unlock that shows the state of this one's booking."""
    record, car, began_s = case.record, case.car, case.began_s
    if past.cause is not None or record.booking_id is None or past.booking_id is None:
        return
    if past.booking_id == record.booking_id:
        if abs(past.began_s - began_s) < AWAY_S:
            case.seen[Fact.OPENED_AGAIN] = f"the same booking opened the car {when}"
        is_other = past.trace_id != record.trace_id
        is_before = began_s - RECENT_S < past.ended_s < case.published_s
        if is_other and is_before and Fact.SENT_LATE in case.seen:
            case.seen[Fact.ALREADY_OPENED] = (
                f"when the command was sent, the same booking had opened the car {when}"
            )
    elif (
        case.has_state
        and past.began_s < began_s
        and not _is_of_one_account(record, past)
        and car.is_open_since(past.began_s, began_s)
    ):
        case.seen[Fact.TWO_BOOKINGS] = f"another booking opened the car {when}, and it stayed open"


def _is_of_one_account(record: Attempt, past: PastAttempt) -> bool:
    """Return whether one customer is known to have asked for both: who books again is no other."""
    account_id = record.platform.account_id if record.platform else None
    return account_id is not None and account_id == past.account_id


def note_broker_log(case: Case) -> None:
    """Note what the broker's log says of the box."""
    since_s = _connected_s(case)
    for at_s, kind in case.car.broker_words:
        if at_s > case.until_s or (kind == "dropped" and at_s > case.ended_s + CROSSING_S):
            continue  # not this command
        if kind in _BROKER_WORDS and at_s > max(since_s, case.began_s - AGAIN_S):
            fact, sentence = _BROKER_WORDS[kind]
            case.seen[fact] = f"{sentence} at {case.at(at_s)}, {case.ago(at_s)}"
    left = [at for at, kind in case.car.broker_words if kind == "left" and at < case.began_s]
    online = [
        change.at_s
        for change in case.car.changes
        if change.session is Session.ONLINE and change.at_s < case.began_s
    ]
    is_quiet = bool(left) and left[-1] > max(online, default=0.0)
    if is_quiet and Fact.WAS_ONLINE in case.seen:
        case.seen[Fact.LEFT_QUIETLY] = (
            f"the box closed its connection at {case.at(left[-1])}, {case.ago(left[-1])}, and"
            " counted as connected all the same"
        )
    taken = [at for at, kind in case.car.broker_words if kind == "taken_over"]
    if len(taken) >= OFTEN and taken[-1] - taken[-OFTEN] < FLAPS_WITHIN_S:
        case.seen[Fact.TAKEN_OVER] = (
            f"{len(taken)} times within minutes another connection under the box's name (client id)"
            f" ended the one before, last at {case.at(taken[-1])}"
        )
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
    at_least = " or more" if len(failed) == MAX_TLS_ERRORS else ""
    seen[Fact.TLS_FAILED] = (
        f"{len(failed)}{at_least} secure connections to the broker failed over a certificate"
        f" (TLS) while the box was away, the last at {case.at(failed[-1].at_s)}"
    )
    if is_expired:
        seen[Fact.TLS_EXPIRED] = (
            "all of these secure connections failed because a certificate has expired"
        )


def _note_ping(case: Case) -> None:
    """Note whether a box came back later than it takes one to find its connection dead, or by then.

    The connection was dead when the command was sent, or when a heartbeat failed to come before.
    """
    car, sent_s, back_s = case.car, case.published_s, case.back_s
    if car.keepalive_s is None or back_s is None or not _ON_ITS_WAY.isdisjoint(case.seen):
        return
    within_s = notices_within_s(car.keepalive_s)
    back = (
        f"the box tries its connection after {car.keepalive_s:.0f} s, and connected again at"
        f" {case.at(back_s)}, "
    )
    dead_s, last_s = min(sent_s, _missed_s(case) or sent_s), car.last_heard_before(sent_s)
    if back_s - dead_s > within_s:
        since = "the command" if dead_s == sent_s else "a regular report had failed to come"
        case.seen[Fact.PING_OVERDUE] = f"{back}{back_s - dead_s:.0f} s after {since}"
    elif last_s is not None and back_s - last_s <= within_s:
        case.seen[Fact.BACK_BY_PING] = f"{back}after a silence of {back_s - last_s:.0f} s"


def _missed_s(case: Case) -> float | None:
    """Return by when a heartbeat should have come that did not, before the unlock; None: none."""
    car = case.car
    last_s = car.last_heard_before(case.began_s)
    if Fact.SILENT_BEFORE not in case.seen or last_s is None or car.interval_s is None:
        return None
    return last_s + car.interval_s * LATE_HEARTBEATS
