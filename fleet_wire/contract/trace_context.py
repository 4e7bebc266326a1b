"""W3C Trace Context, as it travels in the MQTT 5 user properties of commands and answers.

https://www.w3.org/TR/trace-context/, section 3.2: `traceparent` names a trace and the span in it
that a message comes from; `tracestate` goes along with it untouched. Every party passes the trace
on with a span of its own. MQTT 3.1.1 has no place for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

import msgspec

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
SPAN_ID_BYTES: Final = 8
_SAMPLED: Final = "01"
_FORM: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
"""Versions to come may say more behind a hyphen; version 00 may not, and ff is none."""
_FIRST_VERSION: Final = "00"


class TraceContext(msgspec.Struct, frozen=True, gc=False):
    """A trace, and the span in it that something comes from, in hexadecimal digits."""

    trace_id: str
    span_id: str
    flags: str = _SAMPLED

    @property
    def traceparent(self) -> str:
        """The header's value, or the user property's."""
        return f"{_FIRST_VERSION}-{self.trace_id}-{self.span_id}-{self.flags}"


NO_TRACE: Final = TraceContext(trace_id="0" * 31 + "1", span_id="0" * 15 + "1")
"""A valid context for what nobody follows."""


def parse_traceparent(value: str) -> TraceContext | None:
    """Return what a `traceparent` says; None where it is not valid."""
    match = _FORM.fullmatch(value)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == _FIRST_VERSION and more is not None:
        return None
    return TraceContext(trace_id, span_id, flags)


def trace_context_of(user_properties: Iterable[tuple[str, str]]) -> TraceContext | None:
    """Return the trace context of a message, where it has a valid one."""
    for name, value in user_properties:
        if name == TRACEPARENT:
            context = parse_traceparent(value)
            if context is not None:
                return context
    return None


def passed_on(
    user_properties: Iterable[tuple[str, str]], *, by: str
) -> tuple[tuple[str, str], ...]:
    """Return the user properties with which `by` answers: the same trace, from a span of its own.

    None where the message has no valid trace context.
    """
    context = None
    states: tuple[tuple[str, str], ...] = ()
    for each in user_properties:
        if each[0] == TRACEPARENT:
            context = context or parse_traceparent(each[1])
        elif each[0] == TRACESTATE:
            states = (*states, each)
    if context is None:
        return ()
    own = TraceContext(context.trace_id, span_id_of(by, context.span_id), context.flags)
    return ((TRACEPARENT, own.traceparent), *states)


def span_id_of(*names: str) -> str:
    """Return the id of the span with these names: the same for the same names."""
    return blake2b("/".join(names).encode(), digest_size=SPAN_ID_BYTES).hexdigest()
