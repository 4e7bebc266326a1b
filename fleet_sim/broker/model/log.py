"""Log events of the broker model about clients, in mosquitto's words (`contract.broker_log`).

These are sentences of mosquitto 2.0.21 with `log_dest topic` and `connection_messages true`. The
real broker publishes others, which concern no client of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fleet_wire.contract.broker_log import ERROR, NOTICE
from fleet_wire.links.link import Session

_FROM = "127.0.0.1:0"
"""Nobody comes from anywhere: there is no network."""


class Line(NamedTuple):
    """A line of the log, without its time."""

    topic: str
    sentence: str


def connected(asked: Session, *, is_v5: bool) -> Line:
    """Return the line for an accepted connection."""
    version, is_clean = 5 if is_v5 else 2, int(asked.clean_start)
    return Line(
        NOTICE,
        f"New client connected from {_FROM} as {asked.client_id}"
        f" (p{version}, c{is_clean}, k{asked.keepalive_s}).",
    )


def taken_over(client_id: str) -> Line:
    """Return the line for a client that was already connected."""
    return Line(ERROR, f"Client {client_id} already connected, closing old connection.")


def denied(client_id: str) -> Line:
    """Return the line for a refused client."""
    return Line(NOTICE, f"Client {client_id} disconnected, not authorised.")


def left(client_id: str) -> Line:
    """Return the line for an orderly disconnect."""
    return Line(NOTICE, f"Client {client_id} disconnected.")


def closed(client_id: str) -> Line:
    """Return the line for a connection that ended without a goodbye."""
    return Line(NOTICE, f"Client {client_id} closed its connection.")


def timed_out(client_id: str) -> Line:
    """Return the line for a client that exceeded its keepalive."""
    return Line(NOTICE, f"Client {client_id} has exceeded timeout, disconnecting.")


def malformed(client_id: str) -> Line:
    """Return the line for a packet that MQTT does not allow."""
    return Line(NOTICE, f"Client {client_id} disconnected due to malformed packet.")


def bad_certificate(*, is_expired: bool) -> Iterator[Line]:
    """Yield the lines for a rejected certificate, without the client's id.

    OpenSSL 3.5's words under mosquitto 2.0.21, tried with certificates of 2020 and of 2040.
    """
    number, alert = (415, "certificate expired") if is_expired else (412, "bad certificate")
    error = f"error:0A000{number}:SSL routines::ssl/tls alert {alert}"
    yield Line(ERROR, f"OpenSSL Error[0]: {error}")
    yield Line(NOTICE, "Client <unknown> disconnected: Protocol error.")


def dropping(client_id: str) -> Line:
    """Return the line for a message that a client's full queue drops."""
    return Line(NOTICE, f"Outgoing messages are being dropped for client {client_id}.")
