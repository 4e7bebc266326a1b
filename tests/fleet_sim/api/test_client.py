"""Customers over HTTP: the platform answers them as it does in process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, nullcontext
from typing import Any

import msgspec
import pytest

from fleet_sim.api.client import HttpPlatform, answer_of
from fleet_sim.platform.operations import Answer, Operation, Request
from fleet_wire.contract import problems
from fleet_wire.web.exchange import HttpResponse
from tests.helpers.fake_platform import FakePlatform, served_api
from tests.helpers.platform_bench import PlatformBench
from tests.helpers.waiting import eventually

Ask = Callable[[Request], Awaitable[Answer]]
FULL = Request(
    operation=Operation.UNLOCK,
    token="anna.01",  # noqa: S106 - of nobody
    vehicle_id="car 1 ü",
    booking_id="b-1",
    wait_s=9.2,
    idempotency_key="k-1",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    app_version="5.12.0",
)


@asynccontextmanager
async def asking(platform: Any) -> AsyncIterator[Ask]:
    """Give what asks a platform over HTTP, and returns its answer."""
    entered: list[bool] = []

    @contextmanager
    def present() -> Iterator[None]:
        entered.append(True)
        yield

    async with served_api(platform) as api:
        over_http = HttpPlatform(api.url, present=present)

        async def ask(request: Request) -> Answer:
            answers: list[Answer] = []
            over_http.ask(request, answers.append)
            await eventually(lambda: bool(answers))
            (answer,) = answers
            return answer

        yield ask
        await over_http.close()
        assert entered, "answers enter the model's present"


def of(problem: problems.ProblemType, **more: Any) -> Answer:
    """Return the answer that a problem is."""
    return Answer(status=problem.status, body=problem.body(), problem=problem, **more)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=200, body={"a": [1, None]}),
        Answer(status=202, body={}, location="/commands/c-1"),
        Answer(status=500, body={"error": "x"}),
        of(problems.BOOKING_ENDED),
        of(problems.TOO_MANY_REQUESTS, retry_after_s=3.0),
    ],
)
async def test_an_answer_comes_as_it_was_given(answer: Answer) -> None:
    """Status, body, place, problem type and when to ask again; the request came as it was asked."""
    platform = FakePlatform()
    platform.answer = answer
    async with asking(platform) as ask:
        assert await ask(FULL) == answer
    assert platform.request == msgspec.structs.replace(FULL, wait_s=10.0), "in whole seconds"


async def test_a_rental_goes_as_in_process() -> None:
    """The real platform, with whom customers book, wait, err and end over HTTP."""
    bench = PlatformBench()
    token = bench.platform.token_of("anna")

    async def pass_time() -> None:
        while True:
            bench.let_pass(0.05)
            await asyncio.sleep(0.002)

    async with asking(bench.platform) as ask:
        passing = asyncio.ensure_future(pass_time())

        async def anna(operation: Operation, **what: Any) -> Answer:
            return await ask(Request(operation=operation, token=token, **what))

        booked = await anna(Operation.BOOK, vehicle_id="car-0", ends_at=bench.now + 3_600)
        booking_id = booked.body["booking_id"]
        opened = await anna(Operation.UNLOCK, vehicle_id="car-0", booking_id=booking_id, wait_s=30)
        status = await anna(Operation.COMMAND_STATUS, command_id=opened.body["command_id"])
        wrong = await anna(Operation.UNLOCK, vehicle_id="car-1", booking_id=booking_id)
        later = await anna(Operation.EXTEND, booking_id=booking_id, ends_at=bench.now + 7_200)
        state = await anna(Operation.VEHICLE_STATE, vehicle_id="car-0")
        ended = await anna(Operation.END, booking_id=booking_id)
        passing.cancel()
    assert (booked.status, booked.location) == (201, f"/bookings/{booking_id}")
    assert (opened.status, opened.body["state"]) == (200, "executed")
    assert status.body == opened.body
    assert wrong.problem is problems.VEHICLE_NOT_BOOKED
    assert later.body["ends_at"] > booked.body["ends_at"]
    assert (state.body["presence"], state.body["is_locked"]) == ("online", False)
    assert ended.body["state"] == "ended"


async def test_who_hangs_up_is_not_answered() -> None:
    """And the platform learns of it."""
    platform = FakePlatform()
    platform.answer = None
    async with served_api(platform) as api:
        over_http = HttpPlatform(api.url, present=nullcontext)
        answers: list[Answer] = []
        asked = over_http.ask(FULL, answers.append)
        await eventually(lambda: bool(platform.asked))
        asked.hang_up()
        await eventually(lambda: platform.asked[0].has_hung_up)
        await over_http.close()
    assert answers == []
    assert over_http.unanswered == 0


async def test_nobody_answers() -> None:
    """There is no answer then, as in a street without coverage; it is counted."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        over_http = HttpPlatform(url, present=nullcontext)
        answers: list[Answer] = []
        over_http.ask(FULL, answers.append)
        await eventually(lambda: over_http.unanswered)
        await over_http.close()
    assert answers == []


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"[" * 5_000, b'{"type":7}'])
def test_answers_of_something_else(body: bytes) -> None:
    """A proxy that answers in its own words is an answer without a type."""
    answer = answer_of(HttpResponse(502, body, "text/html", {"Retry-After": "soon"}))
    assert (answer.status, answer.problem, answer.retry_after_s) == (502, None, None)
