"""How far an unlock came, and what was odd about it. No I/O."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.attempt import Attempt, Flag, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import HOW_FAR
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.case import Case, evidence
from platform_probe.texts.catalogue import fact_text

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
_BY_CAUSE: Final = {**HOW_FAR, Cause.VEHICLE_STATE: Fact.REFUSED_VEHICLE_STATE}
_STATES: Final = (
    (("locked_by_key",), Fact.LOCKED_BY_KEY),
    (("ignition", "park", "privacy", "gear"), Fact.NOT_PARKED),
    (("pin", "tries"), Fact.WRONG_PIN),
    (("reservation",), Fact.SAID_BOOKING),
)
_NOT_DELIVERED: Final = frozenset(
    {Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT, Cause.DOWNLINK_LOST}
)
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
    record = case.record
    if not case.has_reasons and record.cause in _REFUSED:
        case.note(Fact.REFUSED_SOMEHOW)
    elif not case.has_receipts and record.cause in _UNANSWERED:
        if Flag.ANSWERED_BY_ANOTHER not in record.flags:
            case.note(Fact.NOT_ANSWERED)
    elif record.cause in _BY_CAUSE:
        case.note(_BY_CAUSE[record.cause])
    elif record.cause in _NOT_DELIVERED or record.cause is Cause.UNCLASSIFIED:
        if Flag.ANSWERED_BY_ANOTHER not in record.flags:
            was_sent = Stage.PUBLISHED.value in record.stages
            is_away = record.cause in _NOT_DELIVERED
            case.note(
                Fact.NOT_DELIVERED if was_sent or is_away else Fact.NOTHING_PUBLISHED,
                None if was_sent else "nothing_published",
            )
    elif record.cause in _REFUSED:
        fact = _BY_REFUSAL.get(case.refusal or record.reason or "", Fact.REFUSED_WITHOUT_REASON)
        if fact is Fact.REFUSED_REPLAYED and _was_overtaken(case):
            case.note(Fact.REFUSED_EXPIRED, "refused_overtaken")
        else:
            case.seen[fact] = _refusal(fact, record.reason)
    elif record.cause is Cause.NOT_OBSERVED and Stage.PUBLISHED.value not in record.stages:
        case.note(Fact.NOTHING_REQUESTED)


def _was_overtaken(case: Case) -> bool:
    """Return whether a newer command was sent before the box refused this one as older.

    Something had held this one up: the box got both at once, and took the newer one first.
    """
    sent_s = (past.sent_s for past in case.car.attempts)
    return any(at_s is not None and case.published_s < at_s < case.ended_s for at_s in sent_s)


def _refusal(fact: Fact, reason: str | None) -> Text:
    """Return what a refusal means, with the box's own word for it."""
    if reason is None:
        return evidence("refused")
    if fact is Fact.REFUSED_WITHOUT_REASON:
        return evidence("refused_because", reason=reason)
    return evidence("with_word", what=fact_text(fact), word=reason)


def note_words_of_refusal(case: Case) -> None:
    """Note why the car says that its state does not allow it."""
    said = (case.record.reason or "").lower()
    for words, fact in _STATES:
        if any(word in said for word in words):
            case.note(fact, reason=case.record.reason or "")


def note_oddities(case: Case) -> None:
    """Note what was odd about the unlock.

    A command that the platform itself repeated is answered again: no other sender is needed.
    """
    record = case.record
    was_repeated = _was_repeated(record)
    for flag, fact in (
        (Flag.ANSWERED_BY_ANOTHER, Fact.ANSWERED_BY_ANOTHER),
        (Flag.DUPLICATE, Fact.ANSWERED_TWICE),
        (Flag.SENT_TWICE, Fact.SENT_AGAIN),
    ):
        if flag in record.flags and not (was_repeated and fact is Fact.ANSWERED_TWICE):
            case.note(fact)
    if Flag.WOKEN in record.flags and not is_woken_after(record):
        case.note(Fact.WOKEN)
    hop_s = record.hops_s.get(Stage.BOX_RECEIVED.value, 0.0)
    if Stage.BOX_RECEIVED.value in record.stages and hop_s > SLOW_S:
        case.note(Fact.SLOW_DELIVERY, seconds=hop_s)
    asked_s = record.stages.get(Stage.REQUESTED.value)
    sent_s = record.stages.get(Stage.PUBLISHED.value)
    if asked_s is not None and sent_s is not None and sent_s - asked_s > SENT_LATE_S:
        case.note(Fact.SENT_LATE, seconds=sent_s - asked_s)


def note_clock(case: Case) -> None:
    """Note a box's clock that its answers show to be wrong."""
    ahead_s = case.clock_ahead_s
    if ahead_s is not None and abs(ahead_s) > WRONG_CLOCK_S:
        how = "clock_ahead" if ahead_s > 0 else "clock_behind"
        case.note(Fact.CLOCK_WRONG, how, seconds=abs(ahead_s))


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
    late = case.late
    opened_s = case.opened_s
    is_in_time = opened_s is not None and opened_s < case.ended_s
    was_waiting = case.has_expiry and Stage.BOX_RECEIVED.value not in case.record.stages
    too_late = Fact.OPENED_LATE if was_waiting else Fact.OPENED_AT_LAST
    opened = Fact.OPENED_IN_TIME if is_in_time else too_late
    for phase, fact, key in (
        ("executed", opened, "opened"),
        ("refused", Fact.REFUSED_LATE, None),
        ("received", Fact.CONFIRMED_LATE, None),
    ):
        if phase in late:
            case.note(fact, key, **case.when(late[phase]))
    answers = [at_s for phase, at_s in late.items() if phase in _LATE]
    if answers:
        _note_whether_returned(case, min(answers))
    if _was_repeated(case.record):
        return  # each copy is answered, and whose it was is known
    if "copy" in late:
        case.note(Fact.COPY_REFUSED, at=case.unix_s(late["copy"]))
    if "again" in late:
        case.note(Fact.EXECUTED_AGAIN, at=case.unix_s(late["again"]))
    if "connect" in late:
        case.note(Fact.COPY_AFTER_CONNECT, at=case.unix_s(late["connect"]))
    if "duplicate" in late:
        case.note(Fact.ANSWERED_TWICE, "answer_again", at=case.unix_s(late["duplicate"]))


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
        case.note(Fact.LATE_WITHOUT_RETURN)
    elif at_s - came_back[-1] < AFTER_RETURN_S:
        case.note(Fact.LATE_ON_RETURN, at=case.unix_s(came_back[-1]))
