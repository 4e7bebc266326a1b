"""The API over HTTP: makes a `Request` of what a phone sends, and a response of the `Answer`.

It decides nothing about bookings and cars. Every failure becomes problem details (RFC 9457): a
refusal of the platform, an invalid request, and an unhandled exception. The last is
`internal-error`; it is counted by itself and logged with its traceback.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final

import msgspec

from fleet_sim.api.bodies import BodyError
from fleet_sim.api.metrics import NONE, OTHER, UNTYPED, ApiMetrics
from fleet_sim.api.own_answers import OwnAnswers, trace_of
from fleet_sim.api.pages import Page, Pages
from fleet_sim.api.reading import (
    CODINGS,
    RefusedError,
    app_version_of,
    check_coding,
    fields_of,
    idempotency_key_of,
    token_of,
    wait_of,
)
from fleet_sim.api.routes import NoRoute, Route, match
from fleet_sim.platform.answers import of_problem
from fleet_sim.platform.operations import Answer, PlatformHere, Request
from fleet_wire.contract.problems import (
    BODY_TOO_LARGE,
    FIRST_ERROR_STATUS,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MAINTENANCE,
    METHOD_NOT_ALLOWED,
    UNAUTHENTICATED,
    UNREAD,
    UNSUPPORTED_MEDIA_TYPE,
)
from fleet_wire.contract.problems import CONTENT_TYPE as PROBLEM_JSON
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.web.exchange import (
    JSON,
    BodyTooLargeError,
    HttpRequest,
    HttpResponse,
    UnreadableBodyError,
)
from fleet_wire.web.server import HttpServer

MAX_BODY_BYTES: Final = 16_384
GIVE_UP_S: Final = 120.0
"""Seconds beyond the client's wait after which an answer of the platform counts as lost."""
ANSWER_S: Final = 200.0
"""No answer takes longer, to be read by a slow client included."""
CONNECTION_S: Final = 30.0
"""Seconds after which a connection that waits for its client ends."""
BACK_AFTER_S: Final = 1.0
"""Seconds after which a waiting client asks again: another process may serve by then."""
_NO_HTTP: Final = {each.status: each for each in (INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE, *UNREAD)}
"""The problem of a request too broken to show its operation, by status."""
_READING: Final = ("GET", "HEAD")
_CHALLENGE: Final = 'Bearer realm="unlockpath"'
"""RFC 6750, section 3."""


Untreated = Callable[[BaseException, str, str], None]
"""Takes an exception that nothing has treated, the endpoint, and the id of its trace."""


