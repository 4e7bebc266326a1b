"""A link: one MQTT client, seen from the code that uses it.

Both sides speak to a broker only through the `Link` protocol. It is made of plain calls and
callbacks, so that a simulated box can use it in live and in virtual time alike. Everything runs in
one thread; a callback never comes while a call of the same link is still on the stack.

The life of a link: `connect` -> `on_connected` (CONNACK and SUBACK are in) -> `on_message` ... ->
`on_disconnected`, exactly once for each `connect` that was not ended by `disconnect`, `abort` or
`leave_behind`. The owner of the link decides when to connect again (see
`fleet_wire.links.reconnect`).
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol
from urllib.parse import SplitResult, quote, unquote, urlsplit

import msgspec

from fleet_wire.addresses import host_problem
from fleet_wire.error_text import text_problem
from fleet_wire.errors import ConfigError

MAX_CREDENTIAL_BYTES = 65_535
"""User name and password in CONNECT (MQTT 5, sections 1.5.4 and 1.5.6)."""
SUCCESS = 0
NO_MATCHING_SUBSCRIBERS = 16
MALFORMED_PACKET = 129
PROTOCOL_ERROR = 130
NOT_AUTHORIZED = 135
SESSION_TAKEN_OVER = 142
RECEIVE_MAXIMUM_EXCEEDED = 147
TOPIC_ALIAS_INVALID = 148
PACKET_TOO_LARGE = 149
PERMANENT_CODES = frozenset({132, 133, 134, NOT_AUTHORIZED, 138, 140})
"""CONNACK codes that trying again does not change: version, client id, password, banned."""
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MISTYPED: Final = re.compile(r"(mqtts?|wss?)(?::/|//?|:(?!.*@))([^/].*)")
FIRST_ERROR_CODE = 128
"""MQTT 5 reason codes from here on are errors (specification, section 2.4)."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message that came in. `packet_id` is None at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    duplicate: bool
    packet_id: int | None
    correlation_data: bytes | None
    response_topic: str | None
    expiry_s: int | None
    user_properties: list[tuple[str, str]]


class PublishProperties(msgspec.Struct, frozen=True, gc=False):
    """The MQTT 5 properties of a publish. A 3.1.1 link drops them."""

    response_topic: str | None = None
    correlation_data: bytes | None = None
    expiry_s: int | None = None
    user_properties: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Will:
    """The message that the broker publishes when the connection is lost without a goodbye."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True
    delay_s: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """The content of a client's CONNECT. Asked for at each connect, so that it costs no memory.

    `subscriptions` are topic filters at QoS 1, sent at every connect.
    """

    client_id: str
    subscriptions: tuple[str, ...] = ()
    clean_start: bool = False
    session_expiry_s: int = 0
    keepalive_s: int = 60
    will: Will | None = None


class EndReason(StrEnum):
    """Why a connection ended or could not be made."""

    UNREACHABLE = "unreachable"
    """No TCP or TLS connection, or none in time."""
    REFUSED = "refused"
    """CONNACK or SUBACK with an error code."""
    BROKER_CLOSED = "broker_closed"
    """DISCONNECT from the broker (`code` says why), or the connection was closed or reset."""
    KEEPALIVE = "keepalive"
    """No PINGRESP in time."""
    PROTOCOL_ERROR = "protocol_error"
    """The broker sent what MQTT does not allow, or a packet above our limit."""
    HANDLER_ERROR = "handler_error"
    """A handler raised: a defect on our side, logged."""


class Disconnected(NamedTuple):
    """Why a connection ended. `code` is the broker's MQTT 5 reason code where it gave one."""

    why: EndReason
    code: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        """Return it in words, for people."""
        code = f" (MQTT reason code {self.code})" if self.code is not None else ""
        return f"{self.why.value.replace('_', ' ')}{code}: {self.detail}".rstrip(": ")


OnAck = Callable[[int], None]
"""Called with the reason code of the PUBACK (0, 16, or 128 and above)."""


class LinkHandler(Protocol):
    """The callbacks of a link. An exception from a handler closes that link alone, and is logged.

    Every call of `Link` is allowed from inside every callback.
    """

    def session(self) -> Session:
        """Return what to say in CONNECT and SUBSCRIBE; asked at each connect."""
        ...

    def on_connected(self, *, session_present: bool) -> None:
        """CONNACK and every SUBACK are in: messages may come and go."""
        ...

    def on_message(self, message: Message) -> None:
        """Handle a message. Call `Link.acknowledge` with a QoS 1 message, now or later."""
        ...

    def on_disconnected(self, reason: Disconnected) -> None:
        """Handle the end of the connection, or its failure, when we have not asked for it."""
        ...


