"""The door over HTTP: what an API may answer, and what comes to MQTT of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Flag, PlatformSide, Source, Stage
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.trace_context import TraceContext, parse_traceparent
from fleet_wire.doors.form import load_door
from fleet_wire.web.exchange import JSON, HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer
from platform_probe.measure.doors.http import HttpDoor
from tests.helpers.join_bench import JoinBench
from tests.helpers.tracker_bench import CAR, DEADLINE_S, check_arithmetic
from tests.helpers.waiting import eventually

FORM = """\
base_url: http://127.0.0.1:{port}
secret_file: token.txt
bookings_file: bookings.txt
unlock:
  path: /cars/{{vehicle_id}}/open
  headers: {{Authorization: "Bearer {{secret}}"}}
  body: {{booking: "{{booking_id}}"}}
lock:
  path: /cars/{{vehicle_id}}/close
answer:
  command_id: /id
  state: /state
  ends: {{done: ok, no: refused, broken: failed, lost: unknown}}
  error_class: /type
poll:
  path: "{{location}}"
  every_s: 0.01
"""
UNREADABLE = "HTTP {} without a readable state"
ASKED = "asked how far it is"


class Api:
    """An API that answers what the test wants, one after the other, the last again and again."""

    def __init__(self) -> None:
        self.answers: list[HttpResponse] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.server = HttpServer(self._answer, connection_s=10.0, max_body_bytes=10_000)

    def will(self, status: int, location: str = "/c/1", **body: Any) -> None:
        """Let the next answer be this."""
        self.answers.append(answer(status, location, **body))

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        body = await request.body()
        self.asked.append((request.method, request.path, dict(request.headers), body))
        await self.may_answer.wait()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class DoorBench:
    """A door between an API and a tracker whose attempts are joined."""

    def __init__(self, directory: Path, port: int) -> None:
        (directory / "token.txt").write_text("s3cret\n")
        (directory / "bookings.txt").write_text(f"{CAR} b7\n")
        path = directory / "door.yaml"
        path.write_text(FORM.format(port=port))
        self.join = JoinBench()
        self.locked: list[tuple[str, str | None]] = []
        tracker = self.join.behind.tracker
        tracker.on_other = lambda *_: None
        self.door = HttpDoor(
            load_door(path),
            tracker=tracker,
            clock=self.join.behind.clock,
            seed=1,
            deadline_s=DEADLINE_S,
            locked=lambda car, why: self.locked.append((car, why)),
        )
        self.api = Api()

    def unlock(self) -> None:
        """Open the car."""
        self.door.unlock(CAR, intended_s=self.join.behind.clock.now_s)

    @property
    def trace_id(self) -> str:
        """Under which the API was asked."""
        parent = parse_traceparent(self.api.asked[0][2]["traceparent"])
        assert parent is not None
        return parent.trace_id

    def seen(self, command_id: str = "k1") -> None:
        """Let the command be seen that the API makes."""
        command = Command(command_id, Action.UNLOCK, 0, 30_000, 1, "signature", booking_id="b7")
        trace = TraceContext(self.trace_id, "00f067aa0ba902b7")
        self.join.behind.tracker.command_seen(CAR, command, trace)

    async def ended(self) -> Any:
        """Wait until the attempt has ended, and return it, whatever the platform's log lacks."""
        await eventually(lambda: len(self.join.joiner) == 1)
        self.join.joiner.flush()
        record = self.join.only()
        check_arithmetic(record)
        assert record.source is Source.PROBE
        return record


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[DoorBench]:
    """Return a door before an API that listens."""
    api = Api()
    port = await api.server.start("127.0.0.1", 0)
    bench = DoorBench(tmp_path, port)
    bench.api = api
    yield bench
    await bench.door.close()
    await api.server.stop()


