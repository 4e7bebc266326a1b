"""Facts from the platform's log about an unlock. No I/O."""

from __future__ import annotations

import re
from typing import Final

from fleet_wire.contract import problems
from fleet_wire.contract.attempt import Attempt, Flag, PlatformSide, Source, Stage
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from platform_probe.judge.diagnosis.accounts import is_not_yours
from platform_probe.judge.diagnosis.case import AGAIN_S, COMMAND_ENDS_S, Case, evidence
from platform_probe.judge.diagnosis.entries import PastAttempt
from platform_probe.judge.diagnosis.seen_of_attempt import SENT_LATE_S
from platform_probe.texts.catalogue import fact_text

_PUBLISHED: Final = Stage.PUBLISHED.value
GIVEN_UP: Final = frozenset({"expired", "not_published"})
"""Ends of a command to the platform that say that the car did not get it, or did not answer."""
_KEY_WORDS: Final = frozenset({"key", "bluetooth", "ble", "offline"})
"""Words of apps for it [E]."""
WAITS_S: Final = 120.0
"""The time after a command that timed out on the platform in which the car's next ones wait for it
[E].
"""
FAR_M: Final = 200.0
"""Farther than anybody hears a lock [E]."""
FEWEST_SIGNED_OUT: Final = 2
"""The fewest other phones with the same answer: a single one is chance if each hundredth has it
[E].
"""
TOLD_SOON_S: Final = 90.0
"""The time within which others get an outage's answer; a later one has another reason, unless most
get it: few cars are asked for [E].
"""
_OF_THE_REQUEST: Final = frozenset({400, 405, 411, 413, 414, 415, 422, 431})
"""Statuses that blame the form of a request alone (RFC 9110, section 15.5; RFC 6585). 403, 404 and
409 may say the same of a booking, or of a car that is busy."""
_OF_THE_CASE: Final = frozenset({403, 404, 409, 410})
"""Those, and 410 for what is over."""
_WORDS_OF_BOOKINGS: Final = frozenset({"booking", "rental", "reservation"})
"""Words of platforms for it [E]."""
_OF_THE_TIME: Final = frozenset({408, 425, 429})
"""Statuses with which a gateway that has trouble turns down anybody (RFC 9110, 8470 and 6585)."""
_BOOKINGS: Final = frozenset(
    {
        problems.BOOKING_OF_ANOTHER.slug,
        problems.VEHICLE_NOT_BOOKED.slug,
        problems.BOOKING_UNKNOWN.slug,
        problems.BOOKING_NOT_STARTED.slug,
        problems.BOOKING_ENDED.slug,
        problems.VEHICLE_TAKEN.slug,
    }
)
_BY_PROBLEM: Final = {
    **dict.fromkeys(_BOOKINGS, Fact.SAID_BOOKING),
    problems.VEHICLE_TOO_FAR.slug: Fact.SAID_TOO_FAR,
    problems.UNAUTHENTICATED.slug: Fact.SAID_SIGNED_OUT,
    problems.MAINTENANCE.slug: Fact.SAID_MAINTENANCE,
    problems.VEHICLE_BUSY.slug: Fact.SAID_BUSY,
    problems.OVERLOADED.slug: Fact.SAID_OVERLOADED,
    problems.TOO_MANY_REQUESTS.slug: Fact.SAID_OVERLOADED,
    problems.VEHICLE_SILENT.slug: Fact.SAID_SILENT,
    problems.VEHICLE_UNREACHABLE.slug: Fact.SAID_SILENT,
}


def names_no_booking(record: Attempt, *, others_do: bool) -> bool:
    """Return whether a command was sent for no booking, as far as that can be known.

    The platform's log says so of an account; without it, that others' commands name theirs.
    """
    if record.booking_id is not None or _PUBLISHED not in record.stages:
        return False
    side = record.platform
    has_account = side.account_id is not None if side else False
    return record.source is Source.CUSTOMER and (has_account or others_do)


def is_signed_out(side: PlatformSide) -> bool:
    """Return whether the API has answered that the phone is not signed in."""
    return side.status == problems.UNAUTHENTICATED.status


def is_yes(side: PlatformSide) -> bool:
    """Return whether the API has answered the phone, and neither with an error nor a redirect."""
    return problems.is_yes(side.status)


def waited_s(record: Attempt) -> float:
    """Return for how long the platform has waited for the command's end, as it says."""
    side = record.platform
    ended_s = side.ended_s if side else None
    return (ended_s or 0.0) - record.stages.get(Stage.PUBLISHED.value, 0.0)


def says_key_expired(shown: str) -> bool:
    """Return whether an app has shown that a phone's own key for the car is over.

    Apps show sentences, or the name of the error; a session that has expired is another matter.
    """
    words = frozenset(_words_of_text(shown))
    return "expired" in words and not words.isdisjoint(_KEY_WORDS)


