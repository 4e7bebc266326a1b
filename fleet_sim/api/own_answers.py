"""Answers that are not the platform's: to what it is never asked, or does not answer.

They stand in its log all the same, so that each answer of the API is found there with its trace.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from fleet_sim.api.bodies import BodyError
from fleet_sim.api.reading import app_version_of
from fleet_sim.api.routes import Route
from fleet_sim.platform.operations import Answer
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.problems import ProblemType
from fleet_wire.contract.trace_context import TRACEPARENT, parse_traceparent

NO_OPERATION: Final = "none"
MAX_REASON: Final = 256
"""As `fleet_wire.contract.messages.Text` has it."""


def trace_of(headers: Mapping[str, str]) -> str:
    """Return the id of the caller's trace, or of a new one."""
    caller = parse_traceparent(headers.get(TRACEPARENT, ""))
    return secrets.token_hex(16) if caller is None else caller.trace_id


class OwnAnswers:
    """Makes such answers. `write` takes a line of the platform's log, `unix_s` is its clock."""

    def __init__(self, write: Callable[[PlatformEvent], None], unix_s: Callable[[], float]) -> None:
        self._write = write
        self._unix_s = unix_s

    def make(
        self,
        problem: ProblemType,
        headers: Mapping[str, str],
        route: Route | None,
        *,
        trace_id: str | None = None,
        errors: tuple[BodyError, ...] = (),
        reason: str | None = None,
        retry_after_s: float | None = None,
    ) -> Answer:
        """Return an answer, once it is in the log; `reason` is for the log alone."""
        trace_id = trace_id or trace_of(headers)
        more: dict[str, Any] = {"trace_id": trace_id}
        if errors:
            more["errors"] = msgspec.to_builtins(errors)
            reason = "; ".join(f"{each.pointer or each.header}: {each.detail}" for each in errors)
        self._write(
            PlatformEvent(
                event=PlatformStep.ANSWERED,
                at=self._unix_s(),
                request_id=secrets.token_hex(16),
                operation=NO_OPERATION if route is None else route.operation.value,
                trace_id=trace_id,
                endpoint=None if route is None else route.template,
                status=problem.status,
                problem=problem.slug,
                reason=None if reason is None else reason[:MAX_REASON],
                app_version=app_version_of(headers),
            )
        )
        return Answer(
            status=problem.status,
            body=problem.body(**more),
            problem=problem,
            retry_after_s=retry_after_s,
        )
