"""The platform over HTTP, for customers of a live run: they cannot tell it from one in process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import quote

import msgspec

from fleet_sim.api.reading import APP_VERSION, AUTHORIZATION, IDEMPOTENCY_KEY, PREFER
from fleet_sim.api.routes import BODIES
from fleet_sim.platform.operations import ENDPOINTS, METHODS, Answer, Request
from fleet_wire.contract.problems import BASE, PROBLEMS, ProblemType
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.web.client import HttpClient, NoAnswerError
from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.retry_after import retry_after_s

PATIENCE_S: Final = 60.0
"""Beyond what a request wants to wait; phones give up long before."""
_IDS: Final = ("vehicle_id", "booking_id", "command_id")


class HttpPlatform:
    """Asks a platform at a URL. Implements `fleet_sim.platform.operations.Platform`.

    Make it where the event loop runs. Answers come in `present`, as `LiveDriver.present` has it. A
    request that gets no answer at all gets none here: its phone gives up, as it would in a street.
    """

    def __init__(
        self, base_url: str, *, present: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._client = HttpClient(base_url)
        self._present = present
        self._asked: set[asyncio.Task[None]] = set()
        self.unanswered = 0
        """Requests to which no answer came."""

    def ask(self, request: Request, on_answer: Callable[[Answer], None]) -> _PendingHttpRequest:
        """Send a request; see `Platform.ask`."""
        task = asyncio.ensure_future(self._send(request, on_answer))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)
        return _PendingHttpRequest(task)

    async def close(self) -> None:
        """Hang up on all that is under way, and close the connections."""
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        await self._client.close()

    async def _send(self, request: Request, on_answer: Callable[[Answer], None]) -> None:
        try:
            response = await self._client.request(
                METHODS[request.operation],
                _path(request),
                timeout_s=request.wait_s + PATIENCE_S,
                headers=_headers(request),
                body=_body(request),
            )
        except NoAnswerError:
            self.unanswered += 1
            return
        answer = answer_of(response)
        with self._present():
            on_answer(answer)


class _PendingHttpRequest:
    """Implements `fleet_sim.platform.operations.Asked`."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def hang_up(self) -> bool:
        return self._task.cancel()


def _path(request: Request) -> str:
    ids = {name: quote(getattr(request, name) or "-", safe="") for name in _IDS}
    return ENDPOINTS[request.operation].format_map(ids)


def _body(request: Request) -> bytes | None:
    form = BODIES.get(request.operation)
    if form is None:
        return None
    fields = {name: getattr(request, name) for name in form.__struct_fields__}
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def _headers(request: Request) -> dict[str, str]:
    wait = f"wait={math.ceil(request.wait_s)}" if request.wait_s > 0 else None
    headers = {
        AUTHORIZATION: None if request.token is None else f"Bearer {request.token}",
        "Content-Type": JSON if request.operation in BODIES else None,
        IDEMPOTENCY_KEY: request.idempotency_key,
        TRACEPARENT: request.traceparent,
        APP_VERSION: request.app_version,
        PREFER: wait,
    }
    return {name: value for name, value in headers.items() if value is not None}


def answer_of(response: HttpResponse) -> Answer:
    """Return the answer that a response is; what is no JSON object has an empty body.

    The path that was asked for stands in a problem only over HTTP: it is taken out again.
    """
    try:
        body = msgspec.json.decode(response.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = {}
    body.pop("instance", None)
    return Answer(
        status=response.status,
        body=body,
        problem=_problem_of(body),
        retry_after_s=retry_after_s(response.headers),
        location=response.headers.get("Location"),
    )


def _problem_of(body: Mapping[str, Any]) -> ProblemType | None:
    kind = body.get("type")
    return PROBLEMS.get(kind.removeprefix(BASE)) if isinstance(kind, str) else None
