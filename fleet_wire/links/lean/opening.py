"""A connection of a lean link in the making, and what is needed only until it is made."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol, cast

from fleet_wire.links.connecting import Identity
from fleet_wire.links.link import Message, Session


class OpeningOwner(Protocol):
    """The link that wants the connection."""

    def identity(self) -> Identity:
        """Return who the client is. Raises `ConfigError`."""
        ...

    def on_opened(self, opening: Opening, transport: asyncio.Transport) -> None:
        """Handle the new connection for `opening`."""
        ...

    def on_not_opened(self, opening: Opening, detail: str) -> None:
        """Handle the failure of `opening`: no connection, or none in time."""
        ...


class Opening(asyncio.Protocol):
    """The event loop gives it the connection, it hands that to the link."""

    __slots__ = (
        "_link",
        "deadline",
        "held",
        "identity",
        "receive_max",
        "session",
        "session_present",
        "sock",
        "subscribe_id",
        "task",
    )

    def __init__(self, link: OpeningOwner) -> None:
        self._link = link
        self.sock: socket.socket | None = None
        self.task: asyncio.Task[None] | None = None
        self.deadline: asyncio.TimerHandle | None = None
        self.session: Session | None = None
        """The session for CONNECT."""
        self.identity = Identity()
        """The client's identity for CONNECT."""
        self.session_present = False
        self.receive_max = 0
        """The broker's."""
        self.subscribe_id = 0
        self.held: list[Message] = []
        """Messages that came before SUBACK."""

    def identify(self) -> Identity:
        """Find out who the client is, now. Raises `ConfigError`."""
        self.identity = self._link.identity()
        return self.identity

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to the link."""
        self._link.on_opened(self, cast("asyncio.Transport", transport))

    def fail(self, detail: str) -> None:
        """Report to the link that there will be no connection."""
        self._link.on_not_opened(self, detail)

    def stop(self) -> None:
        """Give up what is under way."""
        if self.task is not None:
            self.task.cancel()
        if self.deadline is not None:
            self.deadline.cancel()
