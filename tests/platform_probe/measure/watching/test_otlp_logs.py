"""OTLP/HTTP posts: what a platform or a collector sends, and what no exporter should."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_event
from fleet_wire.errors import RemoteProtocolError
from platform_probe.measure.watching import otlp_logs
from platform_probe.measure.watching.otlp_logs import (
    JSON,
    MAX_POST_BYTES,
    PROTOBUF,
    LogRecord,
    UnreadablePostError,
    event_of,
    records_of,
)
from platform_probe.measure.watching.otlp_receiver import LOGS_PATH, OtlpReceiver
from platform_probe.web.server import ProbePages
from tests.helpers.platform_inbox_bench import PlatformBench
from tests.helpers.records import TRACE_ID

AT_NS = 1_700_000_000_500_000_000
EVENT = PlatformEvent(
    PlatformStep.ANSWERED,
    1_700_000_000.5,
    "r1",
    "unlock",
    trace_id=TRACE_ID,
    vehicle_id="car-1",
    booking_id="b7",
    account_id="a1",
    command_id="k1",
    endpoint="/vehicles/{id}/unlock",
    status=503,
    problem="broker-unavailable",
    reason="no route",
    app_version="5.1",
    api_release="2026.11",
)


def attributes_of(event: PlatformEvent, *, of_resource: bool = False) -> list[dict[str, Any]]:
    """Return an event's attributes as JSON has them: its resource's, or the others."""
    found = []
    for name, (key, *_) in otlp_logs.ATTRIBUTES.items():
        value = getattr(event, name)
        if value is not None and (name == "api_release") is of_resource:
            kind = "intValue" if isinstance(value, int) else "stringValue"
            found.append({"key": key, "value": {kind: str(value)}})
    return found


def as_record(event: PlatformEvent, **changes: Any) -> dict[str, Any]:
    """Return an event as a record in JSON."""
    return {
        "timeUnixNano": str(AT_NS),
        "traceId": (event.trace_id or "").upper(),
        "eventName": f"unlock.{event.event}",
        "attributes": attributes_of(event),
        **changes,
    }


def post_of(*records: dict[str, Any]) -> bytes:
    """Return a post with these records, of one release of the API."""
    resource = {"attributes": attributes_of(EVENT, of_resource=True)}
    of_resource = {"resource": resource, "scopeLogs": [{"logRecords": records}]}
    return json.dumps({"resourceLogs": [of_resource]}).encode()


def as_json(event: PlatformEvent, **changes: Any) -> bytes:
    """Return a post with one event in JSON."""
    return post_of(as_record(event, **changes))


def as_protobuf(event: PlatformEvent) -> bytes:
    """Return the same post in protobuf, which says only when the event was observed."""
    post = json.loads(as_json(event, observedTimeUnixNano=str(AT_NS), timeUnixNano="0"))
    record = post["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["traceId"] = b64encode(bytes.fromhex(event.trace_id or "")).decode()
    content: bytes = ParseDict(post, ExportLogsServiceRequest()).SerializeToString()
    return content


BY_ATTRIBUTE = [
    {"key": "event.name", "value": {"stringValue": "requested"}},
    {"key": "unlockpath.operation", "value": {"stringValue": "unlock"}},
    {
        "key": "http.request.header.x-request-id",
        "value": {"arrayValue": {"values": [{"stringValue": "r9"}]}},
    },
]
"""As it was before OpenTelemetry gave the name of an event a field; a header's value is a list."""
NAMED_BY_ATTRIBUTE = PlatformEvent(
    PlatformStep.REQUESTED, AT_NS / 1e9, "r9", "unlock", api_release=EVENT.api_release
)


