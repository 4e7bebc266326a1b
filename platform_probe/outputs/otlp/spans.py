"""Makes the trace of an unlock from its record: one span for the whole, and one for each hop.

Names, kinds and attributes follow OpenTelemetry's semantic conventions, version 1.44: for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/), HTTP, and `error.type`.
Attributes without a convention are named as in docs/log.md, with `unlockpath.` before it.

The spans are made when the unlock has ended. Their ids follow from the attempt's, so that the
command on the wire could already name the one that it comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.contract.attempt import Attempt, Source, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.problems import is_error
from fleet_wire.contract.topics import TopicKind
from fleet_wire.contract.trace_context import span_id_of

PREFIX: Final = "unlockpath."
ANY_VEHICLE: Final = "{vehicle_id}"
"""A car in a topic's template: a name has few values."""
_NANOSECONDS: Final = 1e9
_ROOT: Final = "unlock"


class SpanKind(StrEnum):
    """As OpenTelemetry's."""

    INTERNAL = "internal"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One span. Ids are hexadecimal digits, times Unix nanoseconds."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: SpanKind
    start_ns: int
    end_ns: int
    attributes: dict[str, Any]
    cause: Cause | None = None
    """Why it went wrong; None: it did not."""
    is_parent_remote: bool = False
    """Whether the parent is a span of somebody else."""


class Broker(msgspec.Struct, frozen=True):
    """The broker, as spans of messages name it."""

    host: str
    port: int
    protocol: str
    """The version of MQTT."""
    topics: dict[TopicKind, str]
    """The topics of messages of a kind, with `ANY_VEHICLE` in the place of the car and wildcards
    for other varying parts. Kinds that a fleet does not send have none.
    """


class Hop(NamedTuple):
    """What is known of a hop before there is one."""

    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    is_message: bool = False
    topic: str | None = None
    """The topic of its message, with `ANY_VEHICLE`; None: not known, or different each time."""


def hops_at(broker: Broker) -> dict[str, Hop]:
    """Return the hops over a broker, by the stage that each leads to.

    A method that is not known is `_OTHER`, and its span `HTTP`.
    """
    command, result, state = TopicKind.COMMAND, TopicKind.RESULT, TopicKind.STATE
    client, message = SpanKind.CLIENT, partial(_message, broker)
    return {
        Stage.REQUESTED.value: Hop("wait for the start", SpanKind.INTERNAL, {}),
        Stage.API_ANSWERED.value: Hop("HTTP", client, {"http.request.method": "_OTHER"}),
        Stage.PUBLISHED.value: message("create", command, SpanKind.PRODUCER),
        Stage.BROKER_ACCEPTED.value: message("send", command, client, called="publish"),
        Stage.BOX_RECEIVED.value: message("receive", command, client),
        Stage.BOX_EXECUTED.value: message("process", command, SpanKind.CONSUMER),
        Stage.RESULT_RECEIVED.value: message("receive", result, client),
        Stage.STATE_CHANGED.value: message("receive", state, client),
    }


def _message(
    broker: Broker, operation: str, topic: TopicKind, kind: SpanKind, *, called: str | None = None
) -> Hop:
    """Return a hop of a message. `called`: what MQTT calls the operation, if not so."""
    name, template = called or operation, broker.topics.get(topic)
    attributes = {
        "messaging.system": "mqtt",
        "messaging.operation.name": name,
        "messaging.operation.type": operation,
        "server.address": broker.host,
        "server.port": broker.port,
        "network.protocol.name": "mqtt",
        "network.protocol.version": broker.protocol,
    }
    if template is None:
        return Hop(name, kind, attributes, is_message=True)
    attributes["messaging.destination.template"] = template
    topic_of_a_car = None if "+" in template else template
    return Hop(f"{name} {template}", kind, attributes, is_message=True, topic=topic_of_a_car)


_IN_THE_ROOT: Final = (
    "attempt_id", "command_id", "vehicle_id", "booking_id", "source", "outcome", "cause", "reason",
    "can_wake_s", "actuation_s", "region", "operator", "firmware", "hardware",
)  # fmt: skip


