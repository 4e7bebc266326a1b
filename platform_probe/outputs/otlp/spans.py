"""Makes the trace of an unlock from its record: one span for the whole, and one for each hop.

Names, kinds and attributes follow OpenTelemetry's semantic conventions, version 1.44: for messaging
(https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/), HTTP, and `error.type`.
What they have no word for is called as in docs/log.md, with `unlockpath.` before it.

The spans are made when the unlock has ended. Their ids follow from the attempt's, so that the
command on the wire could already name the one that it comes from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.contract.attempt import Attempt, Source, Stage
from fleet_wire.contract.causes import CAUSES, Cause
from fleet_wire.contract.topics import TopicKind, topic_of
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


class Broker(NamedTuple):
    """The broker, as spans of messages name it."""

    host: str
    port: int
    protocol: str
    """The version of MQTT."""


class _Hop(NamedTuple):
    """What is known of a hop before there is one."""

    name: str
    kind: SpanKind
    attributes: dict[str, Any]
    topic: TopicKind | None = None


def _message(
    operation: str, topic: TopicKind, kind: SpanKind, *, called: str | None = None
) -> _Hop:
    """Return a hop of a message. `called`: what MQTT calls the operation, if not so."""
    name, template = called or operation, topic_of(topic, ANY_VEHICLE)
    attributes = {
        "messaging.system": "mqtt",
        "messaging.operation.name": name,
        "messaging.operation.type": operation,
        "messaging.destination.template": template,
    }
    return _Hop(f"{name} {template}", kind, attributes, topic)


_HOPS: Final = {
    Stage.REQUESTED.value: _Hop("wait for the start", SpanKind.INTERNAL, {}),
    Stage.API_ANSWERED.value: _Hop("HTTP", SpanKind.CLIENT, {"http.request.method": "_OTHER"}),
    Stage.PUBLISHED.value: _message("create", TopicKind.COMMAND, SpanKind.PRODUCER),
    Stage.BROKER_ACCEPTED.value: _message(
        "send", TopicKind.COMMAND, SpanKind.CLIENT, called="publish"
    ),
    Stage.BOX_RECEIVED.value: _message("receive", TopicKind.COMMAND, SpanKind.CLIENT),
    Stage.BOX_EXECUTED.value: _message("process", TopicKind.COMMAND, SpanKind.CONSUMER),
    Stage.RESULT_RECEIVED.value: _message("receive", TopicKind.RESULT, SpanKind.CLIENT),
    Stage.STATE_CHANGED.value: _message("receive", TopicKind.STATE, SpanKind.CLIENT),
}
"""By the stage that a hop leads to. A method that is not known is `_OTHER`, and its span `HTTP`."""
_IN_THE_ROOT: Final = (
    "attempt_id", "command_id", "vehicle_id", "booking_id", "source", "outcome", "cause", "reason",
    "can_wake_s", "actuation_s", "region", "operator", "firmware", "hardware",
)  # fmt: skip


def spans_of(attempt: Attempt, broker: Broker) -> list[Span]:
    """Return the spans of an unlock, the one of the whole first.

    Hops have spans where their times were measured; of a customer's unlock not those that are only
    there because the command was seen.
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
    hops = attempt.hops_s
    last = next(reversed(hops), None)
    end_s = 0.0
    for stage, hop_s in hops.items():
        start_s, end_s = end_s, end_s + hop_s
        if hop_s or attempt.source is not Source.CUSTOMER:
            hop, cause = _HOPS[stage], attempt.cause if stage == last else None
            spans.append(
                Span(
                    trace_id=attempt.trace_id,
                    span_id=span_id_of(attempt.attempt_id, stage),
                    parent_span_id=attempt.span_id,
                    name=hop.name,
                    kind=hop.kind,
                    start_ns=started_ns + round(start_s * _NANOSECONDS),
                    end_ns=started_ns + round(end_s * _NANOSECONDS),
                    attributes=_attributes_of_hop(hop, stage, attempt, broker),
                    cause=cause,
                )
            )
    return spans


def flat(fields: dict[str, Any]) -> dict[str, Any]:
    """Return fields as attributes: prefixed, mappings taken apart, without what is not known."""
    found: dict[str, Any] = {}
    _flatten(PREFIX, fields, found)
    return found


def explanation_of(cause: Cause) -> str:
    """Return what a cause means, in a sentence."""
    return CAUSES[cause].explanation


def _attributes_of(attempt: Attempt) -> dict[str, Any]:
    found = flat({name: getattr(attempt, name) for name in _IN_THE_ROOT})
    _flatten(f"{PREFIX}evidence.", attempt.evidence, found)
    if attempt.flags:
        found[f"{PREFIX}flags"] = list(attempt.flags)
    if attempt.cause is not None:
        found["error.type"] = attempt.cause.value
    return found


def _attributes_of_hop(hop: _Hop, stage: str, attempt: Attempt, broker: Broker) -> dict[str, Any]:
    found = {**hop.attributes, f"{PREFIX}stage": stage}
    if hop.topic is not None:
        found["messaging.destination.name"] = topic_of(hop.topic, attempt.vehicle_id)
        found["messaging.message.conversation_id"] = attempt.command_id
        found["server.address"], found["server.port"] = broker.host, broker.port
        found["network.protocol.name"] = "mqtt"
        found["network.protocol.version"] = broker.protocol
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
