"""State that the lean links of one factory share: settings, counts, timers, sockets and writes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Literal

from fleet_wire.errors import ConfigError
from fleet_wire.links.connecting import (
    ConnectPace,
    Dialer,
    Identity,
    IdentityOf,
    describe_os_error,
    identity_in,
)
from fleet_wire.links.lean.keepalive_wheel import KeepaliveWheel
from fleet_wire.links.lean.opening import Opening
from fleet_wire.links.lean.outbox import LAST_PACKET_ID, MAX_QUEUED
from fleet_wire.links.lean.packets import LARGEST_PACKET, MQTT_5
from fleet_wire.links.lean.packets_3 import MQTT_3
from fleet_wire.links.link import BrokerAddress, LinkHandler, LinkLimits


class SharedByLinks:
    """State that the links of one broker share.

    `tls` is the context of `broker` (None: the system's authorities). `quick_ack` helps against
    brokers that do not set TCP_NODELAY (iotcore), at a system call a read. `within` is the context,
    a reusable one, in which the links make every call to their owners. `identity_of` says who a
    client is, where that is not what `broker` and `tls` say.

    MQTT 3.1.1 has no properties, reason codes, message expiry or limits of the other side. Publish
    properties are dropped, every PUBACK counts as success, and a broker's reason to close is
    unknown. The broker decides how long it keeps a session. A broker that does not know our limits
    may send any size, and any number of messages.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        *,
        protocol: Literal["5", "3.1.1"] = "5",
        loop: asyncio.AbstractEventLoop | None = None,
        tls: ssl.SSLContext | None = None,
        limits: LinkLimits | None = None,
        quick_ack: bool = False,
        within: AbstractContextManager[object, None] | None = None,
        identity_of: IdentityOf | None = None,
    ) -> None:
        self.broker = broker
        self.forms = MQTT_5 if protocol == "5" else MQTT_3
        self.limits = limits or LinkLimits()
        if protocol != "5":
            self.limits = replace(
                self.limits, max_packet_bytes=LARGEST_PACKET, receive_max=LAST_PACKET_ID
            )
        self.loop = loop or asyncio.get_running_loop()
        self.pace = ConnectPace(self.limits.max_connecting)
        self.wheel = KeepaliveWheel(self.loop)
        self.max_queued = min(self.limits.max_queued, MAX_QUEUED)
        self.quick_ack = quick_ack
        self.within = within or nullcontext()
        self._identity_of = identity_of
        self._identity_of_all = identity_in(broker)
        self._tls = (tls or ssl.create_default_context()) if broker.is_tls else None
        self._dialer = Dialer(broker.host, broker.port)
        self._will_write: list[Callable[[], None]] = []

    def will_write(self, flush: Callable[[], None]) -> None:
        """Call `flush` when this iteration of the event loop is over."""
        self._will_write.append(flush)
        if len(self._will_write) == 1:
            self.loop.call_soon(self._flush)

    def socket_for_low_water(self, opening: Opening) -> socket.socket | None:
        """Return the socket of `opening` where its link may wait for more than a byte.

        PUBACKs are counted in bytes, and under TLS or WebSocket these are not MQTT's.
        """
        limits, is_plain = self.limits, not (self._tls or self.broker.is_websocket)
        awaits_pubacks = limits.pubacks_together > 1 and is_plain
        return opening.sock if awaits_pubacks or limits.read_together_s else None

    def identity_of(self, handler: LinkHandler) -> Identity:
        """Return who the client of this handler is. Raises `ConfigError`."""
        own = self._identity_of(handler) if self._identity_of is not None else None
        return own or self._identity_of_all

    def open(self, opening: Opening) -> None:
        """Make the connection for `opening`, or tell it why not."""
        timeout_s = self.limits.connect_timeout_s
        opening.deadline = self.loop.call_later(
            timeout_s, opening.fail, f"no answer in {timeout_s:g} s"
        )
        opening.task = self.loop.create_task(self._open(opening))

    async def _open(self, opening: Opening) -> None:
        try:
            tls = opening.identify().tls or self._tls
            opening.sock = sock = await self._dialer.dial()
            websocket = None
            if self.broker.is_websocket:
                from fleet_wire.links.lean.websocket import WebSocket  # noqa: PLC0415 - few need it

                websocket = WebSocket(opening, self.broker, self.loop.create_future())
            await self.loop.create_connection(
                lambda: websocket or opening,
                sock=sock,
                ssl=tls if self._tls else None,
                server_hostname=self.broker.host if self._tls else None,
            )
            if websocket is not None:
                await websocket.until_open()
        except OSError as error:
            opening.fail(describe_os_error(error))
        except ConfigError as error:
            opening.fail(str(error))
        except UnicodeError as error:
            opening.fail(f"host {self.broker.host!r}: {error}")

    def _flush(self) -> None:
        waiting, self._will_write = self._will_write, []
        for flush in waiting:
            flush()
