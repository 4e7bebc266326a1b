"""What to say and do about an unlock whose booking has ended since: there is nothing to open."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentState
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.mode import Actor, FailureMode, Layer
from platform_probe.tell.support.advice import MIXED_UP, Advice, explanation_of, is_about_car
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.relations import is_seen_to, opened_in_booking_s, opened_since_s

BOOKING_ENDED: Final = (
    "Your booking has ended. If you still need a car, please book one again.",
    (
        "The booking has ended since: there is nothing to open. If they need a car, they can book"
        " again."
    ),
)
"""What to say and do where there is nothing to open any more."""
BOOKING_USED: Final = (
    (
        "The car opened when you pressed another time. Your booking has ended since. If you still"
        " need a car, please book one again."
    ),
    (
        "The customer has opened the car since, and the booking has ended: there is nothing to"
        " open. If they need a car, they can book again."
    ),
)
"""The same if another unlock opened the car before that: the customer does not hear that it stayed
shut.
"""
BOOKING_UNUSED: Final = (
    "The car opened when you pressed another time. Your booking has ended since.",
    (
        "Another press has OPENED the car, and nobody opened a door. The booking has ended since:"
        " see that the car is locked."
    ),
)
"""The same if nobody is known to have got in: the caller may not know that it opened."""
BOOKING_ENDED_OPEN: Final = (
    "Your car opened after all, and your booking has ended since.",
    "The car has OPENED after all, and the booking has ended since: see that the car is locked.",
)
"""The same where the car opened late, after its customer was told no."""
AJAR: Final = "door_ajar_repulsion"
"""The mode in which a door is not shut."""
BOOKING_ENDED_AJAR: Final = (
    f"{MODES[AJAR].customer} {BOOKING_ENDED[0]}",
    f"{BOOKING_ENDED[1]} Have every door of this one shut, and see that it is locked.",
)
"""The same where a door was not shut: nobody is known to have shut it since."""
BOOKING_ENDED_MIXED_UP: Final = (
    f"{MODES[MIXED_UP].customer} {BOOKING_ENDED[0]}",
    (
        "Another car has OPENED, and the booking has ended since: see that the one that opened is"
        " locked. If they need a car, they can book again."
    ),
)
"""The same where the platform takes the booked car for another one, which has opened."""
_ENDED_OF: Final = {
    "auto_relock": (f"{MODES['auto_relock'].customer} {BOOKING_ENDED[0]}", BOOKING_ENDED[1]),
    AJAR: BOOKING_ENDED_AJAR,
}
"""What is said and done of modes of the car where the booking has ended."""


REASON_THEN: Final = "The reason then:"
"""Stands before why a car did not open."""


class OtherCars(StrEnum):
    """Which cars open while an incident goes on."""

    OPERATOR = "operator"
    """Those of other mobile operators."""
    PLACE = "place"
    """Those of other regions."""
    ANOTHER = "another"
    """Some, and nobody sees in the app which."""
    NONE = "none"


_ENDED_AMID: Final = (
    "Your booking has ended. The car did not open because of a known problem. We are working on it."
)
_OVER_FIRST: Final = "The booking has ended, and the incident is open."
BOOKING_ENDED_AMID: Final = {
    OtherCars.OPERATOR: (
        f"{_ENDED_AMID} If you still need a car, we can help you book one that is not affected.",
        (
            f"{_OVER_FIRST} If they need a car, help them book one of another operator than"
            " {operator}."
        ),
    ),
    OtherCars.PLACE: (
        f"{_ENDED_AMID} If you still need a car, please book one in another part of town.",
        f"{_OVER_FIRST} If they need a car, help them book one of another region than {{region}}.",
    ),
    OtherCars.ANOTHER: (
        f"{_ENDED_AMID} If you still need a car, please book another one.",
        f"{_OVER_FIRST} If they need a car, help them book another one.",
    ),
    OtherCars.NONE: (
        f"{_ENDED_AMID} If you still need a car, please book one when it is over.",
        (
            f"{_OVER_FIRST} If they need a car, they can book again when it is over. Say how long"
            " that may take, if you know."
        ),
    ),
}
"""The same for an unlock of an open incident.

The next car may not open either, except cars that it does not hit, which are named. Open it is
until it is known to be over.
"""
THEN_GOES_ON: Final = (
    "There was a known problem at that time. We are working on it.",
    "There was a known problem then, which goes on.",
)
THEN_MAY_BE_OVER: Final = (
    "There was a known problem at that time. It may be over by now.",
    "There was a known problem then, which may be over.",
)
THEN_OVER: Final = (
    "There was a known problem at that time. It is over now.",
    "There was a known problem then, which is over now.",
)
"""The first sentence for an unlock of an incident that no other sentence mentions.

