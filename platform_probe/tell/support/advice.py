"""What to tell a customer whose car did not open, and what to do: by failure mode, else by cause.

A cause says how far the unlock got. A customer is told to try the door if it may have opened: a
command was sent and its result is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode


@dataclass(frozen=True, slots=True)
class Advice:
    """The words and actions of a support agent."""

    say: str
    do: str
    acts: Actor | None = None
    """The actor who must end it, or prevent it, if known."""
    mend: str | None = None
    """Their task."""


_TRY: Final = "Please try the door: the car may have opened without telling us."
_PRESS: Final = "press unlock once more"
_AGAIN: Final = f"then {_PRESS}"
_ADVICE: Final = {
    Cause.API_REFUSED: (
        "We could not open the car for this request.",
        (
            "Check the booking and the account: the type of the answer says what is missing. Fix"
            " that, then ask the customer to press again."
        ),
    ),
    Cause.API_FAILED: (
        "Our system did not answer your request.",
        (
            "Ask the customer to press once more. If it fails again, open the car with the support"
            " tool, and send the trace to the platform team."
        ),
    ),
    Cause.NOT_PUBLISHED: (
        "Our system accepted your request and did not pass it on.",
        (
            "Ask the customer to press once more. If it fails again, send the trace to the platform"
            " team."
        ),
    ),
    Cause.BROKER_UNREACHABLE: (
        "We had no connection with our cars for a moment.",
        (
            "Check whether others have it now. If so, it is an incident of the broker: call who is"
            " on duty. Else ask the customer to press once more."
        ),
    ),
    Cause.BROKER_DENIED: (
        "We could not reach the car because of a mistake on our side.",
        "Give the customer another car. Tell the broker team: this car's topic is not allowed.",
    ),
    Cause.NO_SUBSCRIBER: (
        "This car is not connected at the moment.",
        "Give the customer another car, and block this one until its box is connected.",
    ),
    Cause.BOX_OFFLINE: (
        "The car has no connection with us at the moment.",
        (
            "Ask the customer to open by Bluetooth or card, or give them another car. This one may"
            " open by itself when it is connected again: ask the customer to stay, or end the"
            " booking."
        ),
    ),
    Cause.BOX_ASLEEP: (
        "The car was asleep and is being woken; that takes up to a minute.",
        (
            f"Wait a minute, {_AGAIN}. If it does not wake, give the customer another car, and"
            " send somebody to look at its battery."
        ),
    ),
    Cause.BOX_SILENT: (
        "The car does not answer at the moment.",
        f"Wait for two minutes, {_AGAIN}. If it stays silent, give the customer another car.",
    ),
    Cause.DOWNLINK_LOST: (
        "The car does not get our messages at the moment.",
        (
            "Its reports look healthy and mean nothing here. Let the box connect anew (restart it"
            " by SMS), or give the customer another car."
        ),
    ),
    Cause.BOX_SAYS_EXPIRED: (
        "Your request reached the car too late, so the car stays locked.",
        (
            "Ask the customer to press once more. If it says so again the clock of its box is"
            " wrong: give another car, and tell the box team."
        ),
    ),
    Cause.BOX_REJECTED: (
        "The car did not accept our request.",
        (
            "Give the customer another car. Tell the security team the reason: a command was"
            " replayed, had a wrong PIN, or is signed with another key."
        ),
    ),
    Cause.BOX_BUSY: (
        "The car is still busy with an earlier request.",
        f"Wait for ten seconds, {_AGAIN}: not several times, or it stays busy.",
    ),
    Cause.EXECUTION_SILENT: (
        "The car has your request, and has not told us how it ended.",
        f"If the door is locked, wait for half a minute, {_AGAIN}.",
    ),
    Cause.RESULT_LOST: (
        "The car says that it is open: please pull the handle.",
        "It is open, and its answer was lost. Tell the customer so; lock it if they have left.",
    ),
    Cause.VEHICLE_FAILED: (
        "The car got your request, but its lock did not move.",
        (
            f"Wait for half a minute, {_AGAIN}, and only once. If it fails again, give another"
            " car, and send somebody: the reason says whether battery, lock or the car's network."
        ),
    ),
    Cause.VEHICLE_STATE: (
        "The car does not open by app now: the ignition is on, or a key has locked it.",
        "Ask whether somebody is in the car, or where its key is. Give the customer another car.",
    ),
    Cause.DOOR_UNCONFIRMED: (
        "The car says that it has unlocked, and its door does not confirm it. Please try the door.",
        (
            f"If the door is locked, {_PRESS}, and only once; then give another car, and send"
            " somebody."
        ),
    ),
    Cause.NOT_OBSERVED: (
        "We did not see how that ended.",
        "Our monitor did not see how it ended: ask the customer, and see the platform's log.",
    ),
    Cause.UNCLASSIFIED: (
        "We do not know yet why the car has not opened.",
        "Nothing known fits: tell the platform team the attempt's id.",
    ),
}
_MAY_BE_OPEN: Final = frozenset(
    {
        Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT, Cause.EXECUTION_SILENT,
        Cause.NOT_OBSERVED, Cause.UNCLASSIFIED,
    }
)  # fmt: skip
"""Causes for which nobody knows whether the car has opened, if the command was sent.