async def test_an_unlock_goes_through_api_and_broker_to_the_door(bench: DoorBench) -> None:
    """Its command is recognised by its trace; the car's own word ends it."""
    bench.api.will(202, id="k1", state="sent")
    bench.unlock()
    await eventually(lambda: len(bench.api.asked) >= 1)
    method, path, headers, body = bench.api.asked[0]
    assert (method, path, body) == ("POST", f"/cars/{CAR}/open", b'{"booking":"b7"}')
    assert headers["Authorization"] == "Bearer s3cret"
    bench.seen()
    bench.join.opens()
    record = await bench.ended()
    assert (record.outcome, record.command_id) == (Outcome.OK, "k1")
    assert record.trace_id == bench.trace_id
    assert record.booking_id == "b7"
    assert Stage.BROKER_ACCEPTED in record.stages


async def test_a_command_that_is_named_before_it_is_seen(bench: DoorBench) -> None:
    """Answer, command and the box's answers come by three ways, in any order."""
    bench.api.will(202, id="k1", state="sent")
    bench.join.behind.received("k1")
    bench.unlock()
    await eventually(lambda: "k1" in bench.join.behind.tracker._open)
    bench.seen()
    bench.join.opens()
    record = await bench.ended()
    assert record.outcome is Outcome.OK
    assert Stage.API_ANSWERED in record.stages


def answer(status: int, location: str = "/c/1", **body: Any) -> HttpResponse:
    """Return an answer in JSON, which says where to ask how far the command is."""
    return HttpResponse(status, msgspec.json.encode(body), JSON, {"Location": location})


SENT = answer(202, id="k1", state="sent")


@pytest.mark.parametrize(
    ("answers", "cause", "command_id", "reason"),
    [
        ([answer(403, type="/problems/some")], Cause.API_REFUSED, None, "HTTP 403 /problems/some"),
        ([answer(500, type="/problems/some")], Cause.API_FAILED, None, "HTTP 500 /problems/some"),
        ([SENT, answer(200, id="k1", state="done")], None, "k1", None),
        ([SENT, answer(200, id="k1", state="no")], Cause.API_REFUSED, "k1", "API: no"),
        ([SENT, answer(200, id="k1", state="broken")], Cause.API_FAILED, "k1", "API: broken"),
        ([SENT, answer(200, id="k1", state="lost")], Cause.NOT_OBSERVED, "k1", "API: lost"),
        ([HttpResponse(200, b"\xff")], Cause.NOT_PUBLISHED, None, UNREADABLE.format(200)),
        ([HttpResponse(200, b"<html>", "text/html")], Cause.NOT_PUBLISHED, None,
         UNREADABLE.format(200)),
        ([HttpResponse(200, b'{"id":', JSON)], Cause.NOT_PUBLISHED, None, UNREADABLE.format(200)),
        ([HttpResponse(204, b"")], Cause.NOT_PUBLISHED, None, UNREADABLE.format(204)),
        ([HttpResponse(302, b"", headers={"Elsewhere": "/login"})], Cause.API_FAILED, None,
         UNREADABLE.format(302)),
        ([SENT, answer(401, type="NO")], Cause.NOT_PUBLISHED, "k1", f"{ASKED}: HTTP 401 NO"),
        ([SENT, answer(404, type="NO")], Cause.NOT_PUBLISHED, "k1", f"{ASKED}: HTTP 404 NO"),
        ([answer(202, id="k1", state="weird"), answer(500, type="NO")], Cause.NOT_PUBLISHED, "k1",
         f"{ASKED}: HTTP 500 NO"),
    ],
)  # fmt: skip
async def test_an_unlock_ends_as_the_api_says(
    bench: DoorBench,
    answers: list[HttpResponse],
    cause: Cause | None,
    command_id: str | None,
    reason: str | None,
) -> None:
    """What it turns down never comes to MQTT; what says nothing is followed as far as it is seen.

    An error of who asks how far it is says nothing of the command: nobody has refused it.
    """
    bench.api.answers = [*answers]
    bench.unlock()
    await eventually(
        lambda: bench.api.asked and (not bench.door._tasks or len(bench.api.asked) > 3)
    )
    if not len(bench.join.joiner):
        bench.join.behind.wait(DEADLINE_S)
    record = await bench.ended()
    assert (record.cause, record.command_id, record.reason) == (cause, command_id, reason)
    assert (Flag.ONLY_TOLD in record.flags) is (cause is None), "nobody has seen it open"
    assert {path for _, path, _, _ in bench.api.asked[1:]} <= {"/c/1"}
    endpoint = "/cars/{vehicle_id}/open"
    asked = (record.platform.method, record.platform.endpoint, record.platform.status)
    assert asked == ("POST", endpoint, answers[0].status)


