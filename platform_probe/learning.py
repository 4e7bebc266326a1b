"""`platform-probe learn`: listens to a broker, and writes a first draft of a profile."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError, ConfigError, LimitError
from fleet_wire.links.factory import link_factory
from fleet_wire.links.link import BrokerAddress, Disconnected, Link, Message, Session
from fleet_wire.profiles.drafting import draft_of
from fleet_wire.profiles.profile import MqttVersion
from fleet_wire.profiles.samples import Sample, sample_of

MAX_MESSAGES: Final = 50_000
"""Messages that are kept; what more is heard says nothing new."""
CONNECT_PATIENCE_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnOptions:
    """What is listened to, and for how long."""

    broker: BrokerAddress
    duration_s: float
    filters: tuple[str, ...] = ("#",)
    protocol: MqttVersion = "5"
    client_id: str = field(default_factory=lambda: f"platform-probe-learn-{os.getpid()}")
    """Two that listen at once do not take over each other's session."""
    vehicles: tuple[str, ...] = ()
    tls: ssl.SSLContext | None = None


class _Listener:
    """Keeps what it hears. Implements `fleet_wire.links.link.LinkHandler`."""

    def __init__(self, options: LearnOptions) -> None:
        self._options = options
        self.samples: list[Sample] = []
        self.link: Link | None = None
        self.connected = asyncio.Event()
        self.ended: asyncio.Future[Disconnected] = asyncio.get_running_loop().create_future()

    def session(self) -> Session:
        return Session(self._options.client_id, self._options.filters, clean_start=True)

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        self.connected.set()

    def on_message(self, message: Message) -> None:
        if len(self.samples) < MAX_MESSAGES:
            self.samples.append(sample_of(message))
        if self.link is not None:
            self.link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)


async def listen(options: LearnOptions) -> list[Sample]:
    """Return what was heard in the time.

    Raises `BrokerUnreachableError` or `BrokerRefusedError` where the broker is not there, refuses
    us or the topics, or leaves before anything was heard.
    """
    links = link_factory(options.broker, protocol=options.protocol, tls=options.tls)
    listener = _Listener(options)
    listener.link = links(listener)
    listener.link.connect()
    try:
        connected: asyncio.Future[Any] = asyncio.ensure_future(listener.connected.wait())
        ended: asyncio.Future[Any] = listener.ended
        await asyncio.wait(
            {connected, ended},
            timeout=CONNECT_PATIENCE_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        connected.cancel()
        if not listener.connected.is_set():
            _raise(options.broker, listener.ended.result() if listener.ended.done() else None)
        await asyncio.wait({listener.ended}, timeout=options.duration_s)
        if listener.ended.done() and not listener.samples:
            _raise(options.broker, listener.ended.result())
    finally:
        listener.link.disconnect()
    return listener.samples


def _raise(broker: BrokerAddress, reason: Disconnected | None) -> None:
    if reason is not None and reason.code is not None:
        raise BrokerRefusedError(reason.code, f"{broker}: {reason}")
    raise BrokerUnreachableError(f"{broker}: {reason or 'no answer'}")


def write_draft(
    samples: Sequence[Sample], options: LearnOptions, *, sample_file: Path | None
) -> str:
    """Write what was heard into `sample_file`, and return the draft.

    Raises `ConfigError` where nothing was heard, `LimitError` where the file cannot be written.
    """
    if not samples:
        heard = f"nothing came on {', '.join(options.filters)} in {options.duration_s:g} s"
        cure = "listen longer (--seconds), or to other topics (--topic)"
        raise ConfigError([f"{options.broker}: {heard}; {cure}"])
    if sample_file is not None:
        lines = b"".join(msgspec.json.encode(sample) + b"\n" for sample in samples)
        try:
            sample_file.write_bytes(lines)
        except OSError as error:
            cure = "--sample: name another file"
            raise LimitError(f"{sample_file}: {error.strerror or error}", cure) from None
    return draft_of(samples, mqtt=options.protocol, vehicles=options.vehicles)