def note_missed_before(case: Case) -> None:
    """Note an earlier command of the car that the platform waited for in vain, and this one too."""
    for past in case.car.attempts:
        apart_s = past.began_s - case.began_s
        if past.missed_s is None or not -WAITS_S < apart_s < 0 or not case.platform_told:
            continue
        case.note(Fact.PLATFORM_MISSED_IT, "missed_before", **case.when(past.began_s))
        if past.missed_s > COMMAND_ENDS_S:
            at = case.unix_s(past.began_s)
            case.note(Fact.PLATFORM_WAITED_LONG, "waited_before", at=at, seconds=past.missed_s)


def note_held_up(case: Case) -> None:
    """Note a command that was late, or never made, though the platform had nothing to wait for."""
    record, seen = case.record, case.seen
    if not record.platform:
        return
    if seen.keys() >= {Fact.NOTHING_PUBLISHED, Fact.SAID_NOTHING} and record.command_id is None:
        case.note(Fact.HELD_UP, "held_up_at_once")
    if Fact.NOTHING_PUBLISHED in seen:
        _note_behind_another(case)
        if case.was_end_due:
            case.note(Fact.NEVER_SENT)
    was_to_wake = not seen.keys().isdisjoint({Fact.WOKEN, Fact.WAS_ASLEEP})
    others = (one for one in case.car.attempts if one.attempt_id != record.attempt_id)
    times_s = case.began_s, case.published_s
    has_waited = was_to_wake or any(may_wait_for(one, *times_s) for one in others)
    if Fact.SENT_LATE in seen and not has_waited:
        case.note(Fact.HELD_UP, sent=seen[Fact.SENT_LATE])


def _note_behind_another(case: Case) -> None:
    """Note an earlier command of the car that was under way when this one was asked for."""
    for past in case.car.attempts:
        is_other = past.attempt_id != case.record.attempt_id
        if is_other and may_wait_for(past, case.began_s, case.began_s):
            case.note(Fact.BEHIND_ANOTHER, at=case.unix_s(past.began_s))


def may_wait_for(past: PastAttempt, began_s: float, published_s: float) -> bool:
    """Return whether a command may have waited for that of another unlock of the car.

    The platform sends the next when it knows how the one before has ended, or gives it up.
    """
    if past.sent_s is None or not began_s - AGAIN_S < past.sent_s < published_s:
        return False
    return past.over_s is None or past.over_s > published_s - SENT_LATE_S


def note_platform(case: Case) -> None:
    """Note what the platform's log says."""
    record, seen = case.record, case.seen
    side = record.platform
    if case.support_called_s is not None:
        case.note(Fact.SUPPORT_CALLED, at=case.unix_s(case.support_called_s))
    if case.shown is not None and says_key_expired(case.shown):
        case.note(Fact.SHOWN_KEY_EXPIRED)
    if names_no_booking(record, others_do=case.others_name_bookings):
        account_id = side.account_id if side else None
        case.seen[Fact.WITHOUT_BOOKING] = _who_named_none(account_id)
    if case.cars_of_account >= 3:  # noqa: PLR2004 - nobody drives three [E]
        case.note(Fact.MANY_CARS_OF_ONE, count=case.cars_of_account)
    if not side:
        return
    _note_cars_of_others(case, side)
    _note_who_asked(case)
    said = _answer_text(side)
    _of_answer(case, said)
    _add_command_end(case, said)
    if Flag.TOLD_OTHERWISE in record.flags:
        case.note(Fact.OPEN_BUT_TOLD_NO, answer=said)
    if side.requests > 1:
        case.note(Fact.ASKED_AGAIN, count=side.requests)
    if side.sent_again:
        how = "sent_once_more" if side.sent_again == 1 else "sent_times_more"
        case.note(Fact.SENT_AGAIN, how, count=side.sent_again)
    if Fact.WAS_ASLEEP in seen and _is_not_woken(side, record.stages.get(Stage.PUBLISHED.value)):
        case.note(Fact.NOT_WOKEN)


def _who_named_none(account_id: str | None) -> Text:
    if account_id is None:
        return evidence("without_booking")
    return evidence("account_without_booking", account=account_id)


def _note_cars_of_others(case: Case, side: PlatformSide) -> None:
    """Note an account that is refused car after car as not its own.

    An unlock that was refused for a reason of its own is none of these: the car is the account's.
    """
    is_else = _fact_of_status(side.status) is Fact.SAID_NO and not is_not_yours(side)
    if is_else and side.status != problems.TOO_MANY_REQUESTS.status:
        return
    if case.not_its_own >= 3:  # noqa: PLR2004 - who mistakes a number plate does so once or twice
        case.note(Fact.CARS_OF_OTHERS, count=case.not_its_own)


def _fact_of_status(status: int | None) -> Fact:
    """Return what an answer's status says."""
    if status is None:
        return Fact.SAID_NOTHING
    if problems.is_yes(status):
        return Fact.SAID_YES
    return Fact.SAID_NO if problems.is_refusal(status) else Fact.SAID_ERROR


