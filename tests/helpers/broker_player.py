"""Plays transcripts of the broker model: what clients and the broker do, and what clients get."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from fleet_sim.broker.model.broker import HOP_S, BrokerLimits, ConnectLimit
from fleet_wire.errors import LocalProtocolError
from fleet_wire.links.link import (
    Disconnected,
    LinkLimits,
    Message,
    PublishProperties,
    Session,
    Will,
)
from tests.helpers.broker_place import Place
from tests.helpers.recorder import Recorder
from tests.helpers.transcripts import Player, as_arguments, by_moment

OF_LINK = {each.name for each in fields(LinkLimits)}
OF_PROPERTIES = PublishProperties.__struct_fields__
DEEDS = ("abort", "disconnect", "freeze", "leave_behind", "thaw")


@dataclass
class BrokerPlayer(Player):
    """A broker in virtual time.

    `connected` makes a client and connects it, `client` makes one that is away. `connect` waits
    until it has, and `ask` does not.

    Clients acknowledge what they get, but for those that `withhold` it. What a client publishes
    with `acked=yes` says its PUBACK. A will is `will='TOPIC PAYLOAD delay_s=1'`.
    """

    place: Place = field(default_factory=Place)
    clients: dict[str, Recorder] = field(default_factory=dict)
    told: list[tuple[float, str]] = field(default_factory=list)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            **{deed: self._deed(deed) for deed in DEEDS},
            "connect": lambda name: self.place.connect(self.clients[name]),
            "limit": lambda per_s: setattr(self.place.broker, "connect_limit", ConnectLimit(per_s)),
            "set": lambda name, value: setattr(self.place.broker, name, value),
            "wait": self.place.time.run_for,
        }

    def news(self) -> list[str]:
        """Return what came since it was asked last, a line for each moment."""
        happened, self.told = self.told, []
        return [f"{at_s:g} s: {'; '.join(whats)}" for at_s, whats in by_moment(happened)]

    def tell(self, what: str) -> None:
        """Keep what a client got, with when."""
        self.told.append((round(self.place.time.now_s(), 4), what))

    def _deed(self, deed: str) -> Callable[[str], None]:
        return lambda name: getattr(self.clients[name].link, deed)()

    def _do_place(self, *, hop: float = HOP_S, **limits: Any) -> None:
        self.place = Place(limits=BrokerLimits(**limits), hop_s=hop)

    def _do_client(self, name: str, *filters: str, id: str | None = None, **more: Any) -> None:  # noqa: A002
        if will := more.get("will"):
            (topic, *payload), changes = as_arguments(shlex.split(will))
            more["will"] = Will(topic, "".join(map(str, payload)).encode(), **changes)
        limits = {key: more.pop(key) for key in OF_LINK & more.keys()}
        session = Session(name if id is None else id, filters, **more)

        self.clients[name] = ToldRecorder(
            lambda handler: self.place.broker.link(handler, LinkLimits(**limits)),
            session,
            lambda what: self.tell(f"{name} {what}"),
        )

    def _do_connected(self, name: str, *filters: str, **more: Any) -> None:
        self._do_client(name, *filters, **more)
        self.place.connect(self.clients[name])
        told = (round(self.place.time.now_s(), 4), f"{name} connects")
        self.told = [each for each in self.told if each != told]

    def _do_ask(self, name: str) -> None:
        """Begin to connect, and do not wait for it."""
        self.clients[name].link.connect()

    def _do_storm(self, count: int, **more: Any) -> None:
        """Let clients begin to connect at once."""
        for name in (f"car-{number}" for number in range(count)):
            self._do_client(name, **more)
            self._do_ask(name)

    def _do_broker(self, deed: str) -> None:
        getattr(self.place.broker, deed)()

    def _do_deny(self, right: str, client_id: str, topic: str | None = None) -> None:
        """Deny a client to `publish` to a topic, or to `subscribe` to it; None: to any."""
        setattr(
            self.place.broker,
            f"may_{right}",
            lambda who, what: who != client_id or topic not in (None, what),
        )

    def _do_publish(
        self, name: str, topic: str, payload: object = "", *, acked: bool = False, **more: Any
    ) -> None:
        its = {key: more.pop(key) for key in list(more) if key in OF_PROPERTIES}
        if "correlation_data" in its:
            its["correlation_data"] = str(its["correlation_data"]).encode()
        if acked:
            more["on_ack"] = lambda code: self.tell(f"{name} acked {code}")
        properties = PublishProperties(**its) if its else None
        try:
            self.clients[name].link.publish(
                topic, str(payload).encode(), properties=properties, **more
            )
        except LocalProtocolError as error:
            self.tell(f"{name} may not: {error}")

    def _do_say(self, name: str, *filters: str, **session: Any) -> None:
        self.clients[name].say(subscriptions=filters, **session)

    def _do_withhold(self, name: str) -> None:
        self.clients[name].acknowledges = False

    def _do_dropped(self) -> None:
        broker = self.place.broker
        counts = " ".join(f"{name} {count}" for name, count in broker.router.dropped.items())
        self.tell(f"dropped {counts or 'nothing'}, {broker.qos0_dropped} not sent")


class ToldRecorder(Recorder):
    """A recorder that says at once what came."""

    def __init__(self, make_link: Any, session: Session, tell: Callable[[str], None]) -> None:
        self._tell = tell
        super().__init__(make_link, session)

    def on_connected(self, *, session_present: bool) -> None:
        """Say it."""
        super().on_connected(session_present=session_present)
        self._tell("resumes" if session_present else "connects")

    def on_message(self, message: Message) -> None:
        """Say it with what is unusual of it."""
        marks = [
            *(["retained"] if message.retain else []),
            *(["again"] if message.duplicate else []),
            *([f"qos {message.qos}"] if message.qos != 1 else []),
            *([f"expires in {message.expiry_s} s"] if message.expiry_s is not None else []),
            *([f"of {message.correlation_data.decode()}"] if message.correlation_data else []),
        ]
        said = f" ({', '.join(marks)})" if marks else ""
        self._tell(f"gets {message.topic} {message.payload.decode() or '-'}{said}")
        super().on_message(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Say why."""
        super().on_disconnected(reason)
        code = "" if reason.code is None else f" {reason.code}"
        self._tell(f"ends, {reason.why}{code}: {reason.detail}")