class HandlerOfSeveral(LinkHandler):
    """A handler that takes messages that come together at once; not every link tells it so.

    It must neither close nor freeze its link meanwhile.
    """

    @abstractmethod
    def on_messages(self, messages: Sequence[Message]) -> None:
        """Handle messages in their order. Call `Link.acknowledge` with each QoS 1 message."""

    def on_message(self, message: Message) -> None:
        """Handle a message that arrives alone."""
        self.on_messages((message,))


class Link(Protocol):
    """One MQTT client.

    QoS 1 is at-least-once: unacknowledged messages are sent again when the session resumes, and as
    new ones when the broker has lost it.
    """

    @property
    def is_connected(self) -> bool:
        """Whether `on_connected` has come and nothing has ended the connection since."""
        ...

    def connect(self) -> None:
        """Start to connect. Does nothing while connecting or connected."""
        ...

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        properties: PublishProperties | None = None,
        on_ack: OnAck | None = None,
    ) -> None:
        """Send a message.

        A QoS 1 message waits its turn behind the broker's receive maximum and our own
        back-pressure, and survives a reconnect. A QoS 0 message is dropped (and counted) while not
        connected or while the peer does not read. A queued message that proves to be above the
        broker's limit gets 149 (packet too large). Raises `LocalProtocolError` for what MQTT does
        not allow, or above `max_queued`.
        """
        ...

    def acknowledge(self, *messages: Message) -> None:
        """Send the PUBACK of each QoS 1 message; of other connections, and at QoS 0, nothing."""
        ...

    def disconnect(self) -> None:
        """Send DISCONNECT and close: the will is not published, the session is kept.

        A frozen link cannot say it: it closes as `abort` does.
        """
        ...

    def abort(self) -> None:
        """Drop the connection as a crash does: the broker publishes the will."""
        ...

    def leave_behind(self) -> None:
        """Forget the connection without a word, as a modem does that lost its network.

        The socket stays open, and nothing more is read from it or written to it. The broker notices
        by keepalive, or when the next `connect` takes the session over: then no will is published.
        No `on_disconnected` follows. Unacknowledged messages are sent again on the next connection.
        Does nothing without a connection.
        """
        ...

    def freeze(self) -> None:
        """Fall silent as a dead radio does: neither read nor write, the socket stays open.

        Holds until `thaw`, for a next connection too. Actions of the broker meanwhile, even a
        close, are noticed at `thaw`.
        """
        ...

    def thaw(self) -> None:
        """Undo `freeze`: what waited on either side flows, or the broken connection is noticed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLimits:
    """How much a link takes, sends and waits."""

    max_connecting: int = 64
    """How many clients of a broker may connect at a time."""
    max_packet_bytes: int = 65_536
    """The largest packet that we accept. CONNECT says so; a larger packet closes the connection."""
    receive_max: int = 1_000
    """How many messages may come in before we acknowledge one of them."""
    max_in_flight: int = 100
    """How many may go out unacknowledged; the broker's receive maximum may be lower."""
    max_queued: int = 10_000
    """How many may wait behind those, at most 32,000."""
    pubacks_together: int = 1
    """Number of PUBACKs to read in one wake-up, if that many are due.

    Nothing longer than those, at 4 bytes each, has to wait; for topics of one letter say 1."""
    acknowledge_after_s: float = 0.0
    """How long PUBACKs may gather for one write, where messages come together.

    A client with a fleet's traffic saves a system call for each message, and so does the broker.
    PUBACKs go out earlier if the broker waits for them."""
    read_together_s: float = 0.0
    """How long what comes behind several packets may gather for one read; not with
    `pubacks_together`.

    A client with a fleet's traffic saves most of its wake-ups, at the price of this delay. A broker
    that waits for PUBACKs sends no more meanwhile than its window."""
    connect_timeout_s: float = 10.0
    """Longest time from our turn to connect to SUBACK."""
    ping_timeout_s: int = 10
    """How long to wait for a PINGRESP, or for anything else."""


LinkFactory = Callable[[LinkHandler], Link]
"""Makes the link of one client. Knows the broker, TLS and pacing, so that the client does not."""


