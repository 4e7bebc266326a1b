"""Client events in mosquitto's own log, which it publishes with the setting `log_dest topic`.

A monitor subscribes to `$SYS/broker/log/#`. There it finds facts that no client sees: two boxes
that throw each other out, a full queue, refused connections. The sentences are those of mosquitto
2.0.21 (`src/context.c`, `database.c`, `handle_connect.c`, `loop.c`, `net.c`), and of 2.1, which
writes `Client ID [ADDRESS] disconnected: WHY.` instead. It needs `connection_messages true`.
Denials by an access rule are missing for a connected client: mosquitto writes them to its debug log
alone, which it never publishes.

A client chooses its own id, and so a part of these lines. An id with a space in it is passed over,
and a sentence counts only whole: no id can put words into the broker's mouth.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

BROKER_LOG: Final = "$SYS/broker/log/#"
"""The topic filter for the broker's log. A client without the right to it is refused, or receives
nothing, depending on the broker."""
_BEGIN: Final = BROKER_LOG[:-1]
NOTICE, ERROR = f"{_BEGIN}N", f"{_BEGIN}E"
"""Topics of the levels at which these sentences come."""
MAX_LINE_BYTES: Final = 1_024
"""No sentence of these comes near, unless somebody's client id makes it so: it is not read."""
MAX_DETAIL: Final = 200
"""Letters kept of what a sentence says besides."""


class BrokerEventKind(StrEnum):
    """The kind of a broker's log event about a client."""

    CONNECTED = "connected"
    LEFT = "left"
    """It said goodbye."""
    CLOSED = "closed"
    """Its connection ended without a goodbye."""
    TAKEN_OVER = "taken_over"
    """Another connection came with its client id: the older one was closed."""
    TIMED_OUT = "timed_out"
    """Nothing came from it for 1.5 times its keepalive."""
    DROPPED = "dropped"
    """Its queue is full: messages to it are thrown away. Said once, until there is room again."""
    DENIED = "denied"
    """It was not let in: user, password or client id."""
    TLS_ERROR = "tls_error"
    """A handshake failed. The broker does not know yet whose it was."""
    SOCKET_ERROR = "socket_error"
    PROTOCOL_ERROR = "protocol_error"
    """It sent what MQTT does not allow, or what is too large."""


class BrokerEvent(NamedTuple):
    """One thing that the broker said."""

    at: float
    """When it came to who reads it, Unix seconds on the reader's clock."""
    client_id: str | None
    """None: the broker did not know, or did not say."""
    kind: BrokerEventKind
    detail: str | None = None
    """Address and user of a connect; the text of an error."""
    keepalive_s: float | None = None
    """Keepalive of a connect: the client pings after this long without a packet."""

    @property
    def is_over_certificate(self) -> bool:
        """Whether a handshake failed because one side did not take the other's certificate.

        Others fail for who scans ports, or speaks no TLS: no box of ours does.
        """
        return self.kind is BrokerEventKind.TLS_ERROR and bool(
            _CERTIFICATE.search(self.detail or "")
        )

    @property
    def is_over_expired(self) -> bool:
        """Whether one failed as the other side says that the certificate has expired.

        OpenSSL and Mbed TLS report it for an expired certificate. They report `bad certificate` or
        `certificate unknown` for one that is not valid yet. wolfSSL reports it for both.
        """
        return self.is_over_certificate and _EXPIRED in (self.detail or "")


