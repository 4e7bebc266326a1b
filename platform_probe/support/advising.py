"""What to say and do about one unlock now: by all that is known of it, of its car, of others."""

from __future__ import annotations

from fleet_wire.contract.incident import Incident
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode
from platform_probe.support.advice import (
    BOOKING_ENDED_AMID,
    CONNECTED,
    CONNECTION,
    OVER,
    TWO_CARS,
    Advice,
    Other,
    advice_for,
    let_book_again,
    let_press_again,
    let_security_look,
    let_try_first,
)
from platform_probe.support.believed import Revision
from platform_probe.support.beside import OPEN_SINCE, again_possible, may_be_open
from platform_probe.support.case import Case


def advice_now(case: Case) -> Advice:
    """Return what to say and do now.

    Where another unlock has opened the car it is tried first; where the booking has ended nothing
    is opened any more; where what was wrong is so no longer, the customer presses again.
    """
    advice = _advice_for_this(case)
    if case.opened_late:
        return advice
    if (ended := _ended_amid_it(case)) is not None:
        return let_book_again(advice, ended)
    advice = _without_what_is_over(case, advice)
    if (because := may_be_open(case)) is not None:
        return let_try_first(advice, because)
    if case.cause is not None and case.booking_ended_s is not None:
        return let_book_again(advice)
    now = again_possible(case)
    return advice if now is None else let_press_again(advice, case.cause, now)


def _advice_for_this(case: Case) -> Advice:
    """Return what to say and do: by the failure mode, where it is likely enough to be told.

    Or where its incident names it, which knows of more unlocks than one.
    """
    if case.opened_late and not case.opened_after_no:
        return advice_for(None)
    believed = case.believed
    mode = believed.mode if believed is not None and believed.is_likely else _mode_of_incident(case)
    if mode is None and case.is_in_doubt:
        mode = MODES[TWO_CARS]
    is_used, is_late = _is_used_since(case), case.opened_after_no
    if mode is None and believed is not None and _is_for_security(believed):
        by_cause = advice_for(case.cause, opened_after_no=is_late, used_since=is_used)
        return let_security_look(by_cause)
    return advice_for(case.cause, mode, opened_after_no=is_late, used_since=is_used)


def _mode_of_incident(case: Case) -> FailureMode | None:
    """Return what an incident that goes on fails of, where this unlock may have failed of it too.

    What was seen of the unlock must name the same, or must not be diagnosed yet.
    """
    believed = case.believed
    for one in case.goes_on:
        mode = MODES.get(one.mode or "")
        is_believed = believed is None or (believed.is_possible and believed.mode is mode)
        is_now = one.unseen_since is None
        if mode is not None and mode.acts is not Actor.SECURITY_TEAM and is_now and is_believed:
            return mode
    return None


def _is_used_since(case: Case) -> bool:
    """Return whether a door was opened, or the customer has opened the car once more."""
    seen = () if case.believed is None else (fact.fact for fact in case.believed.facts)
    return Fact.DOOR_OPENED in seen or may_be_open(case) == OPEN_SINCE


def _is_for_security(believed: Revision) -> bool:
    """Return whether what is perhaps so, and not likely enough to be told, is an attack."""
    acts = None if believed.mode is None else believed.mode.acts
    return believed.is_possible and acts is Actor.SECURITY_TEAM


def _ended_amid_it(case: Case) -> tuple[str, str] | None:
    """Return what is said of a booking that has ended while its incident goes on; None: it has not.

    Which other cars open follows from whom the incident hits.
    """
    is_ended = case.booking_ended_s is not None and case.cause is not None
    if not is_ended or may_be_open(case) is not None:
        return None
    seen = (one for one in case.goes_on if one.unseen_since is None)
    return next((BOOKING_ENDED_AMID[_other_than(one)] for one in seen), None)


def _other_than(incident: Incident) -> Other:
    """Return which cars an incident does not hit."""
    if "operator" in incident.cohort:
        return Other.OPERATOR
    if "region" in incident.cohort:
        return Other.PLACE
    return Other.ANOTHER if incident.cohort else Other.NONE


def _without_what_is_over(case: Case, advice: Advice) -> Advice:
    """Return advice in which a mobile network is not down that is back by now."""
    is_back = again_possible(case) in (OVER, CONNECTED) and case.cause in CONNECTION
    is_of_network = advice.acts is Actor.NETWORK_OPERATOR
    return advice_for(case.cause) if is_back and is_of_network else advice