def without_secrets(url: str) -> str:
    """Return a URL, or what was meant to be one, without its secrets.

    These are what stands before its last `@`, and its query.
    """
    found = _SCHEME.match(url)
    scheme = found[0] if found else ""
    before, at, host = url.removeprefix(scheme).rpartition("@")
    if "?" in before:  # the query may begin there
        return f"{scheme}***"
    address, query, _ = host.partition("?")
    return f"{scheme}{'***@' if at else ''}{address}{'?***' if query else ''}"


def _meant(url: str) -> str | None:
    """Return what was meant where only slashes or the colon of the scheme are missing.

    `mqtt:1883` is a host of that name, and `mqtt:password@host` a user.
    """
    found = _MISTYPED.fullmatch(url)
    if found is None or found[2].rstrip("/").isdecimal():
        return None
    return without_secrets(f"{found[1]}://{found[2]}")


def _superfluous_part(parts: SplitResult) -> str | None:
    """Return what is wrong with a part of a URL that no connection would use; None: there is none.

    A single slash behind the host is common, and asks for nothing.
    """
    if parts.fragment:
        return "a fragment (#) is never sent; write # as %23 in a password"
    if parts.scheme not in ("mqtt", "mqtts"):
        return None
    if parts.query:
        return "a query (?) needs ws:// or wss://; write ? as %3F in a password"
    return "a path needs ws:// or wss://" if parts.path.strip("/") else None


def _port_in(parts: SplitResult, *, default: int) -> int:
    """Return the port of a URL. Raises `ValueError` without what stands there: a password may."""
    try:
        return default if parts.port is None else parts.port
    except ValueError:
        raise ValueError("the port is no number from 1 to 65535") from None


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """A broker's address.

    The scheme is `mqtt://`, `mqtts://`, `ws://` or `wss://`; the password is optional. Path and
    query are those of WebSocket. The query may be a signature (AWS IoT): it is as secret as the
    password.
    """

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None
    path: str = "/mqtt"
    query: str = ""

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme in ("mqtts", "wss")

    @property
    def is_websocket(self) -> bool:
        """Whether MQTT runs over WebSocket."""
        return self.scheme in ("ws", "wss")

    @property
    def is_loopback(self) -> bool:
        """Whether the broker is on this machine."""
        return self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """Return the address in `url`. Raises `ConfigError` that says what is expected."""
        try:
            return cls._parsed(url)
        except ValueError as error:
            raise ConfigError([f"broker {without_secrets(url)!r}: {error}"]) from None

    @classmethod
    def _parsed(cls, url: str) -> BrokerAddress:
        """Return the address in `url`. Raises `ValueError` with the problem, and no secret."""
        ports = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
        if meant := _meant(url):
            raise ValueError(f"is that {meant}?")
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        if problem := _superfluous_part(parts):
            raise ValueError(problem)
        if parts.scheme not in ports or not parts.hostname:
            expected = "expected mqtt://, mqtts://, ws:// or wss:// and a host"
            raise ValueError(f"{expected}, for example mqtt://localhost:1883")
        address = cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=_port_in(parts, default=ports[parts.scheme]),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            path=parts.path or "/mqtt",
            query=parts.query,
        )
        if problem := address._problem():
            raise ValueError(problem)
        return address

    def _problem(self) -> str | None:
        """Return why no connection can be opened to such an address; None when one can."""
        if self.port == 0:
            return "port 0 is nobody's; expected 1 to 65535, or none for the usual one"
        for name, text in (("user", self.username), ("password", self.password)):
            if text and (problem := text_problem(text)):
                return f"the {name} {problem}"
            if text and len(text.encode()) > MAX_CREDENTIAL_BYTES:
                return f"the {name} is longer than the {MAX_CREDENTIAL_BYTES} bytes of MQTT"
        return text_problem(self.path) or text_problem(self.query) or host_problem(self.host)

    def with_secrets(self) -> str:
        """Return the whole URL: for the client that is to connect, and no log."""
        user = quote(self.username or "", "")
        password = "" if self.password is None else f":{quote(self.password, '')}"
        return self._written(user + password) + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        """Return the URL without password and query: it goes into logs."""
        return self._written(self.username or "")

    def _written(self, user: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = self.path if self.is_websocket else ""
        return f"{self.scheme}://{user}{'@' if user else ''}{host}:{self.port}{path}"
