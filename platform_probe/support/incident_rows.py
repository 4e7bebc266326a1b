"""Incidents as a store has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from fleet_wire.contract.incident import Incident
from platform_probe.support.rows import Row, unix_s


def incident_of(row: Row) -> Incident:
    """Return a row of the store as the incident that it was made of."""
    values: dict[str, Any] = {}
    for name in Incident.__struct_fields__:
        value = row["made_at" if name == "at" else name]
        if isinstance(value, datetime):
            value = unix_s(value)
        if name in ("cohort", "changes") and value is not None:
            value = msgspec.json.decode(value)
        if value is not None:
            values[name] = value
    return msgspec.convert(values, Incident)
