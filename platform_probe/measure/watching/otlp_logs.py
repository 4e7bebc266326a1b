"""The platform's log as OTLP/HTTP posts: log records, in protobuf or JSON, that are its events.

A record is an event by its name, `unlock.requested` for example, and by attributes. These follow
OpenTelemetry's semantic conventions where possible. Or its text is a line of the log, as from a
collector that reads the platform's file. Other records are passed over: a platform may send all its
logs here. No other module knows OpenTelemetry's protocol buffers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, check_form, decode_event
from fleet_wire.error_text import shortened
from fleet_wire.errors import ConfigError, RemoteProtocolError

MAX_POST_BYTES: Final = 4 * 2**20
"""The size limit of a post, unpacked: some thousand records.

More at once would hold up the unlocks.
"""
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_STEPS: Final = {step.value: step for step in PlatformStep}
_NANOSECONDS: Final = 1e9
_WHOLE_NUMBER: Final = re.compile(r"-?\d{1,19}", re.ASCII)

ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "request_id": ("unlockpath.request.id", "http.request.header.x-request-id"),
    "operation": ("unlockpath.operation",),
    "vehicle_id": ("unlockpath.vehicle.id",),
    "booking_id": ("unlockpath.booking.id",),
    "account_id": ("user.id", "enduser.id"),
    "command_id": ("messaging.message.conversation_id", "unlockpath.command.id"),
    "key_digest": ("unlockpath.key.digest",),
    "endpoint": ("http.route",),
    "method": ("http.request.method",),
    "status": ("http.response.status_code",),
    "problem": ("error.type",),
    "outcome": ("unlockpath.outcome",),
    "reason": ("exception.message", "error.message"),
    "shown": ("unlockpath.app.shown",),
    "distance_m": ("unlockpath.phone.distance_m",),
    "app_version": ("user_agent.version", "unlockpath.app.version"),
    "api_release": ("service.version",),
}
"""The source attributes of each `PlatformEvent` field, in the record or its resource: the first one
found. Names without a semantic convention begin with ours.
"""


class UnreadablePostError(Exception):
    """A post that is no OTLP, with the HTTP status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class LogRecord(NamedTuple):
    """The used parts of one record."""

    at: float
    trace_id: str | None
    name: str | None
    text: str | None
    attributes: Mapping[str, Any]


def records_of(content: bytes, content_type: str) -> Iterator[LogRecord | RemoteProtocolError]:
    """Yield the records of a post, or why one is none.

    Raises `UnreadablePostError`, before the first.
    """
    if content_type == JSON:
        return _of_json(content)
    if content_type == PROTOBUF:
        return _of_protobuf(content)
    expected = f"expected {PROTOBUF} or {JSON}"
    raise UnreadablePostError(415, f"content type {content_type[:80]!r}: {expected}")


def event_of(record: LogRecord | RemoteProtocolError) -> PlatformEvent | None:
    """Return what a record says of the platform; None where it says nothing of it.

    Raises `RemoteProtocolError` where it says so in a wrong way, or cannot be read.
    """
    if isinstance(record, RemoteProtocolError):
        raise record
    step = _STEPS.get((record.name or "").rpartition(".")[2])
    if step is None:
        is_line = record.name is None and record.text and record.text.startswith("{")
        return decode_event(record.text.encode()) if is_line and record.text else None
    found: dict[str, Any] = {"event": step, "at": record.at, "trace_id": record.trace_id}
    for name, keys in ATTRIBUTES.items():
        for key in keys:
            value = record.attributes.get(key)
            if value is not None:
                found[name] = value[0] if isinstance(value, list) and value else value
                break
    try:
        event = msgspec.convert(found, PlatformEvent)
    except _UNREADABLE as error:
        raise RemoteProtocolError(f"platform log: {error}") from None
    check_form(event)
    return event


def answer_of(content_type: str, *, refused: int, reason: str) -> bytes:
    """Return the body of a good answer, which names how many records were refused."""
    if content_type == JSON:
        partial = {"rejectedLogRecords": str(refused), "errorMessage": reason}
        return msgspec.json.encode({"partialSuccess": partial} if refused else {})
    return b"" if not refused else _partial_success(refused, reason)


def need_protobuf() -> None:
    """Raise `ConfigError` where the packages that OTLP needs are not installed."""
    try:
        _request_type()
    except ImportError as error:
        raise ConfigError(
            [f"platform.otlp: {error.name or error} is not installed: pip install unlockpath[otlp]"]
        ) from None