A customer who calls after their booking still asks why the car did not open.
"""


def let_book_again(advice: Advice, ended: tuple[str, str] = BOOKING_ENDED) -> Advice:
    """Return advice where the booking has ended since: pressing again would be refused.

    An actor who fixes nothing, and would only help this customer, has nothing to do any more.
    """
    if advice.acts is Actor.SECURITY_TEAM:
        return advice
    say, do = ended
    is_over = advice.acts in (Actor.CUSTOMER, Actor.SUPPORT) and advice.mend is None
    return replace(advice, say=say, do=do, acts=None if is_over else advice.acts)


def advice_after_booking(case: Case, mode: FailureMode | None) -> tuple[str, str] | None:
    """Return what is said and done where the booking has ended since; None: it has not.

    First that there was a known problem, where there was one.
    """
    told, then = _advice_after_booking(case, mode), _known_then(case)
    if told is None or then is None or told[0].startswith(_ENDED_AMID):
        return told
    return f"{then[0]} {told[0]}", f"{then[1]} {told[1]}"


def _known_then(case: Case) -> tuple[str, str] | None:
    """Return that an unlock was of an incident, and whether that goes on; None: it was of none.

    If a person closed the incident, nobody knows whether it was one.
    """
    known = [one for one in case.problems if one.state is not IncidentState.CLOSED]
    if not known:
        return None
    if not case.goes_on:
        return THEN_OVER
    is_unseen = all(one.unseen_since is not None for one in case.goes_on)
    return THEN_MAY_BE_OVER if is_unseen else THEN_GOES_ON


def _advice_after_booking(case: Case, mode: FailureMode | None) -> tuple[str, str] | None:
    """Return what is said and done where the booking has ended since, whatever else there was.

    It is None too if the car has opened after that, for another booking or late. A task about a car
    that stands open stays to be done.
    """
    ended_s = case.booking_ended_s
    if ended_s is None:
        return None
    if mode is MODES[MIXED_UP] and case.cause is None:  # what opened is not what they booked
        return BOOKING_ENDED if is_seen_to(case, case.at_s) else BOOKING_ENDED_MIXED_UP
    if case.cause is None and mode is not None and is_about_car(mode):
        return None
    opened_s = max(opened_since_s(case) or 0.0, case.opened_late_s or 0.0)
    return None if opened_s > ended_s else _after_the_end(case, mode)


def _after_the_end(case: Case, mode: FailureMode | None) -> tuple[str, str]:
    """Return what is said and done of an unlock whose booking has ended.

    While the incident of one that failed goes on, which other cars open follows from whom it hits.
    """
    if case.opened_after_no:
        is_over = is_seen_to(case, case.opened_late_s or case.at_s)
        return BOOKING_ENDED if is_over else BOOKING_ENDED_OPEN
    if mode is not None and mode.slug in _ENDED_OF:
        return _ENDED_OF[mode.slug]
    if not case.has_failed or case.opened_late:
        return BOOKING_ENDED
    if (opened_s := opened_in_booking_s(case)) is not None:
        return BOOKING_USED if is_seen_to(case, opened_s) else BOOKING_UNUSED
    if mode is not None and _is_of_phone(mode):  # the next car would not open either
        return f"{mode.customer} {BOOKING_ENDED[0]}", f"{BOOKING_ENDED[1]} {mode.now}"
    seen = (one for one in case.goes_on if one.unseen_since is None)
    return next(map(ended_amid, seen), with_reason(case.cause, mode))


def with_reason(cause: Cause | None, mode: FailureMode | None) -> tuple[str, str]:
    """Return what is said and done of an unlock that failed, with the reason that it had then.

    A customer who calls after the booking still asks for it. The customer's task of that time is
    left out.
    """
    if mode is None and cause is None:
        return BOOKING_ENDED
    reason = explanation_of(cause) if mode is None else mode.customer
    what, semicolon, _ = reason.partition("; please")
    return f"{REASON_THEN} {what}{'.' if semicolon else ''} {BOOKING_ENDED[0]}", BOOKING_ENDED[1]


def _is_of_phone(mode: FailureMode) -> bool:
    """Return whether no request of a phone comes to the car, whichever car it is."""
    return mode.layer is Layer.PHONE and mode.cause is not None


def ended_amid(incident: Incident) -> tuple[str, str]:
    """Return the advice while an incident is open, which is named by its cohorts."""
    say, do = BOOKING_ENDED_AMID[other_than(incident)]
    return say, do.format(**incident.cohort)


def other_than(incident: Incident) -> OtherCars:
    """Return which cars an incident does not hit."""
    if "operator" in incident.cohort:
        return OtherCars.OPERATOR
    if "region" in incident.cohort:
        return OtherCars.PLACE
    return OtherCars.ANOTHER if incident.cohort else OtherCars.NONE