class ApiServer:
    """Serves a platform. `present` lets in what comes from outside, as `LiveDriver.present` does.

    `own` makes the answers that are not the platform's. `on_untreated` is for our own log: the
    exception is counted already. `ready` answers `/readyz`.
    """

    def __init__(
        self,
        platform: PlatformHere,
        *,
        present: Callable[[], AbstractContextManager[None]],
        metrics: ApiMetrics,
        own: OwnAnswers,
        on_untreated: Untreated,
        ready: Callable[[], HttpResponse],
    ) -> None:
        self._platform = platform
        self._present = present
        self._metrics = metrics
        self._own = own
        self._on_untreated = on_untreated
        self._pages = Pages(metrics, ready)
        self._waiting: set[_Asking] = set()
        self._http = HttpServer(
            self._answer,
            connection_s=CONNECTION_S,
            answer_s=ANSWER_S,
            max_body_bytes=MAX_BODY_BYTES,
            refusal=self._refusal,
            logs_no_http=False,  # anybody can send it: that must not fill our log
        )

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises `LimitError`."""
        return await self._http.start(host, port)

    async def stop(self) -> None:
        """Close the port. Waiting clients are told to come back later; their requests continue."""
        come_back = msgspec.structs.replace(of_problem(MAINTENANCE), retry_after_s=BACK_AFTER_S)
        for asking in tuple(self._waiting):
            self._answer_instead(asking, come_back)
        await self._http.stop()

    # One request

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        path = request.path
        page = self._pages.find(path)
        if page is not None:
            return await self._page(page, request)
        found = match(request.method, path)
        if isinstance(found, NoRoute):
            return self._no_route(found, request)
        route, value = found
        endpoint = route.template
        began_s = time.perf_counter()
        version = app_version_of(request.headers)
        wait_s = wait_of(request.headers)
        self._metrics.under_way += 1
        try:
            answer = await self._ask_platform(
                request, route, value, app_version=version, wait_s=wait_s
            )
            response = _response(answer, request, wait_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the phone gets an answer
            answer = self._excused(error, request, route, value)
            response = _response(answer, request, wait_s)
        finally:
            self._metrics.under_way -= 1
        self._count(endpoint, version, answer)
        self._metrics.observe(endpoint, time.perf_counter() - began_s, waited=wait_s > 0)
        return response

    async def _ask_platform(
        self,
        request: HttpRequest,
        route: Route,
        value: str,
        *,
        app_version: str | None,
        wait_s: int,
    ) -> Answer:
        """Return what the platform answers. Raises `RefusedError` and `BodyTooLargeError`."""
        headers = request.headers
        token = token_of(headers)
        fields: dict[str, Any] = {}
        if token is not None:  # else that is what has to be said, whatever stands in the body
            check_coding(headers)
            fields = fields_of(route, headers, await request.body())
        if route.field is not None:
            fields[route.field] = value
        return await self._await_answer(
            Request(
                operation=route.operation,
                token=token,
                wait_s=float(wait_s),
                idempotency_key=None if token is None else idempotency_key_of(headers),
                traceparent=headers.get(TRACEPARENT),
                app_version=app_version,
                **fields,
            ),
            route.template,
        )

    async def _await_answer(self, request: Request, endpoint: str) -> Answer:
        """Ask, and wait. A client that hangs up leaves its request running."""
        asking = _Asking(endpoint)
        with self._present():
            asked = self._platform.ask(request, asking.set_answer)
        if asking.answer is not None:
            return asking.answer
        loop = asyncio.get_running_loop()
        asking.waiting, asking.tell = loop.create_future(), asked.answer_now
        self._waiting.add(asking)
        end = loop.call_later(request.wait_s + GIVE_UP_S, self._give_up, asking)
        try:
            return await asking.waiting
        except asyncio.CancelledError:
            with self._present():
                if asked.hang_up():
                    self._metrics.count_hung_up(endpoint)
            raise
        finally:
            end.cancel()
            self._waiting.discard(asking)

    def _answer_instead(self, asking: _Asking, answer: Answer) -> None:
        """Answer in place of the platform, which has it in its log."""
        with self._present():
            asking.tell(answer)

    def _give_up(self, asking: _Asking) -> None:
        """End a request that nobody has answered in time."""
        if asking.has_answer:  # it has come this moment
            return
        error = LookupError("the platform has not answered")
        self._answer_instead(
            asking, msgspec.structs.replace(of_problem(INTERNAL_ERROR), reason=str(error))
        )
        trace_id = "" if asking.answer is None else asking.answer.body["trace_id"]
        self._note_untreated(error, asking.endpoint, trace_id)

    # Answers that are not the platform's

    def _excused(
        self, error: Exception, request: HttpRequest, route: Route | None, value: str = ""
    ) -> Answer:
        """Return the answer that an exception becomes: each has its type, or is counted."""
        headers, make = request.headers, partial(self._own.make, value=value)
        match error:
            case RefusedError():
                return make(error.problem, headers, route, errors=error.errors)
            case UnreadableBodyError():
                return make(INVALID_REQUEST, headers, route, errors=(BodyError(str(error), "#"),))
            case BodyTooLargeError():
                return make(BODY_TOO_LARGE, headers, route)
        trace_id, endpoint = trace_of(headers), OTHER if route is None else route.template
        self._note_untreated(error, endpoint, trace_id)
        reason = f"{type(error).__name__}: {error}"
        return make(INTERNAL_ERROR, headers, route, trace_id=trace_id, reason=reason)

    def _note_untreated(self, error: Exception, endpoint: str, trace_id: str) -> None:
        self._metrics.count_untreated(endpoint, error, trace_id)
        self._on_untreated(error, endpoint, trace_id)

    def _refusal(self, status: int) -> HttpResponse:
        """Return the answer to what is no HTTP: neither path nor headers of it can be known."""
        answer = self._own.make(_NO_HTTP.get(status, INTERNAL_ERROR), {}, None)
        self._count(OTHER, None, answer)
        body = msgspec.json.encode({**answer.body, "instance": "/"})
        return HttpResponse(answer.status, body, PROBLEM_JSON, _accepted(answer.status))

    async def _page(self, page: Page, request: HttpRequest) -> HttpResponse:
        if request.method not in _READING:
            return self._no_route(NoRoute(METHOD_NOT_ALLOWED, _READING, None), request)
        try:
            return await page(request)
        except Exception as error:  # noqa: BLE001 - the same as for an operation
            answer = self._excused(error, request, None)
            self._count(OTHER, None, answer)
            return _response(answer, request, 0)

    def _no_route(self, found: NoRoute, request: HttpRequest) -> HttpResponse:
        answer = self._own.make(found.problem, request.headers, None)
        self._count(found.template or OTHER, app_version_of(request.headers), answer)
        response = _response(answer, request, 0)
        if not found.allowed:
            return response
        return response._replace(headers={**response.headers, "Allow": ", ".join(found.allowed)})

    def _count(self, endpoint: str, app_version: str | None, answer: Answer) -> None:
        if answer.problem is not None:
            problem = answer.problem.slug
        else:
            problem = UNTYPED if answer.status >= FIRST_ERROR_STATUS else NONE
        is_known = problem == NONE  # else anybody could fill the places with made up versions
        self._metrics.count(endpoint, app_version, problem, may_name=is_known)


class _Asking:
    """A request that the platform may answer at once, or later."""

    __slots__ = ("answer", "endpoint", "tell", "waiting")

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.answer: Answer | None = None
        self.waiting: asyncio.Future[Answer] | None = None
        """There when the answer has not come at once."""
        self.tell: Callable[[Answer], None]
        """Takes an answer in place of the platform's; there while one is waited for."""

    @property
    def has_answer(self) -> bool:
        """Whether it is answered."""
        return self.answer is not None

    def set_answer(self, answer: Answer) -> None:
        """Store the answer."""
        self.answer = answer
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(answer)


def _accepted(status: int) -> dict[str, str]:
    """Return the headers that say what would have been read (RFC 9110, section 15.5.16)."""
    if status != UNSUPPORTED_MEDIA_TYPE.status:
        return {}
    return {"Accept": JSON, "Accept-Encoding": ", ".join(CODINGS)}


def _response(answer: Answer, request: HttpRequest, wait_s: int) -> HttpResponse:
    headers: dict[str, str] = {}
    if answer.location is not None:
        headers["Location"] = answer.location
    if wait_s:
        headers["Preference-Applied"] = f"wait={wait_s}"
    if answer.status < FIRST_ERROR_STATUS:
        return HttpResponse(answer.status, msgspec.json.encode(answer.body), JSON, headers)
    if answer.retry_after_s is not None:
        headers["Retry-After"] = str(math.ceil(answer.retry_after_s))
    if answer.status == UNAUTHENTICATED.status:
        has_token = token_of(request.headers) is not None
        headers["WWW-Authenticate"] = _CHALLENGE + (', error="invalid_token"' if has_token else "")
    headers |= _accepted(answer.status)
    content = msgspec.json.encode({**answer.body, "instance": request.path})
    return HttpResponse(answer.status, content, PROBLEM_JSON, headers)
