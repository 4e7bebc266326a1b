"""Loaded by schemathesis: lets some of what it makes up be possible, so that bookings come about.

What is wrong on purpose stays wrong. A made up time is hardly ever in the hours to come, and a key
hardly ever a new one; a description cannot say so.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import schemathesis

from fleet_sim.runs.virtual.time import EPOCH_UNIX_S

KEY = "Idempotency-Key"
_LONGEST_UNIX_S = 1e11
_numbers = count()


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: Any) -> Any:
    """Let a booking's times that are well formed be those of today."""
    if not isinstance(body, dict) or not all(
        type(body.get(name, 0)) in (int, float) and 0 <= body.get(name, 0) <= _LONGEST_UNIX_S
        for name in ("starts_at", "ends_at")
    ):
        return body
    if "ends_at" in body:
        body.pop("starts_at", None)
        hours = 2 if "vehicle_id" in body else 4  # of a new booking, or one that is extended
        body["ends_at"] = EPOCH_UNIX_S + 3_600 * hours + body["ends_at"] % 3_600
    return body


@schemathesis.hook
def map_headers(_context: schemathesis.HookContext, headers: Any) -> Any:
    """Let a key that is well formed be a new one."""
    key = headers.get(KEY) if headers else None
    if isinstance(key, str) and re.fullmatch("[!#-~]{1,200}", key):
        headers[KEY] = f"{key}{next(_numbers)}"
    return headers