async def test_a_platform_is_polled_where_it_says(bench: DoorBench) -> None:
    """Also when that fails now and then, until it is final."""
    bench.api.answers = [
        answer(202, "http://other.example/c/9", id="k1", state="sent"), answer(503), answer(429),
        answer(200, id="k1", state="waiting"), answer(200, id="k1", state="done"),
    ]  # fmt: skip
    bench.unlock()
    assert (await bench.ended()).outcome is Outcome.OK
    assert [path for _, path, _, _ in bench.api.asked[1:]] == ["/c/9"] * 3 + ["/c/1"]


async def test_what_mqtt_tells_counts_more_than_what_the_api_says(bench: DoorBench) -> None:
    """The API gives up early; the car opens all the same."""
    bench.api.will(202, id="k1", state="sent")
    bench.api.will(200, id="k1", state="sent")
    bench.unlock()
    await eventually(lambda: len(bench.api.asked) >= 1)
    bench.seen()
    bench.api.answers = []
    bench.api.will(200, id="k1", state="broken")
    await eventually(lambda: not bench.door._tasks)
    bench.join.opens()
    assert (await bench.ended()).outcome is Outcome.OK


async def test_an_api_that_does_not_answer(bench: DoorBench) -> None:
    """It has failed; a command that comes later is still ours: the car's answer is late."""
    await bench.api.server.stop()
    bench.unlock()
    record = await bench.ended()
    assert record.cause is Cause.API_FAILED
    assert record.reason.startswith("no answer: ")
    assert record.platform == PlatformSide(method="POST", endpoint="/cars/{vehicle_id}/open")
    command = Command("k9", Action.UNLOCK, 0, 30_000, 1, "signature")
    trace = TraceContext(record.trace_id, "00f067aa0ba902b7")
    bench.join.behind.tracker.command_seen(CAR, command, trace)
    bench.join.behind.executed("k9")
    (stray,) = bench.join.behind.strays
    assert (stray.kind, stray.source) == ("late", Source.PROBE)
    assert stray.is_late_unlock


async def test_nobody_answers_how_far_it_is(bench: DoorBench) -> None:
    """It is asked for again, as the command goes on."""
    bench.api.will(202, id="k1", state="sent")
    bench.unlock()
    await eventually(lambda: len(bench.api.asked) >= 2)
    await bench.api.server.stop()
    attempt = bench.join.behind.tracker._open["k1"]
    await eventually(lambda: "no answer" in (attempt.api_said or ""))
    bench.join.behind.wait(DEADLINE_S)
    record = await bench.ended()
    assert record.cause is Cause.NOT_PUBLISHED
    assert record.reason.startswith("asked how far it is: no answer: ")


async def test_locks_are_asked_for(bench: DoorBench) -> None:
    """What came of each is told."""
    bench.api.will(200, id="k2", state="done")
    bench.door.lock(CAR)
    await eventually(lambda: bench.locked == [(CAR, None)])
    bench.api.answers = []
    bench.api.will(409, type="busy")
    bench.door.lock(CAR)
    await eventually(lambda: bench.locked[1:] == [(CAR, "HTTP 409 busy")])
    bench.api.answers = [HttpResponse(302, b"")]
    bench.door.lock(CAR)
    await eventually(lambda: bench.locked[2:] == [(CAR, "HTTP 302 without a readable state")])
    assert {path for _, path, _, _ in bench.api.asked} == {f"/cars/{CAR}/close"}