@pytest.mark.parametrize(
    ("content", "content_type", "event"),
    [
        pytest.param(as_json(EVENT), JSON, EVENT, id="JSON"),
        pytest.param(as_protobuf(EVENT), PROTOBUF, EVENT, id="protobuf"),
        pytest.param(
            as_json(
                EVENT, eventName="", attributes=[],
                body={"stringValue": encode_event(EVENT).decode()},
            ),
            JSON, EVENT, id="a line of the platform's file",
        ),
        pytest.param(
            as_json(EVENT, eventName="", traceId="", attributes=BY_ATTRIBUTE),
            JSON, NAMED_BY_ATTRIBUTE, id="named by an attribute",
        ),
        *(
            pytest.param(as_json(EVENT, **changes), JSON, None, id=f"another log: {changes}")
            for changes in (
                {"eventName": "user.signed_in"},
                {"eventName": "", "body": {"stringValue": "GET /healthz 200"}},
                {"eventName": ""},
                {"eventName": "", "body": {"intValue": 5}},
            )
        ),
    ],
)  # fmt: skip
def test_attributes_become_an_event(
    content: bytes, content_type: str, event: PlatformEvent | None
) -> None:
    """Both forms say the same, every field of it; a platform may send all that it logs."""
    (record,) = records_of(content, content_type)
    assert event_of(record) == event


@given(st.binary(max_size=200), st.sampled_from([JSON, PROTOBUF]))
def test_a_post_that_is_no_otlp_is_refused_and_counted(content: bytes, content_type: str) -> None:
    """A post is refused whole, or each of its records becomes an event, is refused, or no event."""
    bench = PlatformBench()
    receiver = OtlpReceiver(bench.inbox, None)
    records = list[LogRecord | RemoteProtocolError]()
    with suppress(UnreadablePostError):
        records += records_of(content, content_type)
    refused = sum(receiver.handle_log_record(record) is not None for record in records)
    assert bench.inbox.malformed == refused
    assert bench.inbox.taken + bench.inbox.repeated + refused <= len(records)


def with_int(digits: str) -> dict[str, Any]:
    """Return what makes the status of an answer these digits."""
    key = otlp_logs.ATTRIBUTES["status"][0]
    return {"attributes": [{"key": key, "value": {"intValue": digits}}]}


@pytest.mark.parametrize(
    "changes",
    [
        with_int("--5"),
        with_int("-"),
        with_int("٣"),
        with_int("1" * 5_000),
        {"timeUnixNano": "9" * 401},
        {"timeUnixNano": int("9" * 401)},
        {"attributes": [{"key": "unlockpath.phone.distance_m", "value": {"intValue": "9" * 401}}]},
        {"attributes": 5},
        {"attributes": []},
        {"traceId": None},
    ],
)
async def test_one_bad_record_is_refused_alone(posted: Posted, changes: dict[str, Any]) -> None:
    """It is counted and named; the record beside it is taken."""
    content = post_of(as_record(EVENT, **changes), as_record(EVENT))
    status, body, _ = await posted.post(content, Content_Type=JSON)
    assert status == 200
    assert msgspec.json.decode(body)["partialSuccess"]["rejectedLogRecords"] == "1"
    assert (posted.bench.inbox.malformed, posted.bench.inbox.taken) == (1, 1)


@pytest.mark.parametrize("bearer", [None, "Bearer wrong", "Bearer ", "Basic right"])
async def test_a_post_without_the_token_is_not_read(tmp_path: Path, bearer: str | None) -> None:
    """It is answered 401 and counted; with the token the same post is taken.

    The file is read anew for each post, and one that is gone lets nobody in.
    """
    token = tmp_path / "token"
    token.write_text("right\n")
    reading = partial(read_secret, token, name="platform.otlp_token_file")
    async with listening(Posted(reading)) as posted:
        headers = {"Content_Type": JSON}
        if bearer is not None:
            headers["Authorization"] = bearer
        assert (await posted.post(as_json(EVENT), **headers))[0] == 401
        assert (posted.bench.inbox.taken, posted.bench.inbox.malformed) == (0, 0)
        assert posted.bench.value("platform_lines_total", end="forged") == 1
        good = {"Content_Type": JSON, "Authorization": "Bearer right"}
        token.unlink()
        assert (await posted.post(as_json(EVENT), **good))[0] == 503, "a file that is gone"
        token.write_text("right\n")
        assert (await posted.post(as_json(EVENT), **good))[0] == 200
        assert posted.bench.inbox.taken == 1


