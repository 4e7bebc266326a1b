"""Identifiers that the platform gives: of requests, bookings, commands, traces and spans."""

from __future__ import annotations

from hashlib import blake2b

from fleet_wire.contract.trace_context import NO_TRACE, TraceContext, parse_traceparent

_ID_BYTES = 16
_SPAN_DIGITS = 16


class Identifiers:
    """Makes them from a name and a running number: the same ones each time in virtual time.

    The name must never come twice: an answer to a former run's command is none to one of this run.
    """

    def __init__(self, name: str, *, has_traces: bool = True) -> None:
        self._prefix = f"{name}/".encode()
        self._number = 0
        self._has_traces = has_traces

    def new(self) -> str:
        """Return 32 hexadecimal digits."""
        self._number += 1
        return blake2b(self._prefix + b"%d" % self._number, digest_size=_ID_BYTES).hexdigest()

    def span(self, traceparent: str | None) -> TraceContext:
        """Return a new span in the caller's trace, or in a new trace where it has none.

        Where nobody reads traces it is always the same, and its number is used up.
        """
        if not self._has_traces:
            self._number += 1
            return NO_TRACE
        caller = parse_traceparent(traceparent or "")
        if caller is None:
            return TraceContext(self.new(), self.new()[:_SPAN_DIGITS])
        return TraceContext(caller.trace_id, self.new()[:_SPAN_DIGITS], caller.flags)