def _named(side: PlatformSide) -> Fact | None:
    """Return what the type of an answer says; other platforms have words of their own."""
    problem = side.problem or ""
    if side.status in _OF_THE_CASE and not _WORDS_OF_BOOKINGS.isdisjoint(_words_of_text(problem)):
        return Fact.SAID_BOOKING
    return _BY_PROBLEM.get(problem)


def _words_of_text(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def _answer_text(side: PlatformSide) -> Text:
    """Return what the platform told the app, with the status and the type of its answer."""
    if side.status is None:
        return evidence("said_nothing")
    answer = f"{side.status} {side.problem}" if side.problem else f"{side.status}"
    if not problems.is_yes(side.status) and not problems.is_error(side.status):
        return evidence("redirected", answer=answer)
    fact = _named(side) or _fact_of_status(side.status)
    if fact is Fact.SAID_YES:
        return evidence("said_yes", answer=answer)
    return evidence("with_word", what=fact_text(fact), word=answer)


def _is_not_woken(side: PlatformSide, published_s: float | None) -> bool:
    """Return whether the platform sent, or gave up, a command without a wake request before it."""
    if published_s is None:
        return side.woken_s is None and side.ended_s is not None
    return side.woken_s is None or side.woken_s > published_s


def _add_command_end(case: Case, said: Text) -> None:
    """Note what the platform made of the command's end, and whether it said yes before."""
    record, seen = case.record, case.seen
    side = record.platform
    assert side  # noqa: S101 - the caller has looked
    answered_s = record.stages.get(Stage.API_ANSWERED.value)
    if is_yes(side) and answered_s is not None:
        end_s = side.ended_s
        if end_s is None or end_s > answered_s + 1.0:
            case.note(Fact.YES_BEFORE_THE_END, answer=said)
        published_s = record.stages.get(Stage.PUBLISHED.value)
        if published_s is None or answered_s < published_s:
            case.note(Fact.YES_BEFORE_SENDING, answer=said)
    if side.outcome in GIVEN_UP:
        fact = Fact.PLATFORM_MISSED_IT if Fact.WENT_WELL in seen else Fact.PLATFORM_GAVE_UP
        case.note(fact, f"gave_up_{side.outcome}")
        if fact is Fact.PLATFORM_MISSED_IT and waited_s(record) > COMMAND_ENDS_S:
            case.note(Fact.PLATFORM_WAITED_LONG, seconds=waited_s(record))


def _note_who_asked(case: Case) -> None:
    """Note what is odd about the account and its phone, and about the car that was meant."""
    record, seen = case.record, case.seen
    side = record.platform
    assert side  # noqa: S101 - the caller has looked
    if case.two_places is not None:
        seen[Fact.TWO_PLACES] = case.two_places
    if case.is_booking_of_several:
        case.note(Fact.BOOKING_OF_SEVERAL, booking=record.booking_id or "")
    if side.vehicle_id is not None:
        case.note(Fact.ANOTHER_CAR_ASKED, car=side.vehicle_id)
    if side.distance_m is not None and side.distance_m > FAR_M:
        case.note(Fact.PHONE_FAR, metres=side.distance_m)


def _of_answer(case: Case, said: Text) -> None:
    side, seen = case.record.platform, case.seen
    assert side  # noqa: S101 - the caller has looked
    status, problem = side.status, side.problem
    answered = _fact_of_status(status)
    seen[answered] = said
    if answered is Fact.SAID_YES and status != problems.ACCEPTED_STATUS:
        seen[Fact.SAID_DONE] = said
    if answered is Fact.SAID_ERROR and status and problems.is_generic(status, problem):
        seen[Fact.EXPLAINED_NOTHING] = said
    fact = _named(side)
    if is_signed_out(side):
        return
    if fact is not None:
        seen[fact] = said
    elif Stage.PUBLISHED.value in case.record.stages:
        return  # another request of it was read
    elif status in _OF_THE_REQUEST or problem == problems.VEHICLE_UNKNOWN.slug:
        seen[Fact.SAID_WRONG] = said
    elif answered is Fact.SAID_NO and status not in _OF_THE_TIME and problem:
        case.note(Fact.SAID_WHY_NOT, problem=problem)


def note_signed_out(case: Case) -> None:
    """Note whether one phone is signed out, or many are: then it is the login that is down."""
    side, others, seen = case.record.platform, case.signed_out, case.seen
    if not side or not is_signed_out(side) or Fact.SAID_SIGNED_OUT in seen:
        return
    said = _answer_text(side)
    is_soon = case.now_s - case.began_s <= TOLD_SOON_S
    is_most = others.failed >= others.total / 2
    if others.failed >= FEWEST_SIGNED_OUT and (is_soon or is_most):
        seen[Fact.SAID_SIGNED_OUT] = said
    else:
        case.note(Fact.SIGNED_OUT_ALONE, answer=said, total=others.total, failed=others.failed)
