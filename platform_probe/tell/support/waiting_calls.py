"""A call to support that is so new that nothing is concluded from it yet.

A monitor lets a call wait until the unlocks before it are judged, some 20 s, and diagnoses it then.
The platform's log shows an agent at once whether the caller's phone has asked at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fleet_wire.contract.platform_log import PlatformStep
from platform_probe.tell.support.rows import Query, Row, unix_s, utc

WAITS_S: Final = 120.0
"""A call that is older and has no record never gets one: nobody joins the logs here [E]."""
_BOOKED_S: Final = 86_400.0
"""The longest time before a call in which its booking may have begun [E]."""
_EARLIER_S: Final = 600.0
"""A press that failed with another booking may be what a call is about for so long, as for a
monitor (`platform_probe.measure.attempts.support_calls`) [E]."""
_CALLS: Final = f"""
    SELECT * FROM platform_events WHERE event = '{PlatformStep.SUPPORT_CALLED}' AND {{its}}
    AND logged_at > $since AND request_id NOT IN (SELECT complaint_id FROM complaints)
    ORDER BY logged_at DESC LIMIT 1
"""
_ASKED: Final = """
    SELECT 1 AS one FROM platform_events WHERE operation = 'unlock'
    AND (booking_id = $booking AND logged_at > $begin
        OR account_id = $account AND vehicle_id = $car AND logged_at > $lately)
    AND logged_at < $called
    UNION ALL
    SELECT 1 AS one FROM attempts WHERE started_at < $called
    AND (booking_id = $booking AND started_at > $begin
        OR vehicle_id = $car AND started_at > $lately
            AND coalesce(account_id, $account) IS NOT DISTINCT FROM $account
            AND coalesce(booking_id, $booking) IS NOT DISTINCT FROM $booking)
    LIMIT 1
"""
"""Whether an unlock was asked for that a call may be about: then it will be told, and not the
call."""
_FIRST: Final = """
    SELECT min(logged_at) AS since FROM platform_events
    WHERE booking_id = $booking AND logged_at > $begin AND logged_at <= $called
"""
_COLUMNS: Final = {"complaint_id": "request_id"}
_OF_CAR: Final = ("region", "operator", "firmware", "hardware", "site")


def waiting_call(query: Query, given: Mapping[str, str], newest_s: float) -> Row | None:
    """Return the last call that still waits and before which no phone has asked; None: none does.

    It is as the record of a complaint will be, with `not_asked_since`: when its booking is first
    known. `given` has the ids that it has, by column of a complaint.
    """
    its = " AND ".join(f"{_COLUMNS.get(name, name)} = ${name}" for name in given)
    values = {**given, "since": utc(newest_s - WAITS_S)}
    call = next(iter(query(_CALLS.format(its=its), values)), None)
    if call is None:
        return None
    called_s = unix_s(call["logged_at"])
    about = {
        "booking": call["booking_id"],
        "begin": utc(called_s - _BOOKED_S),
        "called": call["logged_at"],
    }
    who = {"account": call["account_id"], "car": call["vehicle_id"]}
    lately = {"lately": utc(called_s - _EARLIER_S)}
    if any(query(_ASKED, {**about, **who, **lately})):
        return None
    first = next(iter(query(_FIRST, about)), None)
    return {
        **dict.fromkeys(_OF_CAR),
        "complaint_id": call["request_id"],
        "vehicle_id": call["vehicle_id"] or "",
        "booking_id": call["booking_id"],
        "account_id": call["account_id"],
        "app_version": call["app_version"],
        "shown": call["shown"],
        "called_at": call["logged_at"],
        "attempts": [],
        "missed": None,
        "not_asked_since": call["logged_at"] if first is None else first["since"],
    }
