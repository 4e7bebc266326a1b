"""What to say and do about one unlock now: by all that is known of it, of its car, of others."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fleet_wire.contract.attempt import UNREAD
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.problems import TOO_MANY_REQUESTS
from fleet_wire.modes.catalogue import APP_RELEASE, MODES, mode_told
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode
from platform_probe.tell.support.advice import (
    ANOTHER_OPENS,
    COMES_LATE,
    CONNECTED,
    CONNECTION,
    DELIVERED_LATE,
    LONG_AGO,
    MEND_FIRMWARE,
    NOT_ASKED,
    NOT_CONNECTED,
    NOT_SEEN,
    OVER,
    RETURN_MENDS_NOTHING,
    SWITCHED_OFF,
    TOO_OFTEN,
    TWO_CARS,
    UNREADABLE,
    Advice,
    advice_for,
    is_to_wait,
    let_press_again,
    let_security_look,
    let_take_another,
    let_try_first,
)
from platform_probe.tell.support.after_booking import (
    OtherCars,
    advice_after_booking,
    let_book_again,
    other_than,
)
from platform_probe.tell.support.believed import Revision
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.relations import (
    OPEN_SINCE,
    again_possible,
    is_away_in_vain,
    is_back,
    may_be_open,
)

LONG_AGO_S: Final = 1_200.0
"""The time after an unlock when all waiting is over: the longest update lasts 20 min [E]."""
_RELOCKED: Final = MODES["auto_relock"]
_SENT_NOTHING: Final = frozenset({Cause.API_FAILED, Cause.NOT_PUBLISHED})
"""Causes of a platform that has not sent a command, and need not say why."""
_AWAY: Final = frozenset({Fact.WAS_OFFLINE, Fact.STILL_AWAY})
"""Facts of a car that counts as not connected."""
_OF_RELEASE: Final = frozenset({Fact.APP_VERSION_FAILS, Fact.BOOKING_OF_SEVERAL})
"""One phone by itself shows none of these: its app's version is at fault."""


def advice_now(case: Case) -> Advice:
    """Return what to say and do now.

    After the booking's end nothing is opened any more. If another unlock has opened the car it is
    tried first. If the problem is gone, the customer presses again, unless another car may open.
    """
    mode = _mode_told(case)
    advice = _with_who_mends(case, mode, _advice_by(case, mode))
    if (told := advice_after_booking(case, mode)) is not None:
        return let_book_again(advice, told)
    if case.opened_late:
        return advice
    advice = _without_what_is_over(case, advice)
    if is_away_in_vain(case) and not _hits_all(case):
        advice = let_take_another(advice)
    if (because := may_be_open(case, is_shut_again=mode is _RELOCKED)) is not None:
        return let_try_first(advice, because)
    now = _press_again_reason(case, advice, mode)
    return advice if now is None else let_press_again(advice, case.cause, now)


def _press_again_reason(
    case: Case, advice: Advice, mode: FailureMode | None
) -> tuple[str, str] | None:
    """Return why one more press may open the car now; None: it may not, or nobody knows.

    A customer who should wait first has done so, if the unlock is that long ago.
    """
    now = again_possible(case)
    slug = None if mode is None else mode.slug
    if slug in ANOTHER_OPENS or (now is CONNECTED and slug in RETURN_MENDS_NOTHING):
        return None
    is_long_ago = case.newest_s - case.at_s >= LONG_AGO_S
    if now is None and is_long_ago and is_to_wait(advice) and not case.goes_on:
        return LONG_AGO
    return now


def _mode_told(case: Case) -> FailureMode | None:
    """Return the failure mode whose advice stands: that which is likely enough to be told.

    Or that of its incident, which knows of more unlocks than one. None where the car opened and
    the mode is one in which none does.
    """
    believed = case.believed
    mode = believed.mode if believed is not None and believed.is_likely else _mode_of_incident(case)
    if mode is not None and _has_opened(case) and not _may_open(case, mode):
        mode = None
    if mode is None and case.is_of_two:
        mode = MODES[TWO_CARS]
    if mode is not None and mode.slug == APP_RELEASE.slug and _is_of_release(case):
        mode = APP_RELEASE
    return _RELOCKED if mode is None and _has_relocked(case) else mode


def _may_open(case: Case, mode: FailureMode) -> bool:
    """Return whether a car opens in a mode: by a command that waited for it minutes later."""
    is_late = mode.slug == DELIVERED_LATE and case.opened_after_long_s is not None
    return is_late or None in mode.causes


def _is_of_release(case: Case) -> bool:
    """Return whether one version of the app fails, by the facts of then or since."""
    return not _OF_RELEASE.isdisjoint(case.seen_facts | case.not_missed)