def spans_of(attempt: Attempt, hops: Mapping[str, Hop]) -> list[Span]:
    """Return the spans of an unlock, the one of the whole first; `hops` are those of its broker.

    Hops have spans where their times were measured; of a customer's unlock not those that are only
    there because the command was seen. The HTTP request's span lasts from the request to the
    answer, whatever part of it is a hop. A synchronous answer arrives after the command was sent.
    """
    started_ns = round(attempt.started_at * _NANOSECONDS)
    spans = [
        Span(
            trace_id=attempt.trace_id,
            span_id=attempt.span_id,
            parent_span_id=attempt.parent_span_id,
            name=_ROOT,
            kind=SpanKind.INTERNAL,
            start_ns=started_ns,
            end_ns=started_ns + round(attempt.total_s * _NANOSECONDS),
            attributes=_attributes_of(attempt),
            cause=attempt.cause,
            is_parent_remote=True,
        )
    ]
    if not attempt.has_times:
        return spans
    last = next(reversed(attempt.hops_s), None)
    reached_s = 0.0
    for stage, hop_s in attempt.hops_s.items():
        start_s, end_s = reached_s, reached_s + hop_s
        reached_s = end_s
        took_s = attempt.api_took_s if stage == Stage.API_ANSWERED else None
        if took_s is not None:
            start_s = attempt.stages.get(Stage.REQUESTED, 0.0)
            end_s = start_s + took_s
        if took_s is not None or hop_s or attempt.source is not Source.CUSTOMER:
            hop = _hop_with_request(hops[stage], stage, attempt)
            spans.append(
                Span(
                    trace_id=attempt.trace_id,
                    span_id=span_id_of(attempt.attempt_id, stage),
                    parent_span_id=attempt.span_id,
                    name=hop.name,
                    kind=hop.kind,
                    start_ns=started_ns + round(start_s * _NANOSECONDS),
                    end_ns=started_ns + round(end_s * _NANOSECONDS),
                    attributes=_attributes_of_hop(hop, stage, attempt),
                    cause=attempt.cause if stage == last else None,
                )
            )
    return spans


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields as attributes: prefixed, mappings taken apart, without what is not known."""
    found: dict[str, Any] = {}
    _flatten(PREFIX, fields, found)
    return found


def _attributes_of(attempt: Attempt) -> dict[str, Any]:
    found = flat({name: getattr(attempt, name) for name in _IN_THE_ROOT})
    _flatten(f"{PREFIX}evidence.", attempt.evidence, found)
    if attempt.site:
        found[f"{PREFIX}site"] = attempt.site
    if attempt.flags:
        found[f"{PREFIX}flags"] = list(attempt.flags)
    if attempt.cause is not None:
        found["error.type"] = attempt.cause.value
    return found


def _hop_with_request(hop: Hop, stage: str, attempt: Attempt) -> Hop:
    """Return a hop with what is known of its HTTP request, if it is one; else as it is."""
    asked = attempt.platform
    if stage != Stage.API_ANSWERED or not asked:
        return hop
    method, route, status = asked.method, asked.endpoint, asked.status
    said = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "error.type": str(status) if is_error(status) else None,
    }
    known = {name: value for name, value in said.items() if value is not None}
    return hop._replace(
        name=" ".join(part for part in (method or hop.name, route) if part),
        attributes=hop.attributes | known,
    )


def _attributes_of_hop(hop: Hop, stage: str, attempt: Attempt) -> dict[str, Any]:
    found = {**hop.attributes, f"{PREFIX}stage": stage}
    if hop.is_message and attempt.command_id is not None:
        found["messaging.message.conversation_id"] = attempt.command_id
    if hop.topic is not None:
        found["messaging.destination.name"] = hop.topic.replace(ANY_VEHICLE, attempt.vehicle_id)
    return found


def _flatten(prefix: str, fields: dict[str, Any], found: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            _flatten(f"{prefix}{name}.", value, found)
        elif isinstance(value, list | tuple):
            if value:
                found[f"{prefix}{name}"] = [str(each) for each in value]
        elif value is not None:
            found[f"{prefix}{name}"] = value