# JSON: ids are hexadecimal, and numbers of 64 bits are texts (opentelemetry-proto, docs)


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    int_value: int | str | None = None
    double_value: float | None = None
    bool_value: bool | None = None
    array_value: dict[str, Any] | None = None

    @property
    def plain(self) -> Any:
        """The value itself; of a list its texts."""
        if self.array_value is not None:
            values = self.array_value.get("values")
            return [
                one["stringValue"]
                for one in (values if isinstance(values, list) else [])
                if isinstance(one, dict) and isinstance(one.get("stringValue"), str)
            ]
        if isinstance(self.int_value, str):
            return _whole_number(self.int_value)
        known = (self.string_value, self.int_value, self.double_value, self.bool_value)
        return next((value for value in known if value is not None), None)


class _Attribute(msgspec.Struct):
    key: str
    value: _Value = msgspec.field(default_factory=_Value)


class _Record(msgspec.Struct, rename="camel"):
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    trace_id: str = ""
    event_name: str = ""
    body: _Value | None = None
    attributes: list[_Attribute] = []


class _Scope(msgspec.Struct, rename="camel"):
    log_records: list[msgspec.Raw] = []
    """Each is read by itself: one that is wrong leaves the others."""


class _Resource(msgspec.Struct):
    attributes: list[_Attribute] = []


class _OfResource(msgspec.Struct, rename="camel"):
    resource: msgspec.Raw = msgspec.Raw(b"{}")
    scope_logs: list[_Scope] = []


class _Request(msgspec.Struct, rename="camel"):
    resource_logs: list[_OfResource] = []


_RECORD: Final = msgspec.json.Decoder(_Record)
_RESOURCE: Final = msgspec.json.Decoder(_Resource)
_UNREADABLE: Final = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


def _of_json(content: bytes) -> Iterator[LogRecord | RemoteProtocolError]:
    try:
        request = msgspec.json.decode(content, type=_Request)
    except _UNREADABLE as error:
        raise UnreadablePostError(400, f"no OTLP: {error}") from None
    return _json_records(request)


def _json_records(request: _Request) -> Iterator[LogRecord | RemoteProtocolError]:
    for of_resource in request.resource_logs:
        for scope in of_resource.scope_logs:
            for raw in scope.log_records:
                try:
                    yield _json_record(raw, of_resource.resource)
                except _UNREADABLE as error:
                    yield RemoteProtocolError(f"no OTLP: {error}")


def _json_record(raw: msgspec.Raw, raw_resource: msgspec.Raw) -> LogRecord:
    """Return one record. Raises one of `_UNREADABLE`."""
    record = _RECORD.decode(raw)
    attributes = [*_RESOURCE.decode(raw_resource).attributes, *record.attributes]
    return _record(
        record.time_unix_nano or record.observed_time_unix_nano,
        record.trace_id.lower(),
        record.event_name,
        record.body.string_value if record.body else None,
        {one.key: one.value.plain for one in attributes},
    )


def _of_protobuf(content: bytes) -> Iterator[LogRecord]:
    request = _request_type()()
    try:
        request.ParseFromString(content)
    except Exception as error:  # noqa: BLE001 - google.protobuf.message.DecodeError
        raise UnreadablePostError(400, f"no OTLP: {error}") from None
    return _protobuf_records(request)


def _protobuf_records(request: Any) -> Iterator[LogRecord]:
    for of_resource in request.resource_logs:
        shared = _plain(of_resource.resource.attributes)
        for scope in of_resource.scope_logs:
            for record in scope.log_records:
                yield _record(
                    record.time_unix_nano or record.observed_time_unix_nano,
                    record.trace_id.hex(),
                    record.event_name,
                    record.body.string_value or None,
                    {**shared, **_plain(record.attributes)},
                )


def _plain(attributes: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in attributes:
        kind = one.value.WhichOneof("value")
        if kind == "array_value":
            found[one.key] = [value.string_value for value in one.value.array_value.values]
        elif kind is not None:
            found[one.key] = getattr(one.value, kind)
    return found


def _record(
    nanoseconds: int | str,
    trace_id: str,
    name: str,
    text: str | None,
    attributes: Mapping[str, Any],
) -> LogRecord:
    at = float(nanoseconds) if not isinstance(nanoseconds, str) else _number(nanoseconds)
    named = name or attributes.get("event.name")
    return LogRecord(
        at=at / _NANOSECONDS,
        trace_id=trace_id if trace_id.strip("0") else None,
        name=named if isinstance(named, str) else None,
        text=text,
        attributes=attributes,
    )


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdecimal() else 0.0


def _whole_number(text: str) -> int:
    """Return a number of 64 bits. Raises `ValueError` for any other text."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"intValue {shortened(text)!r}: expected a whole number")
    return int(text)


def _request_type() -> Any:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 - an extra
        ExportLogsServiceRequest,
    )

    return ExportLogsServiceRequest


def _partial_success(refused: int, reason: str) -> bytes:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415 - an extra
        ExportLogsServiceResponse,
    )

    answer = ExportLogsServiceResponse()
    answer.partial_success.rejected_log_records = refused
    answer.partial_success.error_message = reason
    content: bytes = answer.SerializeToString()
    return content
