"""The start of an unlock: its ids, its source and its customer."""

from __future__ import annotations

import msgspec

from fleet_wire.contract.attempt import Source


class Start(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An unlock that begins. `intended_s` is its intended start on the monotonic clock."""

    attempt_id: str
    command_id: str
    vehicle_id: str
    trace_id: str
    source: Source
    intended_s: float
    booking_id: str | None = None
    parent_span_id: str | None = None
    through_api: bool = False
    """Whether it is asked for through an API, which makes the command; until that is known the
    attempt's own id stands for the command's."""

    @property
    def is_unnamed(self) -> bool:
        """Whether the id of its command is not known yet."""
        return self.through_api and self.command_id == self.attempt_id

    @property
    def named_trace_id(self) -> str | None:
        """Its trace as somebody named it; None where nobody did, and it goes by its own name."""
        return None if self.trace_id == self.attempt_id else self.trace_id
