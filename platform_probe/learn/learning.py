"""`platform-probe learn`: listens to a broker, and writes a first draft of a profile."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError, ConfigError, LimitError
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Disconnected, Link, Message, Session
from fleet_wire.private_files import FOR_OWNER
from fleet_wire.profiles.profile import MqttVersion
from fleet_wire.profiles.samples import Sample, sample_of
from platform_probe.learn.drafting import draft_of

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


class Observation(NamedTuple):
    """The observed messages, and how long they were observed."""

    samples: list[Sample]
    seconds: float
    why_early: str | None
    """Why that is less than was asked for; None: it is not."""


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


async def listen(options: LearnOptions) -> Observation:
    """Return what was heard in the time, or until SIGINT, SIGTERM or the broker ended it.

    Raises `BrokerUnreachableError` or `BrokerRefusedError` where the broker is not there, refuses
    us or the topics, or leaves before anything was heard.
    """
    links = LeanLinkFactory(options.broker, protocol=options.protocol, tls=options.tls)
    listener = _Listener(options)
    listener.link = links(listener)
    listener.link.connect()
    ended, began_s = listener.ended, time.monotonic()
    try:
        with _told_to_stop() as told:
            connected: asyncio.Future[Any] = asyncio.ensure_future(listener.connected.wait())
            await _first_of(connected, ended, told, within_s=CONNECT_PATIENCE_S)
            connected.cancel()
            if not listener.connected.is_set() and not told.done():
                _raise(options.broker, ended.result() if ended.done() else None)
            await _first_of(ended, told, within_s=options.duration_s)
        if ended.done() and not listener.samples:
            _raise(options.broker, ended.result())
    finally:
        listener.link.disconnect()
    why_early = told.result() if told.done() else str(ended.result()) if ended.done() else None
    seconds = options.duration_s if why_early is None else time.monotonic() - began_s
    return Observation(listener.samples, seconds, why_early)


async def _first_of(*futures: asyncio.Future[Any], within_s: float) -> None:
    await asyncio.wait(futures, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)


@contextmanager
def _told_to_stop() -> Iterator[asyncio.Future[str]]:
    """Yield what is done at the first SIGINT or SIGTERM, with its name; the second one kills."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def on_signal(number: signal.Signals) -> None:
        told.set_result(number.name)
        stop()

    def stop() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield told
    finally:
        stop()


def _raise(broker: BrokerAddress, reason: Disconnected | None) -> None:
    if reason is not None and reason.code is not None:
        raise BrokerRefusedError(reason.code, f"{broker}: {reason}")
    raise BrokerUnreachableError(f"{broker}: {reason or 'no answer'}")


def write_draft(
    samples: Sequence[Sample], options: LearnOptions, *, seconds: float, sample_file: Path | None
) -> str:
    """Write what was heard in so many seconds into `sample_file`, and return the draft.

    Raises `ConfigError` where nothing was heard, `LimitError` where the file cannot be written.
    """
    if not samples:
        heard = f"nothing came on {', '.join(options.filters)} in {seconds:.1f} s"
        cure = "listen longer (--for), or to other topics (--topic)"
        raise ConfigError([f"{options.broker}: {heard}; {cure}"])
    if sample_file is not None:
        lines = b"".join(msgspec.json.encode(sample) + b"\n" for sample in samples)
        try:
            sample_file.touch(mode=FOR_OWNER)
            sample_file.write_bytes(lines)
        except OSError as error:
            cure = "--sample: name another file"
            raise LimitError(f"{sample_file}: {error.strerror or error}", cure) from None
    return draft_of(samples, mqtt=options.protocol, vehicles=options.vehicles)
