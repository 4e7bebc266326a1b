"""The other unlocks of a car around one: whose they are, how they ended, and whether it is open."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentState
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from platform_probe.judge.diagnosis.records import is_taken_over_often
from platform_probe.tell.support.advice import ended_as, table
from platform_probe.tell.support.case import Case, cause_of, evidence_of
from platform_probe.tell.support.choosing import is_soon_after
from platform_probe.tell.support.rows import Row, unix_s

STAYS_OPEN_S: Final = 120.0
"""The longest time for which an unentered car stays open until it locks itself (ha-volvo-cars#129).
"""
AWAY_LONG_S: Final = 120.0
"""A box that was away for so long before the request is not back at the next press [E]."""
IN_VAIN: Final = 3
"""The number of failed presses that is enough [E]."""
_RETURNED: Final = frozenset({Fact.BACK_SOON, Fact.BACK_IN_MINUTES})
"""Facts which show that a box has connected again after the command."""


class OpeningByAnother(StrEnum):
    """Whether another unlock has opened the car for the same customer."""

    SINCE = "since"
    BEFORE = "before"
    """So shortly before that the car may still be open."""


class Owner(StrEnum):
    """An unlock's owner, seen from the customer of a case. Nobody is named."""

    SAME = "same"
    ANOTHER = "another"
    MONITOR = "monitor"
    OF_ANOTHER_BOOKING = "other_booking"
    NOT_KNOWN = "not_known"

    @property
    def text(self) -> Text:
        """Their names."""
        return Text(key=f"owner.{self.value}")


_OTHERS: Final = (Owner.ANOTHER, Owner.OF_ANOTHER_BOOKING)
"""Customers who are not those of the case."""


class Relations:
    """Says whose events and unlocks are, by account, or by the accounts of bookings."""

    def __init__(self, case: Case) -> None:
        own = case.attempt or next(iter(case.complaints), None)
        self._account = None if own is None else own["account_id"]
        self._booking = None if own is None else own["booking_id"]
        self._accounts = {
            row["booking_id"]: row["account_id"]
            for row in (*case.neighbours, *case.events)
            if row["booking_id"] and row["account_id"]
        }

    def owner_of(self, row: Row) -> Owner:
        """Return whose an event or an unlock is."""
        if row.get("source") == Source.PROBE:
            return Owner.MONITOR
        account, is_of_booking = row["account_id"], row["booking_id"] is not None
        is_of_booking = is_of_booking and row["booking_id"] == self._booking
        if is_of_booking and None in (account, self._account):
            return Owner.SAME  # else accounts tell: apps that forget theirs all send one booking
        account = account or self._accounts.get(row["booking_id"])
        if account is None or self._account is None:
            is_other = row["booking_id"] is not None and self._booking is not None
            return Owner.OF_ANOTHER_BOOKING if is_other else Owner.NOT_KNOWN
        return Owner.SAME if account == self._account else Owner.ANOTHER


def ending_of(unlock: Row) -> Text:
    """Return how another unlock of the car ended, to be said of the car."""
    cause = cause_of(unlock)
    if cause is None and _is_in_doubt(unlock):
        return Text(key="ending.perhaps_another")
    if cause is None:
        return Text(key="ending.opened_after", values={"long": unlock["total_s"]})
    ended = Text(key="ending.opened_late") if unlock["has_opened_late"] else ended_as(cause)
    return Text(key="ending.with_cause", values={"ending": ended, "cause": cause.value})


def may_be_open(case: Case, *, is_shut_again: bool = False) -> OpeningByAnother | None:
    """Return whether another unlock has opened the car for the same customer; None: none has.

    It did so after this one began, or so shortly before that the car may still be open. If this one
    opened the car, and it is shut again, only later ones count. This customer hears nothing of an
    unlock for somebody else.
    """
    if opened_since_s(case) is not None:
        return OpeningByAnother.SINCE if case.has_failed or is_shut_again else None
    opened = (at_s for at_s, _ in _opened_for_them(case))
    is_open = any(at_s >= case.at_s - STAYS_OPEN_S for at_s in opened)
    return OpeningByAnother.BEFORE if case.has_failed and is_open else None


def opened_since_s(case: Case) -> float | None:
    """Return when the car last opened for its customer by another unlock, after this one began.

    Any press counts: an earlier one may open it later. Unix seconds; None: none has opened it.
    """
    opened_s = max((at_s for at_s, _ in _opened_for_them(case)), default=0.0)
    return opened_s if opened_s > case.at_s else None


def opened_in_booking_s(case: Case) -> float | None:
    """Return when another unlock opened the car last for its customer, as `opened_since_s` does.

    Also before this one, where that is of the same booking; not before a call about another unlock.
    """
    booking = None if case.attempt is None else case.attempt["booking_id"]
    opened = (
        at_s
        for at_s, other in _opened_for_them(case)
        if at_s > case.at_s or (booking is not None and other["booking_id"] == booking)
    )
    return max(opened, default=None)


def is_seen_to(case: Case, since_s: float) -> bool:
    """Return whether nobody has to see that a car is locked that opened at a moment, Unix seconds.

    Somebody got in, it is locked by now, or it was used for another booking.
    """
    states = [one for one in case.heard if unix_s(one["heard_at"]) >= since_s]
    locks = [one["is_locked"] for one in states if one["is_locked"] is not None]
    is_locked = (case.locked_s or 0.0) > since_s or (bool(locks) and locks[-1])
    relations = Relations(case)
    used = (
        other
        for other in case.neighbours
        if cause_of(other) is None and unix_s(other["started_at"]) > since_s
    )
    is_used = any(relations.owner_of(other) in _OTHERS for other in used)
    return is_locked or is_used or any(one["is_open"] for one in states)


def is_away_in_vain(case: Case) -> bool:
    """Return whether a customer has pressed so often for a box that is away, and nothing opened."""
    if case.gone_s is None or case.gone_s < AWAY_LONG_S:
        return False
    relations = Relations(case)
    others = (other for other in case.neighbours if relations.owner_of(other) is Owner.SAME)
    failed = sum(cause_of(other) is not None for other in others)
    return 1 + failed >= IN_VAIN


def pressed_again_s(case: Case) -> float | None:
    """Return how long after an unlock that opened its customer pressed again, s; None: not soon."""
    unlock, relations = case.attempt, Relations(case)
    if unlock is None or unlock["source"] != Source.CUSTOMER:
        return None
    return next(
        (
            round(unix_s(other["started_at"]) - case.at_s, 3)
            for other in case.neighbours
            if is_soon_after(unlock, other) and relations.owner_of(other) is Owner.SAME
        ),
        None,
    )


def again_possible(case: Case) -> str | None:
    """Return why what was wrong then may be so no longer: `over`, `back`, `maybe_over`; or None.

    Its incident is over, a box that could not be reached has connected again, or nothing was seen
    of its incident for a while.
    """
    if {one.state for one in case.problems} == {IncidentState.RESOLVED}:
        return "over"
    is_over_by_return = case.cause in table().groups["connection"] or case.cause is Cause.BOX_BUSY
    if is_over_by_return and is_back(case):
        return "back"
    is_unseen = all(one.unseen_since is not None for one in case.goes_on)
    return "maybe_over" if case.goes_on and is_unseen else None


def is_back(case: Case) -> bool:
    """Return whether its box has connected again since, and was not lost once more.

    If presence itself is not kept, as in the directory of a run, the diagnosis shows it.
    """
    if case.connected_s is not None:
        return True
    is_kept = any(heard["kind"] == "presence" for heard in case.heard)
    return (
        not is_kept
        and not case.seen_facts.isdisjoint(_RETURNED)
        and Fact.FLAPPED not in case.seen_facts
    )


def _opened_for_them(case: Case) -> Iterator[tuple[float, Row]]:
    """Yield when other unlocks opened the car for its customer, Unix seconds, and which."""
    if case.attempt is None and case.complaint_id is None:
        return
    relations = Relations(case)
    is_ours = case.attempt is not None and case.attempt["source"] == Source.PROBE
    theirs = Owner.MONITOR if is_ours else Owner.SAME
    for other in case.neighbours:
        has_opened = cause_of(other) is None and not _is_in_doubt(other)
        if has_opened and relations.owner_of(other) is theirs:
            yield unix_s(other["started_at"]) + other["total_s"], other


def _is_in_doubt(unlock: Row) -> bool:
    """Return whether another car may have answered, where an unlock is said to have opened one."""
    return is_taken_over_often(evidence_of(unlock))