If the way down is dead its reports arrive all the same: a car that had opened would say so.
"""
_HELD_BACK: Final = frozenset({"stale_online_cache", "inflight_stall"})
"""In these the command comes to the car only when its box wakes up, or connects anew."""
_LETS_NOTHING_THROUGH: Final = frozenset({Fact.CONFIRMED_LATE, Fact.OPENED_LATE})
"""A mode of which these cannot be seen is one in which no command comes to the car."""
TWO_CARS: Final = "client_id_takeover"
"""The mode in which another car may have answered for this one."""
MIXED_UP: Final = "wrong_vin_mapping"
"""The mode in which another car opens than the one that was asked for."""
ANOTHER_OPENS: Final = frozenset({TWO_CARS, MIXED_UP})
"""Modes in which another car opens at a press: nobody should press once more."""
SAID_OPEN: Final = "is said to have opened, perhaps by another car"
SWITCHED_OFF: Final = frozenset(
    {"deep_sleep_modem_off", "modem_search_drain", "undervoltage_cutout"}
)
"""In these the box, or its modem, was off before it was asked, whatever presence says."""
DELIVERED_LATE: Final = "late_delivery_persistent_session"
"""The mode in which a command waits for a car, and opens it minutes later."""
COMES_LATE: Final = frozenset({"lwt_ghost_offline", DELIVERED_LATE})
"""In these a command comes to a car whose box is said to be gone, or waits for it."""
PRESSED_IN_VAIN: Final = (
    "The car has no connection with us at the moment.",
    (
        "They pressed three times or more, and the car has been offline for minutes. Give the"
        " customer another car, or send the field crew."
    ),
)
"""What to say and do where one more press is of no use."""
NOT_CONNECTED: Final = Advice(
    _ADVICE[Cause.BOX_OFFLINE][0],
    "Give the customer another car, or ask them to wait until this one is connected again. If the"
    " same happens with another car, send the trace to the platform team.",
)
"""What to say and do where a platform sent nothing to a car that counts as not connected."""
TOO_OFTEN: Final = Advice(
    "There were too many requests in a short time: please wait a minute, and press unlock once more"
    " then.",
    "Ask the customer to wait a minute before the next press: a sooner one is refused too. If that"
    " one is refused as well, send the trace to the platform team.",
)
"""What to say and do where the platform was asked too often."""
CONNECTED: Final = (
    "The car can be reached again: please press unlock once more.",
    "Its box has connected again since: ask the customer to press unlock once more. If that fails:",
)
OVER: Final = (
    "That problem is over: please press unlock once more.",
    "The incident is over: ask the customer to press unlock once more. If that fails:",
)
MAY_BE_OVER: Final = (
    "That problem may be over: please press unlock once more.",
    "The incident is not seen any more: ask the customer to press unlock once more. If that fails:",
)
LONG_AGO: Final = (
    "That should be over by now: please press unlock once more.",
    "Enough time has passed: ask the customer to press unlock once more. If that fails:",
)
"""What to say and do first where what was wrong then is so no longer, or perhaps."""
RETURN_MENDS_NOTHING: Final = frozenset(
    {"acl_denied_silent", "bad_firmware_cohort", "loose_wiring"}
)
"""In these a box that is back fails again at the next press."""
MEND_FIRMWARE: Final = "Withdraw the firmware's release, or fix it."
"""The fix if one firmware is at fault, and no customer."""
CONNECTION: Final = frozenset(
    {
        Cause.NO_SUBSCRIBER, Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT,
        Cause.DOWNLINK_LOST,
    }
)  # fmt: skip
"""Causes that a new connection of the box fixes."""
_OPEN: Final = frozenset({None, Cause.RESULT_LOST, Cause.DOOR_UNCONFIRMED})
"""Causes with which the car is said to be open: the customer tries the door, and does not ask
again.
"""
NOT_SEEN: Final = Advice(
    "Please try the door; if it is locked, please press unlock once more.",
    "We have no record of their unlock. Ask when they pressed and what the app said, and check the"
    " platform's log.",
)
"""What to say and do of a call about an unlock that nobody saw, while nobody knows why."""
NOT_ASKED: Final = Advice(
    "Your phone's request did not reach us; please check that it is online, and press unlock once"
    " more.",
    "Their phone sent no request. Check mobile data, Bluetooth, location permission and the app's"
    " version with the customer; else open the car with the support tool.",
)
"""What to say and do of a call that is too new to be diagnosed, before which no phone has asked."""
UNREADABLE: Final = Advice(
    f"The car has sent something that we could not read. {_TRY}",
    f"If the door is locked, ask the customer to {_PRESS}. Tell the box team the attempt's id: what"
    " its box sends breaks the contract.",
)
"""What to say and do where the car's answer may be among what could not be read."""
OPENED_LATE: Final = "The car opened, but late."
OPENED_IN_TIME: Final = "The car opened in time, but its answer came too late."
OPENED_FOR_THEM: Final = "Another request has opened the car: please try the door."
_PRESSES: Final = "Ask the customer to press"
_TRIES: Final = ("Ask the customer to try the door", "If the door is locked")
"""How advice begins that is about pressing, or trying the door, itself."""
_WAITS: Final = ("Ask the customer to press again in", "Ask the customer to wait", "Wait ")
"""How advice begins that is to wait first."""
_ELSE: Final = "Give the customer another car."
"""What is done where the wait is over, and one more press fails."""
_LOCKS: Final = ("Have the car locked", "See that the car is locked")
"""And that which is of no use at a locked door."""
_OPENED: Final = "The car says that it is open: please try the door."
_IF_SHUT: Final = (
    "If the customer finds it locked: compare the number plate with them, then ask them to press"
    " unlock once more."
)
_LET_LOOK: Final = "Ask the security team to look at it."
_LATE: Final = (
    "The car has OPENED after all: ask the customer whether they are with it. If they are not,"
    " lock it."
)
_USED: Final = (
    "The car has OPENED after all, and somebody has used it since: do not lock it before the"
    " customer says that they are not in it."
)


