"""The API over HTTP: who hangs up, what nothing has treated, and what is counted.

`requests.txt` has what the platform is asked, and what the phone is answered.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from fleet_sim.api import server as server_module
from fleet_sim.platform.operations import Answer
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import encode_event
from tests.helpers.fake_platform import FakePlatform, ServedApi, served_api
from tests.helpers.waiting import eventually

UNLOCK = "/vehicles/car-1/unlock"
BOOKING = {"booking_id": "b-1"}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def platform() -> FakePlatform:
    """Return a platform that answers what a test wants."""
    return FakePlatform()


@pytest.fixture
async def api(platform: FakePlatform) -> AsyncIterator[ServedApi]:
    """Serve it."""
    async with served_api(platform) as api:
        yield api


@pytest.mark.parametrize("depth", [1_000, 8_000])
async def test_a_body_that_is_nested_deeply(depth: int, api: ServedApi) -> None:
    """It is a bad body like any other."""
    body = b'{"booking_id":"b","x":' + b"[" * depth + b"]" * depth + b"}"
    answer = await api.send("POST", UNLOCK, body)
    assert answer.status in (200, 400)


@pytest.mark.parametrize("coding", ["GZIP", "deflate", "identity"])
async def test_a_body_in_a_coding_that_is_read(coding: str, api: ServedApi) -> None:
    """All that a client library packs by itself; JSON may have parameters."""
    body = msgspec.json.encode(BOOKING)
    packed = {"GZIP": gzip.compress(body), "deflate": zlib.compress(body), "identity": body}
    json = "Application/JSON; charset=utf-8"
    answer = await api.send(
        "POST", UNLOCK, packed[coding], Content_Encoding=coding, Content_Type=json
    )
    assert answer.status == 200


async def test_what_nothing_has_treated(api: ServedApi, platform: FakePlatform) -> None:
    """It is an internal error with the caller's trace, logged, and counted by itself."""
    platform.error = ZeroDivisionError("in the model")
    answer, problem = await api.problem("POST", UNLOCK, BOOKING, traceparent=TRACEPARENT)
    assert (answer.status, problem["type"]) == (500, "/problems/internal-error")
    assert problem["trace_id"] == TRACE
    endpoint = "/vehicles/{vehicle_id}/unlock"
    assert api.untreated == [("ZeroDivisionError", endpoint, TRACE)]
    assert api.series("untreated_errors_total") == {(endpoint, "ZeroDivisionError"): 1.0}
    assert api.series("answers_total") == {("unknown", endpoint, "internal-error"): 1.0}
    page = await api.send("GET", "/metrics", Accept="application/openmetrics-text")
    assert f'# {{trace_id="{TRACE}"}}'.encode() in page.body
    assert b"in the model" not in answer.body
    assert [line.reason for line in api.log] == [None, "ZeroDivisionError: in the model"]


async def test_an_answer_that_never_comes(
    api: ServedApi, platform: FakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever: that is an error which nothing has treated."""
    monkeypatch.setattr(server_module, "GIVE_UP_S", 0.01)
    platform.answer = None
    answer, problem = await api.problem("POST", UNLOCK, BOOKING)
    assert (answer.status, problem["type"]) == (500, "/problems/internal-error")
    assert platform.asked[0].told is not None
    assert problem["trace_id"] == platform.asked[0].told.body["trace_id"]
    assert [name for name, _, _ in api.untreated] == ["LookupError"]
    assert api.log == []  # the platform has it in its own, under the request that it knows
    platform.asked[0].answer(Answer(status=200, body={}))  # too late: nothing comes of it
    platform.answer = Answer(status=200, body={"a": object()})
    answer, problem = await api.problem("POST", UNLOCK, BOOKING, traceparent=TRACEPARENT)
    assert (answer.status, problem["trace_id"]) == (500, TRACE)
    assert api.untreated[-1][0] == "TypeError", "an answer that cannot be written"


@pytest.mark.parametrize("path", [b"/vehicles/\xff\xfe", b"/\xff", b"/vehicles/%ff%00%2f", b"/%"])
async def test_a_path_that_is_no_text(path: bytes, api: ServedApi) -> None:
    """It is no HTTP, names a car that nobody knows, or leads nowhere."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(
        b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer t\r\n\r\n" % path
    )
    answer = await reader.read()
    writer.close()
    assert answer[9:12] in (b"200", b"400", b"404")  # this platform knows every car
    assert not api.untreated
    assert all(encode_event(line) for line in api.log)