async def test_without_a_token_a_foreign_page_cannot_post(posted: Posted) -> None:
    """A page elsewhere could have its own name resolve to this machine."""
    content = as_json(EVENT)
    foreign = await posted.post(content, Content_Type=JSON, Host=f"evil.example:{posted.port}")
    assert foreign[0] == 421
    assert (posted.bench.inbox.taken, posted.bench.inbox.forged) == (0, 1)
    for host in ("localhost", f"127.0.0.1:{posted.port}", "[::1]:80"):
        assert (await posted.post(content, Content_Type=JSON, Host=host))[0] == 200


class Posted:
    """A probe's port that takes posts, and what came of them."""

    def __init__(self, token: Callable[[], str] | None = None) -> None:
        self.bench = PlatformBench()
        receiver = OtlpReceiver(self.bench.inbox, token)
        pages = ProbePages(
            metrics=lambda _: (iter(()), "text/plain"),
            not_ready=lambda: None,
            posts={LOGS_PATH: receiver.answer},
            max_body_bytes=MAX_POST_BYTES,
        )
        self.server = pages.server()
        self.port = 0

    async def post(self, body: bytes, **headers: str) -> tuple[int, bytes, str]:
        """Post, and return status, body and content type of the answer."""
        url = f"http://127.0.0.1:{self.port}{LOGS_PATH}"
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.post(url, data=body, headers=names) as answer,
        ):
            return answer.status, await answer.read(), answer.content_type


@asynccontextmanager
async def listening(posted: Posted) -> AsyncIterator[Posted]:
    """Listen until the block ends."""
    posted.port = await posted.server.start("127.0.0.1", 0)
    yield posted
    await posted.server.stop()


@pytest.fixture
async def posted() -> AsyncIterator[Posted]:
    """Return a port that listens, and asks for no token."""
    async with listening(Posted()) as posted:
        yield posted


async def test_a_post_is_taken(posted: Posted) -> None:
    """Packed protobuf, as an exporter sends it."""
    body = gzip.compress(as_protobuf(EVENT))
    answer = await posted.post(body, Content_Type=PROTOBUF, Content_Encoding="gzip")
    assert answer == (200, b"", PROTOBUF)
    assert posted.bench.inbox.taken == 1
    assert await posted.post(as_json(EVENT), Content_Type=f"{JSON}; charset=utf-8") == (
        200, b"{}", JSON,
    )  # fmt: skip
    assert posted.bench.inbox.repeated == 1


async def test_a_record_in_protobuf_that_breaks_the_contract_is_named(posted: Posted) -> None:
    """The answer says how many were not taken, in the form of the post."""
    broken = msgspec.structs.replace(EVENT, status=None, problem=None, request_id="")
    _, body, _ = await posted.post(as_protobuf(broken), Content_Type=PROTOBUF)
    answer = ExportLogsServiceResponse.FromString(body)
    assert answer.partial_success.rejected_log_records == 1
    assert "request_id" in answer.partial_success.error_message


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content_Type": JSON}, 400),
        (b"\xff", {"Content_Type": PROTOBUF}, 400),
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (gzip.compress(bytes(2 * MAX_POST_BYTES), 1), {"Content_Encoding": "gzip"}, 413),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b"cut short", mtime=0)[:-9], {"Content_Encoding": "gzip"}, 400),
        (b"{}", {"Content_Encoding": "unheard-of"}, 415),
    ],
)
async def test_posts_that_cannot_be_read(
    posted: Posted, body: bytes, headers: dict[str, str], status: int
) -> None:
    """They are counted, and the sender is told; a large one in a small one is not unpacked."""
    assert len(body) < MAX_POST_BYTES
    assert (await posted.post(body, **{"Content_Type": JSON, **headers}))[0] == status
    assert posted.bench.inbox.malformed == 1