_EXPIRED: Final = "alert certificate expired"
"""OpenSSL's name of alert 45 (RFC 8446, 6.2), whatever its version says before it."""
_CERTIFICATE: Final = re.compile(r"alert .*certificate|alert unknown ca|certificate verify failed")
"""The last is what a broker says that has not taken the client's."""
_KIND: Final = BrokerEventKind
_STAMP = re.compile(r"(?:\d{1,12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S{0,6}): ")
"""Unix seconds, or what `log_timestamp_format %Y-%m-%dT%H:%M:%S` makes of them."""
_CONNECTED = re.compile(
    r"New client connected from (?P<detail>\S+) as (?P<id>\S+) \(p\d+, c\d, k(?P<keepalive>\d{1,5})"
    r"(?:, u'(?P<user>[^']*)')?\)\."
)
_DROPPED = re.compile(r"Outgoing messages are being dropped for client (?P<id>\S+)\.")
_SOCKET = re.compile(r"Bad socket read/write on client (?P<id>\S+): (?P<detail>.+)")
_TLS = re.compile(r"(?:OpenSSL Error\[\d+\]|Client connection from \S+ failed): (?P<detail>.+)")
_OF_CLIENT = re.compile(r"Client (?P<id>\S+)(?: \[\S+\])? (?P<what>[a-z].*)")
_ENDS: Final = {
    "already connected, closing old connection": _KIND.TAKEN_OVER,
    "closed its connection": _KIND.CLOSED,
    "disconnected": _KIND.LEFT,
    "has exceeded timeout, disconnecting": _KIND.TIMED_OUT,
    "disconnected, not authorised": _KIND.DENIED,
    "disconnected due to malformed packet": _KIND.PROTOCOL_ERROR,
    "disconnected due to oversize packet": _KIND.PROTOCOL_ERROR,
    "disconnected due to oversize payload": _KIND.PROTOCOL_ERROR,
    "disconnected due to protocol error": _KIND.PROTOCOL_ERROR,
    # mosquitto 2.1
    "disconnected: bad username or password": _KIND.DENIED,
    "disconnected: client banned": _KIND.DENIED,
    "disconnected: client identifier not valid": _KIND.DENIED,
    "disconnected: connection closed by client": _KIND.CLOSED,
    "disconnected: exceeded timeout": _KIND.TIMED_OUT,
    "disconnected: malformed packet": _KIND.PROTOCOL_ERROR,
    "disconnected: not authorised": _KIND.DENIED,
    "disconnected: oversize packet": _KIND.PROTOCOL_ERROR,
    "disconnected: oversize payload": _KIND.PROTOCOL_ERROR,
    "disconnected: protocol error": _KIND.PROTOCOL_ERROR,
    "disconnected: receive maximum exceeded": _KIND.PROTOCOL_ERROR,
    "disconnected: session taken over": _KIND.TAKEN_OVER,
}
_SOCKET_2_1: Final = "disconnected: bad socket read/write: "


def is_broker_log(topic: str) -> bool:
    """Return whether a message is a line of the broker's log."""
    return topic.startswith(_BEGIN)


def broker_event_of(payload: bytes, at: float) -> BrokerEvent | None:
    """Return what a line says of a client; None where it says nothing that is known here.

    `at` is when it came, Unix seconds. Never raises for what a line holds.
    """
    if len(payload) > MAX_LINE_BYTES:
        return None
    line = payload.decode("utf-8", "replace")
    stamp = _STAMP.match(line)
    sentence = line if stamp is None else line[stamp.end() :]
    if connected := _CONNECTED.fullmatch(sentence):
        user = connected["user"]
        detail = connected["detail"] if user is None else f"{connected['detail']} as {user}"
        event = _event(at, connected["id"], _KIND.CONNECTED, detail)
        return event._replace(keepalive_s=float(connected["keepalive"]))
    if dropped := _DROPPED.fullmatch(sentence):
        return _event(at, dropped["id"], _KIND.DROPPED)
    if tls := _TLS.fullmatch(sentence):
        return _event(at, None, _KIND.TLS_ERROR, tls["detail"])
    if broken := _SOCKET.fullmatch(sentence):
        return _event(at, broken["id"], _KIND.SOCKET_ERROR, broken["detail"])
    return _end_of_connection(sentence, at)


def _end_of_connection(sentence: str, at: float) -> BrokerEvent | None:
    of_client = _OF_CLIENT.fullmatch(sentence)
    if of_client is None:
        return None
    what = of_client["what"].removesuffix(".")
    if what.startswith(_SOCKET_2_1):
        return _event(at, of_client["id"], _KIND.SOCKET_ERROR, what.removeprefix(_SOCKET_2_1))
    kind = _ENDS.get(what.lower())  # after a handshake that failed: `Protocol error`
    return None if kind is None else _event(at, of_client["id"], kind)


def _event(
    at: float, client_id: str | None, kind: BrokerEventKind, detail: str | None = None
) -> BrokerEvent:
    if client_id == "<unknown>":  # no CONNECT has come
        client_id = None
    return BrokerEvent(at, client_id, kind, None if detail is None else detail[:MAX_DETAIL])