@pytest.mark.parametrize("is_in_log", [True, False])
async def test_a_client_that_hangs_up(
    api: ServedApi, platform: FakePlatform, *, is_in_log: bool
) -> None:
    """The platform learns of it, and is told nothing else: what was asked for goes on.

    It is counted where the log has it: not of a request that never got through, for one.
    """
    platform.answer = None
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    body = msgspec.json.encode(BOOKING)
    writer.write(
        b"POST /vehicles/car-1/unlock HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
        b"Prefer: wait=60\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
    )
    await eventually(lambda: bool(platform.asked))
    assert not platform.asked[0].has_hung_up
    platform.asked[0].is_in_log = is_in_log
    writer.close()
    await eventually(lambda: platform.asked[0].has_hung_up)
    assert platform.asked[0].told is None
    counted = {("/vehicles/{vehicle_id}/unlock",): 1.0} if is_in_log else {}
    assert api.series("hung_up_total") == counted
    assert api.series("under_way") == {(): 0.0}
    assert api.series("answers_total") == {}


@pytest.mark.parametrize("length", [b"Transfer-Encoding: chunked", b"Content-Length: 100"])
async def test_a_client_that_goes_in_mid_body(
    length: bytes, api: ServedApi, platform: FakePlatform
) -> None:
    """That is nobody's error: nothing is asked, nothing is answered, nothing counted."""
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(
        b"POST /vehicles/car-1/unlock HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
        b"Content-Type: application/json\r\n" + length + b"\r\n\r\n" + b"5\r\n{    "
    )
    await eventually(lambda: api.series("under_way") == {(): 1.0})
    writer.close()
    await eventually(lambda: api.series("under_way") == {(): 0.0})
    assert api.series("hung_up_total") == {}
    assert not platform.asked
    assert not api.untreated
    assert api.log == []


async def test_who_waits_while_it_stops_is_told_to_come_back(platform: FakePlatform) -> None:
    """Nobody is cut off."""
    platform.answer = None
    async with served_api(platform) as api:
        waiting = asyncio.ensure_future(api.problem("POST", UNLOCK, BOOKING, prefer="wait=60"))
        await eventually(lambda: bool(platform.asked))
        await api.server.stop()
        answer, problem = await waiting
    assert (answer.status, problem["type"]) == (503, "/problems/maintenance")
    assert platform.asked[0].told is not None
    assert api.log == []
    assert answer.headers["Retry-After"] == "1"


async def test_versions_are_bounded(api: ServedApi, platform: FakePlatform) -> None:
    """The first that are served get series; who is not served gets none.

    An answer without a type is counted as what explains nothing.
    """
    refused = Answer(
        status=404, body=problems.BOOKING_UNKNOWN.body(), problem=problems.BOOKING_UNKNOWN
    )
    served = platform.answer
    for number in range(30):
        platform.answer = refused
        await api.send("GET", "/commands/c", app_version=f"0.{number}")
    for number in range(30):
        platform.answer = served
        await api.send("GET", "/commands/c", app_version=f"5.{number}")
    counted = api.series("answers_total")
    template = "/commands/{command_id}"
    assert counted["other", template, "booking-unknown"] == 30
    assert counted["other", template, "none"] == 6
    assert counted["5.23", template, "none"] == 1
    assert len(counted) == 26
    platform.answer = Answer(status=502, body={"error": "bad gateway"})
    assert (await api.send("GET", "/commands/c")).status == 502
    assert api.series("answers_total")["unknown", template, "untyped"] == 1


async def test_durations_by_whether_they_waited(api: ServedApi) -> None:
    """Who waits for the car says nothing of the API."""
    await api.send("POST", UNLOCK, BOOKING)
    await api.send("POST", UNLOCK, BOOKING, prefer="wait=1")
    endpoint = "/vehicles/{vehicle_id}/unlock"
    counts = api.series("answer_seconds_count")
    assert (counts[endpoint, "no"], counts[endpoint, "yes"]) == (1, 1)


async def test_what_is_no_http(api: ServedApi, caplog: pytest.LogCaptureFixture) -> None:
    """It is a problem like any other, which is counted and not logged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"nonsense\r\n\r\n")
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    problem = msgspec.json.decode(body)
    assert b"application/problem+json" in head
    assert (problem["type"], problem["instance"]) == ("/problems/invalid-request", "/")
    assert api.series("answers_total") == {("unknown", "other", "invalid-request"): 1.0}
    assert not caplog.records
    (line,) = api.log
    assert (line.event, line.status, line.problem) == ("answered", 400, "invalid-request")
    assert line.trace_id == problem["trace_id"]
