"""A connection of a lean link in the making, and what is needed only until it is made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from fleet_wire.links.connecting import Identity
from fleet_wire.links.link import Message, Session


class Opening(asyncio.Protocol):
    """The event loop gives it the connection, it hands that to the link.

    `identify` returns who the client is, and may raise `ConfigError`. `on_opened` gets the
    connection, `on_failed` the reason why there is none.
    """

    __slots__ = (
        "_identify",
        "_on_failed",
        "_on_opened",
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

    def __init__(
        self,
        identify: Callable[[], Identity],
        on_opened: Callable[[Opening, asyncio.Transport], None],
        on_failed: Callable[[Opening, str], None],
    ) -> None:
        self._identify = identify
        self._on_opened = on_opened
        self._on_failed = on_failed
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
        self.identity = self._identify()
        return self.identity

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to the link."""
        self._on_opened(self, cast("asyncio.Transport", transport))

    def fail(self, detail: str) -> None:
        """Report to the link that there will be no connection."""
        self._on_failed(self, detail)

    def stop(self) -> None:
        """Give up what is under way."""
        if self.task is not None:
            self.task.cancel()
        if self.deadline is not None:
            self.deadline.cancel()
