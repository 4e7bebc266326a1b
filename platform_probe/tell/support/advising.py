"""What is known of an unlock, of its car and of others, as conditions of the table of advice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fleet_wire.contract.attempt import UNREAD
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentState
from fleet_wire.contract.problems import TOO_MANY_REQUESTS
from fleet_wire.modes.catalogue import APP_RELEASE, MODES, mode_told
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode
from platform_probe.tell.support.advice import Advice, advice_for, stands_open
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.relations import (
    OpeningByAnother,
    again_possible,
    is_away_in_vain,
    is_back,
    is_seen_to,
    may_be_open,
    opened_in_booking_s,
    opened_since_s,
)

LONG_AGO_S: Final = 1_200.0
"""The time after an unlock when all waiting is over: the longest update lasts 20 min [E]."""
_RELOCKED: Final = MODES["auto_relock"]
_TWO_CARS: Final = "client_id_takeover"
"""The mode in which another car may have answered for this one."""
_MIXED_UP: Final = "wrong_vin_mapping"
"""The mode in which another car opens than the one that was asked for."""
_DELIVERED_LATE: Final = "late_delivery_persistent_session"
"""The mode in which a command waits for a car, and opens it minutes later."""
_COMES_LATE: Final = frozenset({"lwt_ghost_offline", _DELIVERED_LATE})
"""In these a command comes to a car whose box is said to be gone, or waits for it."""
_SWITCHED_OFF: Final = frozenset(
    {"deep_sleep_modem_off", "modem_search_drain", "undervoltage_cutout"}
)
"""In these the box, or its modem, was off before it was asked, whatever presence says."""
_SENT_NOTHING: Final = frozenset({Cause.API_FAILED, Cause.NOT_PUBLISHED})
"""Causes of a platform that has not sent a command, and need not say why."""
_AWAY: Final = frozenset({Fact.WAS_OFFLINE, Fact.STILL_AWAY})
"""Facts of a car that counts as not connected."""
_OF_RELEASE: Final = frozenset({Fact.APP_VERSION_FAILS, Fact.BOOKING_OF_SEVERAL})
"""One phone by itself shows none of these: its app's version is at fault."""


def advice_now(case: Case) -> Advice:
    """Return what to say and do now, by all that is known of an unlock."""
    mode = _mode_told(case)
    amid = next((one for one in case.goes_on if one.unseen_since is None), None)
    names = {"now": again_possible(case) or "", **(amid.cohort if amid else {})}
    flags = (*_of_unlock(case, mode), *_of_incidents(case, mode), *_of_booking(case, mode))
    return advice_for(case.cause, mode, flags, names)


def _of_unlock(case: Case, mode: FailureMode | None) -> Iterator[str]:
    """Yield what holds of the unlock itself, and of others of its car."""
    is_told_apart = case.opened_late and not case.opened_after_no
    if mode is None:
        holds = {
            "unseen": case.attempt is None,
            "not_asked": case.not_asked_since_s is not None,
            "not_connected": _is_not_connected(case),
            "too_often": _is_too_often(case),
            "unread": case.attempt is not None and case.attempt["reason"] == UNREAD,
        }
        yield from (name for name, is_so in holds.items() if is_so)
        is_told_apart |= any(holds[name] for name in ("not_connected", "too_often", "unread"))
        if _is_perhaps_attack(case):
            yield "perhaps_attack"
    opened = may_be_open(case, is_shut_again=mode is _RELOCKED)
    conditions = {
        "told_apart": is_told_apart,
        "opened_late": case.opened_late,
        "told_no": case.opened_after_no,
        "failed": case.has_failed,
        "sent": case.is_command_sent,
        "gone": _was_box_unreachable(case, mode),
        "used_since": _is_used_since(case),
        "in_vain": is_away_in_vain(case),
        "opened_since": opened is OpeningByAnother.SINCE,
        "opened_before": opened is OpeningByAnother.BEFORE,
    }
    yield from (name for name, is_so in conditions.items() if is_so)


def _of_incidents(case: Case, mode: FailureMode | None) -> Iterator[str]:
    """Yield what holds of the incidents that it is of, and whether it may be over."""
    now = again_possible(case)
    if now is not None:
        yield now
    elif case.newest_s - case.at_s >= LONG_AGO_S and not case.goes_on:
        yield "long_ago"
    its = (one for one in case.goes_on if mode is not None and one.mode == mode.slug)
    if any("firmware" in one.cohort for one in its):
        yield "firmware_incident"
    if any(not one.cohort for one in case.goes_on):
        yield "hits_all"
    if any(one.state is not IncidentState.CLOSED for one in case.problems):
        yield "known_then"
    if not case.goes_on:
        yield "known_over"
    elif all(one.unseen_since is not None for one in case.goes_on):
        yield "known_unseen"
    amid = next((one for one in case.goes_on if one.unseen_since is None), None)
    if amid is not None:
        yield from ("amid",) if amid.cohort else ("amid", "amid_all")
        yield from (f"others_of_{name}" for name in ("operator", "region") if name in amid.cohort)


def _of_booking(case: Case, mode: FailureMode | None) -> Iterator[str]:
    """Yield whether its booking has ended since, and what there was in it.

    It has not if the car opened after that, for another booking or late. A task about a car that
    stands open stays to be done.
    """
    ended_s, opened_s = case.booking_ended_s, opened_in_booking_s(case)
    if opened_s is not None:
        yield "opened_in_booking"
    at_s = case.opened_late_s if case.opened_after_no else opened_s
    if is_seen_to(case, case.at_s if at_s is None or case.cause is None else at_s):
        yield "seen_to"
    is_mixed_up = mode is not None and mode.slug == _MIXED_UP
    if ended_s is None:
        return
    if case.cause is None and mode is not None and stands_open(mode) and not is_mixed_up:
        return
    opened_s = max(opened_since_s(case) or 0.0, case.opened_late_s or 0.0)
    if opened_s <= ended_s or (is_mixed_up and case.cause is None):
        yield "booking_over"


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
        mode = MODES[_TWO_CARS]
    is_of_release = not _OF_RELEASE.isdisjoint(case.seen_facts | case.not_missed)
    if mode is not None and mode.slug == APP_RELEASE.slug and is_of_release:
        mode = APP_RELEASE
    return _RELOCKED if mode is None and _has_relocked(case) else mode


def _may_open(case: Case, mode: FailureMode) -> bool:
    """Return whether a car opens in a mode: by a command that waited for it minutes later."""
    is_late = mode.slug == _DELIVERED_LATE and case.opened_after_long_s is not None
    return is_late or None in mode.causes


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
    return Fact.DOOR_OPENED in case.seen_facts or may_be_open(case) is OpeningByAnother.SINCE


def _is_perhaps_attack(case: Case) -> bool:
    """Return whether what is perhaps so, and not likely enough to be told, is an attack."""
    believed = case.believed
    acts = None if believed is None or believed.mode is None else believed.mode.acts
    return believed is not None and believed.is_possible and acts is Actor.SECURITY_TEAM


def _was_box_unreachable(case: Case, mode: FailureMode | None) -> bool:
    """Return whether the box was gone before it was asked for, and nothing waits for it.

    If no mode says so, it counts only if it was gone until its command had expired.
    """
    if mode is None:
        return case.is_out_of_reach
    if mode.slug in _COMES_LATE:
        return False
    is_off = mode.slug in _SWITCHED_OFF and case.cause in (Cause.BOX_OFFLINE, Cause.BOX_SILENT)
    return is_off or case.gone_s is not None