def advice_for(
    cause: Cause | None,
    mode: FailureMode | None = None,
    *,
    is_sent: bool = True,
    is_gone: bool = False,
    opened_after_no: bool = False,
    used_since: bool = False,
) -> Advice:
    """Return what to say and do: by the mode, where there is one, else by the cause.

    `is_sent` where the command was sent, or may have been; `is_gone` where the box had been gone
    before that, by a mode that needs no answer of it; `opened_after_no` if the car opened after its
    customer was told no. `used_since` if a door was opened then, or the customer has opened the car
    again.
    """
    advice = _by_cause(cause)
    if mode is not None:
        advice = replace(advice, acts=mode.acts, mend=mode.mend)
        if is_sent or not mode.now.startswith(_TRIES):  # else its sentences are of one that was
            advice = replace(advice, say=mode.customer, do=mode.now)
    if opened_after_no:
        do = _USED if used_since else _LATE
        return replace(advice, say="Your car has opened after all.", do=do)
    reaches_car = mode is None or _reaches_car(mode)
    if cause in _MAY_BE_OPEN and is_sent and reaches_car and not is_gone:
        return replace(advice, say=f"{advice.say} {_TRY}")
    return advice


def _reaches_car(mode: FailureMode) -> bool:
    """Return whether a command may have come to the car at once."""
    is_stopped = mode.signature.rules_out >= _LETS_NOTHING_THROUGH
    return not is_stopped and mode.slug not in _HELD_BACK


def let_security_look(advice: Advice) -> Advice:
    """Return advice for a possible attack: the customer hears the same as without."""
    return replace(advice, do=f"{advice.do} {_LET_LOOK}", acts=Actor.SECURITY_TEAM, mend=None)


def let_press_again(advice: Advice, cause: Cause | None, now: tuple[str, str]) -> Advice:
    """Return advice where what was wrong is so no longer: what `now` says comes first."""
    if cause in _OPEN or advice.acts is Actor.SECURITY_TEAM:
        return advice
    say, do = now
    if now == LONG_AGO and advice.say.endswith(_TRY):  # whether it has opened nobody knows still
        say = f"{say} {_TRY}"
    then = _ELSE if is_to_wait(advice) else advice.do
    return replace(advice, say=say, do=_first(do, then, _PRESSES))


def is_to_wait(advice: Advice) -> bool:
    """Return whether what is to be done is to wait first, and to press then."""
    return advice.do.startswith(_WAITS)


def let_take_another(advice: Advice) -> Advice:
    """Return advice where one more press is of no use: what says so is said no longer."""
    if "press again" not in advice.do:
        return advice
    say, do = PRESSED_IN_VAIN
    return replace(advice, say=say, do=do)


def is_about_car(mode: FailureMode) -> bool:
    """Return whether a mode's task is about a car that stands open, regardless of its booking."""
    return mode.slug in ANOTHER_OPENS or mode.now.startswith(_LOCKS)


def let_try_first(advice: Advice, because: str) -> Advice:
    """Return advice where another unlock has opened the car: then everything else can wait."""
    return replace(advice, say=OPENED_FOR_THEM, do=_first(because, advice.do, _TRIES + _LOCKS))


def _first(first: str, then: str, same: str | tuple[str, ...]) -> str:
    """Return what to do first and then; of the first only why, where the second is the same."""
    why = f"{first.partition(':')[0]}."
    return f"{why if then.startswith(same) else first} {then}"


def _by_cause(cause: Cause | None) -> Advice:
    return Advice(_OPENED, _IF_SHUT) if cause is None else Advice(*_ADVICE[cause])


def explanation_of(cause: Cause | None) -> str:
    """Return why, in one sentence."""
    return "The car opened." if cause is None else CAUSES[cause].explanation


def ended_as(cause: Cause | None) -> str:
    """Return how an unlock ended, to be said of the car."""
    if cause is None:
        return "opened"
    if cause is Cause.RESULT_LOST:
        return "opened by its own report, and never answered"
    is_unknown = CAUSES[cause].outcome is Outcome.UNKNOWN
    return "is not known to have opened" if is_unknown else "did not open"
