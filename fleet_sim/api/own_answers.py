"""Answers in the platform's place: to requests that do not reach it, or that it leaves open.

They are in its log too, so that each answer of the API is found there with its trace.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from fleet_sim.api.bodies import BodyError
from fleet_sim.api.reading import app_version_of
from fleet_sim.api.routes import Route
from fleet_sim.platform.operations import METHODS, Answer
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.problems import ProblemType
from fleet_wire.contract.trace_context import TRACEPARENT, parse_traceparent

NO_OPERATION: Final = "none"
MAX_REASON: Final = 256
"""Longest reason, as in `fleet_wire.contract.messages.Text`."""


def trace_of(headers: Mapping[str, str]) -> str:
    """Return the id of the caller's trace, or of a new one."""
    caller = parse_traceparent(headers.get(TRACEPARENT, ""))
    return secrets.token_hex(16) if caller is None else caller.trace_id


class OwnAnswers:
    """Makes answers in the platform's place; `write` logs a line, `unix_s` is the log's clock."""

    def __init__(self, write: Callable[[PlatformEvent], None], unix_s: Callable[[], float]) -> None:
        self._write = write
        self._unix_s = unix_s

    def make(
        self,
        problem: ProblemType,
        headers: Mapping[str, str],
        route: Route | None,
        *,
        value: str = "",
        trace_id: str | None = None,
        errors: tuple[BodyError, ...] = (),
        reason: str | None = None,
    ) -> Answer:
        """Return an answer, once request and answer are in the log; `reason` is for that alone.

        `value` is that of the route's field.
        """
        trace_id = trace_id or trace_of(headers)
        more: dict[str, Any] = {"trace_id": trace_id}
        if errors:
            more["errors"] = msgspec.to_builtins(errors)
            reason = "; ".join(f"{each.pointer or each.header}: {each.detail}" for each in errors)
        requested = PlatformEvent(
            event=PlatformStep.REQUESTED,
            at=self._unix_s(),
            request_id=secrets.token_hex(16),
            operation=NO_OPERATION if route is None else route.operation.value,
            trace_id=trace_id,
            app_version=app_version_of(headers),
            **_log_fields(route, value),
        )
        if route is not None:  # else nothing that there is was asked for
            self._write(requested)
        self._write(
            msgspec.structs.replace(
                requested,
                event=PlatformStep.ANSWERED,
                status=problem.status,
                problem=problem.slug,
                reason=None if reason is None else reason[:MAX_REASON],
            )
        )
        return Answer(status=problem.status, body=problem.body(**more), problem=problem)


def _log_fields(route: Route | None, value: str) -> dict[str, Any]:
    """Return the log fields of the operation and of the id in its path."""
    if route is None:
        return {}
    said = {"endpoint": route.template, "method": METHODS[route.operation]}
    return said if route.field is None else {**said, route.field: value}
