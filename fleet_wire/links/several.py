"""One client of several brokers; `fleet_wire.links.brokers` says which car is on which."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.brokers import Brokers, broker_of
from fleet_wire.links.link import (
    BrokerAddress,
    Disconnected,
    HandlerOfSeveral,
    Link,
    LinkFactory,
    LinkHandler,
    Message,
    OnAck,
    PublishProperties,
    Session,
)
from fleet_wire.links.reconnect import ReconnectPolicy, Retries
from fleet_wire.randomness import RandomStream

RECONNECT: Final = ReconnectPolicy(base_s=0.5, cap_s=5.0)
"""For a broker that is away while others are there."""
VehicleOf = Callable[[str], str]
"""Says which car a topic is about; raises `RemoteProtocolError` where it does not say."""
OnBroker = Callable[[BrokerAddress, Disconnected | None], None]
"""Told of one broker that is away while others are there, and why; with None when it is there."""
OnLeftOver = Callable[[BrokerAddress, Message], None]
"""Told of what a broker keeps of a car that is another's."""


def spread_links(
    brokers: Brokers,
    factory_of: Callable[[BrokerAddress], LinkFactory],
    *,
    vehicle_of: VehicleOf,
    car_of: Callable[[LinkHandler], str | None] = lambda _handler: None,
    within: AbstractContextManager[object, None] | None = None,
    on_broker: OnBroker | None = None,
    on_left_over: OnLeftOver | None = None,
) -> LinkFactory:
    """Return the factory of links to brokers that share a fleet; `factory_of` makes that of one.

    The link of a car, which `car_of` names, goes to the car's own broker; that of anybody else to
    all of them: see `SeveralLinks`.
    """
    factories = [(broker, factory_of(broker)) for broker in brokers.addresses]
    if len(factories) == 1:
        return factories[0][1]

    def make(handler: LinkHandler) -> Link:
        vehicle_id = car_of(handler)
        if vehicle_id is not None:
            return factories[broker_of(vehicle_id, len(factories))][1](handler)
        return SeveralLinks(
            handler,
            factories,
            vehicle_of=vehicle_of,
            within=within,
            on_broker=on_broker,
            on_left_over=on_left_over,
        )

    return make


class SeveralLinks:
    """A `Link` over one link to each broker: a message goes to the broker of the car it is about.

    It is connected as soon as each broker has answered or failed once, and one has answered. A
    broker that goes away then gets a new link and is tried again. Messages for its cars are dropped
    with the old link; the other brokers go on. The handler gets a disconnect only when none is
    left.

    A retained message on a broker that no longer owns the car predates the car's move. It is
    acknowledged and ignored, and so is its removal.
    """

    def __init__(
        self,
        handler: LinkHandler,
        factories: Sequence[tuple[BrokerAddress, LinkFactory]],
        *,
        vehicle_of: VehicleOf,
        within: AbstractContextManager[object, None] | None = None,
        on_broker: OnBroker | None = None,
        on_left_over: OnLeftOver | None = None,
    ) -> None:
        self._handler = handler
        self._vehicle_of = vehicle_of
        self._on_broker = on_broker
        self._on_left_over = on_left_over
        part_of = _PartOfSeveral if isinstance(handler, HandlerOfSeveral) else _BrokerLink
        self._parts = [
            part_of(self, handler, broker, make, within or nullcontext())
            for broker, make in factories
        ]
        self._came_by: dict[int, Link] = {}
        """The link by which each message came that is not acknowledged yet, by its identity."""
        self._is_told = False
        """Whether the handler knows that we are connected."""
        self._is_wanted = False

    @property
    def is_connected(self) -> bool:
        """Whether the handler knows of a connection to at least one broker."""
        return self._is_told

    def connect(self) -> None:
        """Start to connect to each broker."""
        if self._is_wanted:
            return
        self._is_wanted = True
        for part in self._parts:
            part.connect()

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
        """Send a message to the broker of its car; one that is about no car goes to all of them."""
        own = self._of_its_car(topic)
        for part in self._parts if own is None else (own,):
            part.link.publish(
                topic, payload, qos=qos, retain=retain, properties=properties, on_ack=on_ack
            )

    def acknowledge(self, *messages: Message) -> None:
        """Send each PUBACK by the link that its message came by."""
        for message in messages:
            link = self._came_by.pop(id(message), None)
            if link is not None:
                link.acknowledge(message)

    def disconnect(self) -> None:
        """Disconnect from each broker."""
        self._close_parts(Link.disconnect)

    def abort(self) -> None:
        """Drop each connection."""
        self._close_parts(Link.abort)

    def leave_behind(self) -> None:
        """Forget each connection without a word."""
        self._close_parts(Link.leave_behind)

    def freeze(self) -> None:
        """Fall silent towards each."""
        for part in self._parts:
            part.link.freeze()

    def thaw(self) -> None:
        """Undo `freeze`."""
        for part in self._parts:
            part.link.thaw()

    def _close_parts(self, how: Callable[[Link], None]) -> None:
        self._is_wanted = self._is_told = False
        self._came_by.clear()
        for part in self._parts:
            part.end_for_good(how)

    def _of_its_car(self, topic: str) -> _BrokerLink | None:
        """Return the link to the broker of the car in a topic; None if it names no car."""
        try:
            vehicle_id = self._vehicle_of(topic)
        except RemoteProtocolError:
            return None
        return self._parts[broker_of(vehicle_id, len(self._parts))] if vehicle_id else None

    # Callbacks of the links

    def session(self) -> Session:
        """Return what to say to each broker."""
        return self._handler.session()

    def is_left_over(self, message: Message, part: _BrokerLink) -> bool:
        """Return whether a retained message, or its removal, concerns a car of another broker.

        A live message (neither retained nor empty) is valid on every broker.
        """
        if message.payload and not message.retain:
            return False
        own = self._of_its_car(message.topic)
        is_it = own is not None and own is not part
        if is_it and self._on_left_over is not None:
            self._on_left_over(part.broker, message)
        return is_it

    def note_came(self, messages: Sequence[Message], link: Link) -> None:
        """Note by which link messages have come, so that it acknowledges them."""
        for message in messages:
            if message.qos:
                self._came_by[id(message)] = link

    def broker_is_there(self, part: _BrokerLink) -> None:
        """Record that a broker has answered."""
        if self._is_told:
            self._report_broker(part, None)
        else:
            self._begin_if_all_settled()

    def broker_is_away(self, part: _BrokerLink, reason: Disconnected) -> None:
        """Record that a connection has ended, or could not be made."""
        if not any(each.link.is_connected for each in self._parts):
            if self._is_told or self._are_all_settled:
                self._close_parts(Link.abort)
                self._handler.on_disconnected(reason)
        elif self._is_told:
            self._report_broker(part, reason)
        else:
            self._begin_if_all_settled()

    @property
    def _are_all_settled(self) -> bool:
        return all(part.is_settled for part in self._parts)

    def _begin_if_all_settled(self) -> None:
        """Report the connection to the handler once each broker has answered or failed."""
        if not self._are_all_settled:
            return
        self._is_told = True
        for part in self._parts:
            self._report_broker(part, part.last_end)
        connected = [part for part in self._parts if part.link.is_connected]
        self._handler.on_connected(session_present=all(part.session_present for part in connected))

    def _report_broker(self, part: _BrokerLink, reason: Disconnected | None) -> None:
        if self._on_broker is not None:
            self._on_broker(part.broker, reason)


