"""A program that plays a busy story on the broker model, and prints what its clients see."""

from __future__ import annotations

import sys

from fleet_sim.broker.model.broker import BrokerModel
from fleet_wire.links.link import Disconnected, Message, Session, Will
from fleet_wire.randomness import RandomStream
from tests.helpers.virtual_scheduler import VirtualScheduler


class Teller:
    """A client that prints each of its callbacks."""

    def __init__(self, broker: BrokerModel, time: VirtualScheduler, name: str) -> None:
        self._time = time
        self._name = name
        self.link = broker.link(self)

    def _tell(self, *words: object) -> None:
        sys.stdout.write(f"{self._time.now_s()!r} {self._name} {words}\n")

    def session(self) -> Session:
        """Return a session with exact, wild and shared filters."""
        filters = (f"to/{self._name}", "all/#", "$share/group/work")
        will = Will("all/wills", self._name.encode(), delay_s=1)
        return Session(self._name, filters, session_expiry_s=20, keepalive_s=4, will=will)

    def on_connected(self, *, session_present: bool) -> None:
        """Tell it."""
        self._tell("connected", session_present)

    def on_message(self, message: Message) -> None:
        """Tell and acknowledge it."""
        self._tell(message.topic, message.payload, message.duplicate)
        self.link.acknowledge(message)

    def on_disconnected(self, reason: Disconnected) -> None:
        """Tell it."""
        self._tell(reason.why, reason.code)


def main() -> None:
    """Play the story."""
    draws = RandomStream.named(7, "story")
    time = VirtualScheduler()
    broker = BrokerModel(time, hop=lambda: 0.001 * draws.uniform())
    tellers = [Teller(broker, time, f"client-{number}") for number in range(8)]
    for step in range(300):
        teller = tellers[int(draws.uniform() * len(tellers))]
        link = teller.link
        topic = ("all/here", "work", "to/client-3", "nobody")[int(draws.uniform() * 4)]
        link.publish(topic, b"%d" % step, retain=draws.uniform() < 0.1)
        verbs = (link.connect, link.connect, link.connect, link.abort, link.freeze, link.thaw)
        verbs[int(draws.uniform() * len(verbs))]()
        time.run_for(draws.uniform())


if __name__ == "__main__":
    main()