def _advice_by(case: Case, mode: FailureMode | None) -> Advice:
    """Return what to say and do, whatever there was besides this unlock."""
    if case.opened_late and not case.opened_after_no:
        return advice_for(None)
    believed = case.believed
    advice = NOT_SEEN if case.not_asked_since_s is None else NOT_ASKED
    if mode is None and _is_not_connected(case):
        return NOT_CONNECTED
    if mode is None and _is_too_often(case):
        return TOO_OFTEN
    if mode is None and case.attempt is not None and case.attempt["reason"] == UNREAD:
        return UNREADABLE
    if mode is not None or case.attempt is not None:
        advice = advice_for(
            case.cause,
            mode,
            is_sent=case.is_command_sent,
            is_gone=_was_box_unreachable(case, mode),
            opened_after_no=case.opened_after_no,
            used_since=_is_used_since(case),
        )
    if mode is None and believed is not None and _is_for_security(believed):
        return let_security_look(advice)
    return advice


def _is_not_connected(case: Case) -> bool:
    """Return whether nothing was sent to a car that counts as not connected, by now too."""
    is_away = (
        not _AWAY.isdisjoint(case.seen_facts) and Fact.TALKS_WHILE_OFFLINE not in case.seen_facts
    )
    return case.cause in _SENT_NOTHING and is_away and not is_back(case)


def _is_too_often(case: Case) -> bool:
    """Return whether the platform turned the request down as one too many."""
    status = None if case.attempt is None else case.attempt["status"]
    return case.cause is Cause.API_REFUSED and status == TOO_MANY_REQUESTS.status


def _with_who_mends(case: Case, mode: FailureMode | None, advice: Advice) -> Advice:
    """Return advice in which no customer must act for an incident of a firmware."""
    its = (one for one in case.goes_on if mode is not None and one.mode == mode.slug)
    if advice.acts is not Actor.CUSTOMER or not any("firmware" in one.cohort for one in its):
        return advice
    return replace(advice, acts=Actor.BOX_TEAM, mend=MEND_FIRMWARE)


def _has_opened(case: Case) -> bool:
    return case.attempt is not None and case.cause is None


def _has_relocked(case: Case) -> bool:
    """Return whether the car opened, and locked itself again before anybody opened a door.

    Not where another car was meant: theirs has never opened.
    """
    refuted = frozenset({Fact.DOOR_OPENED, Fact.ANOTHER_CAR_ASKED})
    has_relocked = Fact.RELOCKED in case.seen_facts and refuted.isdisjoint(case.seen_facts)
    return _has_opened(case) and has_relocked


def _mode_of_incident(case: Case) -> FailureMode | None:
    """Return what an incident that goes on fails of, where this unlock may have failed of it too.

    The facts of the unlock must allow for it, or must not be diagnosed yet: the incident knows of
    more unlocks than one.
    """
    believed = case.believed
    for one in case.goes_on:
        mode = mode_told(one.mode, one.cohort)
        if mode is None or mode.acts is Actor.SECURITY_TEAM or one.unseen_since is not None:
            continue
        if believed is None or believed.may_be(mode.slug):
            return mode
    return None


def _is_used_since(case: Case) -> bool:
    """Return whether a door was opened, or the customer has opened the car once more."""
    return Fact.DOOR_OPENED in case.seen_facts or may_be_open(case) == OPEN_SINCE


def _is_for_security(believed: Revision) -> bool:
    """Return whether what is perhaps so, and not likely enough to be told, is an attack."""
    acts = None if believed.mode is None else believed.mode.acts
    return believed.is_possible and acts is Actor.SECURITY_TEAM


def _was_box_unreachable(case: Case, mode: FailureMode | None) -> bool:
    """Return whether the box was gone before it was asked for, and nothing waits for it.

    If no mode says so, it counts only if it was gone until its command had expired.
    """
    if mode is None:
        return case.is_out_of_reach
    if mode.slug in COMES_LATE:
        return False
    is_off = mode.slug in SWITCHED_OFF and case.cause in (Cause.BOX_OFFLINE, Cause.BOX_SILENT)
    return is_off or case.gone_s is not None


def _hits_all(case: Case) -> bool:
    """Return whether an incident is open that hits all cars: another one opens no sooner."""
    return any(other_than(one) is OtherCars.NONE for one in case.goes_on)


def _without_what_is_over(case: Case, advice: Advice) -> Advice:
    """Return advice in which a mobile network is not down that is back by now."""
    is_back = again_possible(case) in (OVER, CONNECTED) and case.cause in CONNECTION
    is_of_network = advice.acts is Actor.NETWORK_OPERATOR
    return advice_for(case.cause) if is_back and is_of_network else advice