class _BrokerLink:
    """The way to one of the brokers, a link after the other. Implements `LinkHandler`."""

    def __init__(
        self,
        whole: SeveralLinks,
        handler: LinkHandler,
        broker: BrokerAddress,
        make: LinkFactory,
        within: AbstractContextManager[object, None],
    ) -> None:
        self._whole = whole
        self._handler = handler
        self.broker = broker
        self._make = make
        self._within = within
        self.link = make(self)
        self.is_settled = False
        """Whether it has answered, or failed, since it was wanted."""
        self.session_present = False
        self.last_end: Disconnected | None = None
        self._retries = Retries(RECONNECT, RandomStream.named(0, f"several/{broker}"))
        self._again: asyncio.TimerHandle | None = None

    def connect(self) -> None:
        """Connect now, and again after each end until `end`."""
        self.is_settled = False
        self.link.connect()

    def end_for_good(self, how: Callable[[Link], None]) -> None:
        """End it in some way, and do not connect again."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        how(self.link)

    def session(self) -> Session:
        """Return what to say in CONNECT."""
        return self._whole.session()

    def on_connected(self, *, session_present: bool) -> None:
        """Report that this broker is connected."""
        self.is_settled, self.session_present = True, session_present
        self.last_end = None
        self._retries.succeed()
        self._whole.broker_is_there(self)

    def on_message(self, message: Message) -> None:
        """Hand a message on."""
        if self._whole.is_left_over(message, self):
            self.link.acknowledge(message)
            return
        self._whole.note_came((message,), self.link)
        self._handler.on_message(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Try again after a while; what the old link still held is dropped with it."""
        self.is_settled, self.last_end = True, reason
        loop = asyncio.get_running_loop()
        self._again = loop.call_later(self._retries.next_s(), self._connect_again)
        self._whole.broker_is_away(self, reason)

    def _connect_again(self) -> None:
        self._again = None
        with self._within:
            self.link = self._make(self)
            self.link.connect()


class _PartOfSeveral(_BrokerLink, HandlerOfSeveral):
    """The same for a handler that takes messages that come together at once."""

    def on_messages(self, messages: Sequence[Message]) -> None:
        """Hand messages on together."""
        aside: list[Message] = []
        kept: list[Message] = []
        for message in messages:
            (aside if self._whole.is_left_over(message, self) else kept).append(message)
        self.link.acknowledge(*aside)
        if kept:
            self._whole.note_came(kept, self.link)
            assert isinstance(self._handler, HandlerOfSeveral)  # noqa: S101 - see `SeveralLinks`
            self._handler.on_messages(kept)
