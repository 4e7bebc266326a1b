"""A car, a customer, a booking, a cause, a failure mode, a time: what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import PresenceStatus
from fleet_wire.error_text import suggestion
from fleet_wire.modes.catalogue import MODES, TITLES
from fleet_wire.modes.mode import FailureMode
from platform_probe.tell.support.advice import advice_for
from platform_probe.tell.support.case import evidence_of
from platform_probe.tell.support.choosing import ChoiceReason
from platform_probe.tell.support.rows import Row, unix_s
from platform_probe.tell.support.timeline import InARow, in_a_row
from platform_probe.texts.catalogue import cause_text, mode_text, spoken_of
from platform_probe.texts.spoken_error import spoken_error
from platform_probe.texts.times import DAY_S, moment_of
from platform_probe.web.console.gathering import (
    NAMED_TRAITS,
    CarSeen,
    car_seen,
    count_failed_within,
    failed_within,
    has_car,
    history_of,
    of_cause,
)
from platform_probe.web.console.modes import of_mode
from platform_probe.web.console.page_request import Answer, Page, PageRequest, missing
from platform_probe.web.console.pages.unlock import latest_advice
from platform_probe.web.console.pictures import curve_of
from platform_probe.web.console.snapshot import LISTED

_OF_A_STEP: Final = ("event", "operation", "status", "problem", "vehicle_id")
_ABOUT: Final = {
    ChoiceReason.WENT_WRONG: "history.latest_wrong",
    ChoiceReason.PRESSED_AGAIN: "history.latest_again",
    ChoiceReason.LAST: "history.latest",
}
"""The sentence about the shown unlock, by why it was chosen."""


def car_page(asked: PageRequest, vehicle_id: str) -> Answer:
    """Return the page of a car."""
    seen = car_seen(asked.snapshot, vehicle_id, asked.page_number)
    if seen.last is None and not has_car(asked.snapshot, vehicle_id):
        return missing("car", vehicle_id)
    values = {
        "car": seen,
        "plate": asked.plate_of.get(vehicle_id),
        "now": _current_state(seen),
        "curve": curve_of(seen.voltages),
        "failed": sum(row["cause"] is not None for row in seen.unlocks.rows),
    }
    return Page("car.html", values, look=("car", vehicle_id))


def _current_state(seen: CarSeen) -> Mapping[str, Any]:
    """Return what is known of it by now: as it was heard, else as its last unlock tells it."""
    now: dict[str, Any] = dict(seen.heard)
    last = seen.last
    if last is None:
        return now
    for name in ("region", "operator", "firmware", "hardware", "site"):
        now[name] = now[name] or last[name]
    evidence = evidence_of(last)  # stands for what was heard, where records have no messages
    if now["voltage_v"] is None:
        now["voltage_v"] = evidence.get("voltage_v")
    if now["presence"] is None:
        now["presence"] = presence = evidence.get("presence")
        is_there = presence == PresenceStatus.ONLINE
        now["presence_reason"] = None if is_there else evidence.get("offline_reason")
    heard_ago_s = evidence.get("heard_ago_s")
    if now["last_heard"] is None and isinstance(heard_ago_s, int | float):
        now["last_heard"] = unix_s(last["started_at"]) + last["total_s"] - heard_ago_s
    return now


def customer_page(asked: PageRequest, account_id: str) -> Answer:
    """Return the page of a customer."""
    return _history(asked, "account_id", account_id, ("customer", account_id))


def customer_of_page(asked: PageRequest, attempt_id: str) -> Answer:
    """Return the page of the customer of an unlock; the person need not know the name."""
    rows = asked.snapshot.unlocks_of(attempt_id)
    account = next((row["account_id"] for row in rows if row["attempt_id"] == attempt_id), None)
    if account is None:
        return missing("customer_of", attempt_id)
    return _history(asked, "account_id", account, ("customer-of", attempt_id))


def booking_page(asked: PageRequest, booking_id: str) -> Answer:
    """Return the page of a booking."""
    return _history(asked, "booking_id", booking_id, ("booking", booking_id))


def _history(asked: PageRequest, column: str, any_id: str, page: tuple[str, str]) -> Answer:
    """Return what is known under an id; `page` is the kind and the name in the address."""
    history = history_of(asked.snapshot, column, any_id)
    if history.is_empty:
        return missing(*page)
    kind = "customer" if column == "account_id" else "booking"
    call = None if history.call is None else history.call["complaint_id"]
    unlock = None if call is not None else history.asked_about
    rows = [*history.unlocks, *history.events, *history.complaints]
    customers = sorted({row["account_id"] for row in rows if row["account_id"]})
    cars = sorted({row["vehicle_id"] for row in rows if row["vehicle_id"]})
    values = {
        "kind": kind,
        "name": any_id,
        "thing": "/".join(page),
        "history": history,
        "account": any_id if kind == "customer" else next(iter(customers), None),
        "cars": cars,
        "bookings": sorted({row["booking_id"] for row in rows if row["booking_id"]}),
        "steps": steps_of(history.events),
        "failed": sum(row["cause"] is not None for row in history.unlocks),
        "is_all": len(history.unlocks) < LISTED,
        "latest": latest_advice(asked, unlock, call, is_last=history.is_about_the_last),
        "about": "history.latest_call" if call else _ABOUT[history.why],
        "number": unlock and len(history.unlocks) - history.unlocks.index(unlock),
    }
    return Page("history.html", values, look=(kind, any_id))


def steps_of(events: Sequence[Row]) -> list[InARow[Row]]:
    """Return what was asked and answered: the lines of the log that a person understands."""
    steps = [row for row in events if row["event"] in ("requested", "answered", "support_called")]
    return in_a_row(steps, lambda row: [row[name] for name in _OF_A_STEP])


# A cause, a mode, a time


def cause_page(asked: PageRequest, slug: str) -> Answer:
    """Return the meaning of a cause, and its failed unlocks."""
    if slug not in list(Cause):
        return missing("cause", slug)
    cause = Cause(slug)
    span = span_of(asked)
    advice, speaker = advice_for(cause), asked.speaker
    values = {
        "slug": slug,
        "explanation": speaker.say(cause_text(cause)),
        "say_to": speaker.say_all(advice.say),
        "do": speaker.say_all(advice.do),
        "listed": of_cause(asked.snapshot, slug, span, asked.page_number),
        "span": span,
    }
    return Page("cause.html", values)


def mode_page(asked: PageRequest, slug: str) -> Answer:
    """Return what a failure mode is, and which unlocks had it."""
    if slug not in TITLES:
        near = suggestion(slug, list(TITLES))
        return missing("mode", f"{slug}{near}")
    span, mode = span_of(asked), MODES.get(slug)
    values = {
        "slug": slug,
        "title": TITLES[slug],
        "mode": mode,
        "told": {} if mode is None else _told_of(asked, mode),
        "listed": of_mode(asked.snapshot, slug, span, asked.page_number),
        "span": span,
    }
    return Page("mode.html", values)


def _told_of(asked: PageRequest, mode: FailureMode) -> Mapping[str, str | None]:
    """Return the sentences of a mode, in the language of the page."""
    speaker = asked.speaker
    return {
        "engineer": speaker.say(mode_text(mode, "engineer")),
        "spoken": speaker.say_all(spoken_of(mode)),
        "now": speaker.say(mode_text(mode, "now")),
        "mend": speaker.say(mode_text(mode, "mend")) if mode.mend else None,
    }


def time_page(asked: PageRequest, _: str) -> Answer:
    """Return the failures of a time; with an operator in the address, or another trait, of that."""
    span = span_of(asked)
    trait = next(((name, asked.query[name]) for name in NAMED_TRAITS if name in asked.query), None)
    values = {
        "listed": failed_within(asked.snapshot, span, asked.page_number, trait),
        "count": count_failed_within(asked.snapshot, span, trait),
        "span": span,
        "trait": trait,
    }
    return Page("time.html", values)


def span_of(asked: PageRequest) -> tuple[float, float]:
    """Return the time that the address names, by default the last day; Unix seconds.

    Raises `ConfigError` for what is no time.
    """
    until_s, since_s = asked.now_s, None
    if text := asked.query.get("until"):
        until_s = moment_of(text, asked.zone, newest_s=asked.now_s)
    if text := asked.query.get("since"):
        since_s = moment_of(text, asked.zone, newest_s=until_s)
    if since_s is None:
        since_s = until_s - DAY_S
    if since_s > until_s:
        raise spoken_error("when.since_after", since=asked.query.get("since", ""), until=until_s)
    return since_s, until_s
