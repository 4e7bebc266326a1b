"""A link's handler that keeps all that comes, for any test that needs a client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec

from fleet_wire.links.link import (
    Disconnected,
    HandlerOfSeveral,
    Link,
    LinkFactory,
    Message,
    Session,
)


class Recorder:
    """Keeps what its link tells it; acknowledges at once unless told otherwise."""

    def __init__(self, make_link: LinkFactory, session: Session) -> None:
        self._session = session
        self.acknowledges = True
        self.sessions_present: list[bool] = []
        """One entry for each `on_connected`."""
        self.messages: list[Message] = []
        self.ends: list[Disconnected] = []
        self.acks: list[int] = []
        """Give `acks.append` as `on_ack`."""
        self.link: Link = make_link(self)

    @property
    def payloads(self) -> list[bytes]:
        """The payloads of `messages`."""
        return [message.payload for message in self.messages]

    @property
    def documents(self) -> list[Any]:
        """The payloads of `messages`, read as JSON."""
        return [msgspec.json.decode(payload) for payload in self.payloads]

    def say(self, **changes: object) -> None:
        """Change the session of the next connect."""
        self._session = replace(self._session, **changes)  # type: ignore[arg-type]

    def session(self) -> Session:
        """Return the session."""
        return self._session

    def on_connected(self, *, session_present: bool) -> None:
        """Keep it."""
        self.sessions_present.append(session_present)

    def on_message(self, message: Message) -> None:
        """Keep it."""
        self.messages.append(message)
        if self.acknowledges:
            self.link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Keep it."""
        self.ends.append(reason)


class RecorderOfSeveral(Recorder, HandlerOfSeveral):
    """Keeps what comes together as it comes, with PUBACKs where `came.append` is `on_ack`."""

    def __init__(self, make_link: LinkFactory, session: Session) -> None:
        self.came: list[list[bytes] | int] = []
        super().__init__(make_link, session)

    def on_messages(self, messages: Sequence[Message]) -> None:
        """Keep the payloads, and acknowledge."""
        self.came.append([message.payload for message in messages])
        self.link.acknowledge(*messages)
