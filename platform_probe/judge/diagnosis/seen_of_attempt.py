"""How far an unlock came, and what was odd about it. No I/O."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.attempt import Attempt, Flag, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.facts import FACTS, Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.case import Case

SLOW_S: Final = 5.0
"""Slower than paging an idle phone ever is (IMC'23 pings: at most 3.3 s)."""
WRONG_CLOCK_S: Final = 30.0
"""The smallest error that hides a command is its life; +-2 s are normal [E]."""
SENT_LATE_S: Final = 3.0
"""Longer than any platform takes for a command that waits for nothing [E]."""
SETTLED_S: Final = 2.0
"""Presence and answer of a box that has connected may come in either order."""
AFTER_RETURN_S: Final = 20.0
"""The time within which a returned box answers a waiting command: bus and lock take 3 s, and each
command before it [E].
"""
_LATE: Final = frozenset({"executed", "refused", "received"})
_BY_CAUSE: Final = {
    None: (Fact.WENT_WELL, "the car answered and reported an open lock"),
    Cause.API_REFUSED: (Fact.NOTHING_PUBLISHED, "no command was sent to the car"),
    Cause.API_FAILED: (Fact.NOTHING_PUBLISHED, "no command was sent to the car"),
    Cause.NOT_PUBLISHED: (Fact.NOTHING_PUBLISHED, "no command was sent to the car"),
    Cause.BROKER_UNREACHABLE: (
        Fact.BROKER_UNREACHABLE,
        "there was no connection with the broker, which passes commands on to the cars",
    ),
    Cause.BROKER_DENIED: (Fact.BROKER_DENIED, "the broker refused to take the command"),
    Cause.NO_SUBSCRIBER: (Fact.NO_SUBSCRIBER, "no car was listening for the command"),
    Cause.EXECUTION_SILENT: (
        Fact.SILENT_AFTER_RECEIPT,
        "the box confirmed the command and said nothing more",
    ),
    Cause.RESULT_LOST: (
        Fact.STATE_WITHOUT_RESULT,
        "the car reported an open lock, and no answer came",
    ),
    Cause.DOOR_UNCONFIRMED: (
        Fact.RESULT_WITHOUT_STATE,
        "the box said that it unlocked, and no open lock was reported",
    ),
    Cause.BOX_SAYS_EXPIRED: (Fact.REFUSED_EXPIRED, "the box refused the command as too old"),
    Cause.BOX_BUSY: (Fact.REFUSED_BUSY, "the box refused because it was busy"),
    Cause.VEHICLE_STATE: (Fact.REFUSED_VEHICLE_STATE, "the box refused for the car's state"),
}
_STATES: Final = (
    (("locked_by_key",), Fact.LOCKED_BY_KEY, "the car had been locked by key"),
    (
        ("ignition", "park", "privacy", "gear"),
        Fact.NOT_PARKED,
        "the ignition is on, the car not in park, or remote services off",
    ),
    (
        ("pin", "tries"),
        Fact.WRONG_PIN,
        "the command's PIN was wrong, or remote access is locked after wrong ones",
    ),
    (("reservation",), Fact.SAID_BOOKING, "it knows no booking for this"),
)
_NOT_DELIVERED: Final = frozenset(
    {Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT, Cause.DOWNLINK_LOST}
)
_NO_ANSWER: Final = (Fact.NOT_ANSWERED, "no answer came; these boxes do not confirm what they get")
_REFUSAL: Final = (Fact.REFUSED_SOMEHOW, "the car refused; these boxes do not say why")
_UNANSWERED: Final = _NOT_DELIVERED | {Cause.UNCLASSIFIED, Cause.NO_SUBSCRIBER}
_REFUSED: Final = frozenset({Cause.BOX_REJECTED, Cause.VEHICLE_FAILED})
_BY_REFUSAL: Final = {
    "expired": Fact.REFUSED_EXPIRED,
    "replayed": Fact.REFUSED_REPLAYED,
    "bad_signature": Fact.REFUSED_BAD_SIGNATURE,
    "ttl_too_long": Fact.REFUSED_TTL_TOO_LONG,
    "malformed": Fact.REFUSED_MALFORMED,
    "busy": Fact.REFUSED_BUSY,
    "can_bus_no_ack": Fact.REFUSED_CAN_BUS,
    "actuator_inhibited": Fact.REFUSED_INHIBITED,
    "low_voltage": Fact.REFUSED_LOW_VOLTAGE,
    "wrong_vehicle_state": Fact.REFUSED_VEHICLE_STATE,
    "failed": Fact.REFUSED_WITHOUT_REASON,
}


def note_how_far(case: Case) -> None:
    """Note how far the unlock came."""
    record, seen = case.record, case.seen
    if not case.has_reasons and record.cause in _REFUSED:
        fact, sentence = _REFUSAL
        seen[fact] = sentence
    elif not case.has_receipts and record.cause in _UNANSWERED:
        if Flag.ANSWERED_BY_ANOTHER not in record.flags:
            fact, sentence = _NO_ANSWER
            seen[fact] = sentence
    elif record.cause in _BY_CAUSE:
        fact, sentence = _BY_CAUSE[record.cause]
        seen[fact] = sentence
    elif record.cause in _NOT_DELIVERED or record.cause is Cause.UNCLASSIFIED:
        if Flag.ANSWERED_BY_ANOTHER not in record.flags:
            seen[Fact.NOT_DELIVERED] = (
                "the broker took the command, and the box never confirmed it"
                if Stage.PUBLISHED.value in record.stages
                else "no command was sent to the box"
            )
    elif record.cause in _REFUSED:
        fact = _BY_REFUSAL.get(case.refusal or record.reason or "", Fact.REFUSED_WITHOUT_REASON)
        seen[fact] = _refusal(fact, record.reason)
    elif record.cause is Cause.NOT_OBSERVED and Stage.PUBLISHED.value not in record.stages:
        seen[Fact.NOTHING_REQUESTED] = "no request for this unlock is known"


def _refusal(fact: Fact, reason: str | None) -> str:
    """Return what a refusal means, with the box's own word for it."""
    if reason is None:
        return "the box refused, and did not say why"
    if fact is Fact.REFUSED_WITHOUT_REASON:
        return f"the box refused: {reason}"
    return f"{FACTS[fact].meaning} ({reason})"


def note_words_of_refusal(case: Case) -> None:
    """Note why the car says that its state does not allow it."""
    said = (case.record.reason or "").lower()
    for words, fact, meaning in _STATES:
        if any(word in said for word in words):
            case.seen[fact] = f"the box said that {meaning} ({case.record.reason})"


def note_oddities(case: Case) -> None:
    """Note what was odd about the unlock.

    A command that the platform itself repeated is answered again: no other sender is needed.
    """
    record, seen = case.record, case.seen
    was_repeated = _was_repeated(record)
    for flag, fact, sentence in (
        (Flag.ANSWERED_BY_ANOTHER, Fact.ANSWERED_BY_ANOTHER, "another car answered"),
        (Flag.DUPLICATE, Fact.ANSWERED_TWICE, "an answer came more than once"),
        (Flag.SENT_TWICE, Fact.SENT_AGAIN, "the same command was published twice at once"),
    ):
        if flag in record.flags and not (was_repeated and fact is Fact.ANSWERED_TWICE):
            seen[fact] = sentence
    if Flag.WOKEN in record.flags and not is_woken_after(record):
        seen[Fact.WOKEN] = "the car was asked to wake"
    hop_s = record.hops_s.get(Stage.BOX_RECEIVED.value, 0.0)
    if Stage.BOX_RECEIVED.value in record.stages and hop_s > SLOW_S:
        seen[Fact.SLOW_DELIVERY] = f"the command took {hop_s:.1f} s to reach the box"
    asked_s = record.stages.get(Stage.REQUESTED.value)
    sent_s = record.stages.get(Stage.PUBLISHED.value)
    if asked_s is not None and sent_s is not None and sent_s - asked_s > SENT_LATE_S:
        seen[Fact.SENT_LATE] = f"the command was sent {sent_s - asked_s:.0f} s after the request"
    ahead_s = case.clock_ahead_s
    if ahead_s is not None and abs(ahead_s) > WRONG_CLOCK_S:
        how = "ahead" if ahead_s > 0 else "behind"
        seen[Fact.CLOCK_WRONG] = f"the box's clock is wrong: {abs(ahead_s):.0f} s {how}"


def _was_repeated(record: Attempt) -> bool:
    """Return whether the platform itself sent the same command more than once."""
    is_logged = bool(record.platform and record.platform.sent_again)
    return is_logged or Flag.SENT_TWICE in record.flags


def is_woken_after(record: Attempt) -> bool:
    """Return whether the wake request came after the command, as the platform's log has it."""
    published_s = record.stages.get(Stage.PUBLISHED.value)
    woken_s = record.platform.woken_s if record.platform else None
    return published_s is not None and woken_s is not None and woken_s > published_s


def note_late_words(case: Case) -> None:
    """Note what the box said of the command after the unlock had ended."""
    seen, late = case.seen, case.late
    opened_s = case.opened_s
    is_in_time = opened_s is not None and opened_s < case.ended_s
    too_late = Fact.OPENED_LATE if case.has_receipts else Fact.OPENED_AT_LAST
    opened = Fact.OPENED_IN_TIME if is_in_time else too_late
    for phase, fact, what in (
        ("executed", opened, "the box told that it had opened the car"),
        ("refused", Fact.REFUSED_LATE, "the box refused the command"),
        ("received", Fact.CONFIRMED_LATE, "the box confirmed the command"),
    ):
        if phase in late:
            seen[fact] = f"{what} at {case.at(late[phase])}, {case.ago(late[phase])}"
    answers = [at_s for phase, at_s in late.items() if phase in _LATE]
    if answers:
        _note_whether_returned(case, min(answers))
    if _was_repeated(case.record):
        return  # each copy is answered, and whose it was is known
    if "copy" in late:
        seen[Fact.COPY_REFUSED] = (
            f"the box refused a copy of the command at {case.at(late['copy'])}"
        )
    if "again" in late:
        seen[Fact.EXECUTED_AGAIN] = f"the box answered once more at {case.at(late['again'])}"
    if "connect" in late:
        seen[Fact.COPY_AFTER_CONNECT] = (
            f"the box had connected at {case.at(late['connect'])}, just before its answer came once"
            " more"
        )
    if "duplicate" in late:
        seen[Fact.ANSWERED_TWICE] = f"the same answer came again at {case.at(late['duplicate'])}"


def _note_whether_returned(case: Case, at_s: float) -> None:
    """Note whether a late answer waited for the box's return, or was only slow."""
    if not case.has_presence:
        return
    came_back = [
        change.at_s
        for change in case.car.changes_between(case.published_s, at_s + SETTLED_S)
        if change.session is Session.ONLINE
    ]
    if not came_back:
        case.seen[Fact.LATE_WITHOUT_RETURN] = (
            "the late answer came without the box having to connect again"
        )
    elif at_s - came_back[-1] < AFTER_RETURN_S:
        case.seen[Fact.LATE_ON_RETURN] = (
            f"the box had connected at {case.at(came_back[-1])}, just before its late answer"
        )
