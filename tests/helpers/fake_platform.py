"""A platform that answers what a test wants, and a client of its API over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from fleet_sim.api.metrics import ApiMetrics
from fleet_sim.api.own_answers import OwnAnswers
from fleet_sim.api.server import ApiServer
from fleet_sim.platform.answers import within_trace
from fleet_sim.platform.operations import Answer, PlatformHere, Request
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.web.client import HttpClient
from fleet_wire.web.exchange import HttpResponse
from tests.helpers.fake_clock import EPOCH_S

TOKEN = "anna.0123"  # noqa: S105 - of nobody


class FakeAsked:
    """A request under way."""

    def __init__(self, request: Request, on_answer: Callable[[Answer], None]) -> None:
        self.request = request
        self.answer = on_answer
        self.has_hung_up = False
        self.is_in_log = True
        """Whether a log would have it that its client has gone."""
        self.told: Answer | None = None
        """What was answered in the platform's place."""

    def hang_up(self) -> bool:
        """Note it."""
        self.has_hung_up = True
        return self.is_in_log

    def answer_now(self, answer: Answer) -> None:
        """Give an answer in the platform's place, with a trace as the platform has one."""
        self.told = within_trace(answer, "f" * 32)
        self.answer(self.told)


class FakePlatform:
    """Answers at once with `answer`; where that is None a test answers itself."""

    def __init__(self) -> None:
        self.answer: Answer | None = Answer(status=200, body={"fake": True})
        self.error: Exception | None = None
        self.asked: list[FakeAsked] = []

    def ask(self, request: Request, on_answer: Callable[[Answer], None]) -> FakeAsked:
        """Take a request."""
        asked = FakeAsked(request, on_answer)
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        if self.answer is not None:
            on_answer(self.answer)
        return asked

    @property
    def request(self) -> Request:
        """The last request."""
        return self.asked[-1].request


class ServedApi:
    """A running API with a client of it."""

    def __init__(self, server: ApiServer, metrics: ApiMetrics, port: int) -> None:
        self.server = server
        self.metrics = metrics
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.client = HttpClient(self.url)
        self.log: list[PlatformEvent] = []
        """Of the answers that are not the platform's."""
        self.untreated: list[tuple[str, str, str]] = []
        """Exception, endpoint and trace of what nothing has treated."""

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        **headers: str,
    ) -> HttpResponse:
        """Send a request: bytes as they are, all else as JSON; `_` in a header stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["Authorization"] = f"Bearer {token}"
        content = body
        if body is not None:
            named.setdefault("Content-Type", "application/json")
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return await self.client.request(method, path, timeout_s=30, headers=named, body=content)

    async def problem(self, *request: Any, **more: Any) -> tuple[HttpResponse, dict[str, Any]]:
        """Send a request, and return its answer and the problem details that it must be."""
        answer = await self.send(*request, **more)
        assert answer.content_type == "application/problem+json", answer
        details: dict[str, Any] = msgspec.json.decode(answer.body)
        assert details["status"] == answer.status
        assert details["instance"] == request[1].partition("?")[0]
        return answer, details

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """Return the values of a metric by the values of its labels, in order of their names."""
        return {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == f"unlockpath_api_{name}"
        }


@asynccontextmanager
async def served_api(platform: PlatformHere, **options: Any) -> AsyncIterator[ServedApi]:
    """Serve a platform on a free port."""
    metrics = ApiMetrics(CollectorRegistry())
    options.setdefault("present", nullcontext)
    options.setdefault("ready", lambda: HttpResponse(200, b"ready\n"))
    log: list[PlatformEvent] = []
    untreated: list[tuple[str, str, str]] = []
    server = ApiServer(
        platform,
        metrics=metrics,
        own=OwnAnswers(log.append, lambda: EPOCH_S),
        on_untreated=lambda error, *where: untreated.append((type(error).__name__, *where)),
        **options,
    )
    served = ServedApi(server, metrics, await server.start("127.0.0.1", 0))
    served.log, served.untreated = log, untreated
    yield served
    await served.client.close()
    await server.stop()
