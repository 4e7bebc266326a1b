"""The connection over which a shard announces itself and learns of the others."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Final

from fleet_sim.runs.live.fleet import FleetOptions
from fleet_sim.runs.live.roster import ANNOUNCED_AT, Announcement, Roster, meeting_place
from fleet_sim.runs.live.waiting import why_not
from fleet_wire.links.announcement_topic import GONE
from fleet_wire.links.factory import link_factory
from fleet_wire.links.link import (
    FIRST_ERROR_CODE,
    Disconnected,
    Message,
    PublishProperties,
    Session,
)
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream

AGAIN_S: Final = 30.0
"""Seconds between announcements, for shards that have missed one."""
LIFE_S: Final = 4 * AGAIN_S
"""Seconds for which an announcement counts: a broker killed with its clients publishes no last
will."""
KEEPALIVE_S: Final = 15
"""A node that vanished without a word is noticed after 1.5 times that."""
RECONNECT: Final = ReconnectPolicy(base_s=1.0, cap_s=30.0)


class RosterLink:
    """Keeps a `Roster` up to date. Implements `fleet_wire.links.link.LinkHandler`.

    It speaks to one broker of the list alone, see `meeting_place`: fifty shards on fifty brokers
    would otherwise announce themselves 2,500 times, each to all others.
    """

    def __init__(
        self, own: Announcement, options: FleetOptions, note: Callable[[str], None]
    ) -> None:
        # Not the same after a restart: what the process before left behind is somebody else's.
        instance = f"{own.number}-of-{own.total}-{secrets.token_hex(4)}"
        self._roster = Roster(own, instance, life_s=LIFE_S)
        self._client_id = f"shard-{instance}"
        self._note = note
        self._stream = RandomStream.named(0, self._client_id)
        self._failures = 0
        self._is_heard = False
        """Whether the broker has taken our announcement on this connection."""
        self._has_complained = False
        self._is_leaving = False
        self._timer: asyncio.TimerHandle | None = None
        self._broker = meeting_place(options.brokers)
        make = link_factory(
            self._broker.first, protocol=options.profile.traits.mqtt, tls=options.tls
        )
        self._link = make(self)

    def start(self) -> None:
        """Connect, and go on until `close`."""
        self._link.connect()

    def serve(self) -> None:
        """Record that our boxes serve: a shard that comes from now on is late."""
        self._roster.served_s = monotonic()

    def state(self) -> str:
        """Return which shards are there, in words; report those that have fallen silent."""
        self._say(self._roster.expire(monotonic()))
        return self._roster.state() if self._is_heard else "other shards unknown"

    def close(self) -> None:
        """Disconnect once the broker has our messages: those that it has not read may get lost."""
        self._is_leaving = True
        if self._timer is not None:
            self._timer.cancel()
        if self._link.is_connected:
            self._link.publish(self._roster.topic, self._roster.payload(is_ending=True))
            self._link.publish(self._roster.topic, GONE, retain=True, on_ack=self._leave)
        else:
            self._link.disconnect()

    # LinkHandler

    def session(self) -> Session:
        """Return what to say in CONNECT and SUBSCRIBE."""
        return Session(
            self._client_id,
            subscriptions=(self._roster.topic_filter,),
            clean_start=True,
            keepalive_s=KEEPALIVE_S,
            will=self._roster.will,
        )

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Announce ourselves, and again now and then."""
        self._announce()

    def on_message(self, message: Message) -> None:
        """Handle another shard's message."""
        self._link.acknowledge(message)
        self._say(self._roster.handle(message.topic, message.payload, monotonic()))

    def on_disconnected(self, reason: Disconnected) -> None:
        """Report the reason once, and retry at growing intervals."""
        self._is_heard = False
        if self._is_leaving:
            return
        self._complain(why_not(reason, self._broker, has_answered=True))
        delay_s = RECONNECT.delay_s(self._failures, self._stream)
        self._failures += 1
        self._later(delay_s, self.start)

    def _leave(self, _code: int) -> None:
        self._link.disconnect()

    def _on_ack(self, code: int) -> None:
        """Handle the PUBACK of our announcement; mosquitto disconnects unauthorized clients."""
        if code >= FIRST_ERROR_CODE:
            self._complain(
                f"{self._broker} does not take what is published at {self._roster.topic} (MQTT"
                f" reason code {code}); may the user of --broker read and write {ANNOUNCED_AT}/#?"
            )
        else:
            self._is_heard = True
            self._failures, self._has_complained = 0, False

    def _complain(self, why: str) -> None:
        """Report a problem, once until all is well again."""
        if not self._has_complained:
            self._has_complained = True
            self._note(f"this shard and the others cannot hear of each other: {why}")

    def _announce(self) -> None:
        self._link.publish(
            self._roster.topic,
            self._roster.payload(),
            retain=True,
            properties=PublishProperties(expiry_s=round(LIFE_S)),
            on_ack=self._on_ack,
        )
        self._later(AGAIN_S, self._announce)

    def _later(self, delay_s: float, what: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay_s, what)

    def _say(self, sentences: Iterable[str]) -> None:
        for sentence in sentences:
            self._note(f"{sentence}; {self._roster.state()}")
