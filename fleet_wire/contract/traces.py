"""W3C Trace Context: how one trace is carried through headers and MQTT user properties."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

TRACEPARENT: Final = "traceparent"
"""Name of the HTTP header, and of the MQTT user property (W3C Trace Context, section 3.2)."""
_FORM: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2}).*")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


class TraceParent(NamedTuple):
    """What a caller says of its trace."""

    trace_id: str
    span_id: str
    """The caller's own span: the parent of what the called one does."""
    flags: str = "01"

    def __str__(self) -> str:
        """Return the header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def parse_traceparent(text: str | None) -> TraceParent | None:
    """Return what a `traceparent` says; None for anything else, as section 4.2 wants it."""
    match = None if text is None else _FORM.fullmatch(text)
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
        return None
    return TraceParent(match[1], match[2], match[3])


def trace_parent_of(user_properties: Iterable[tuple[str, str]]) -> TraceParent | None:
    """Return the first valid `traceparent` of a message's user properties."""
    values = (parse_traceparent(value) for name, value in user_properties if name == TRACEPARENT)
    return next((parent for parent in values if parent is not None), None)
