"""A program that plays a busy story on the broker model, and prints what its clients see."""

from __future__ import annotations

import sys

from fleet_sim.broker.model.broker import BrokerModel
from fleet_wire.links.link import Session, Will
from fleet_wire.randomness import RandomStream
from tests.helpers.broker_player import ToldRecorder
from tests.helpers.virtual_scheduler import VirtualScheduler


def teller(broker: BrokerModel, time: VirtualScheduler, name: str) -> ToldRecorder:
    """Return a client that prints each of its callbacks, with exact, wild and shared filters."""

    def tell(what: str) -> None:
        sys.stdout.write(f"{time.now_s()!r} {name} {what}\n")

    filters = (f"to/{name}", "all/#", "$share/group/work")
    will = Will("all/wills", name.encode(), delay_s=1)
    session = Session(name, filters, session_expiry_s=20, keepalive_s=4, will=will)
    return ToldRecorder(broker.link, session, tell)


def main() -> None:
    """Play the story."""
    draws = RandomStream.named(7, "story")
    time = VirtualScheduler()
    broker = BrokerModel(time, hop=lambda: 0.001 * draws.uniform())
    tellers = [teller(broker, time, f"client-{number}") for number in range(8)]
    for step in range(300):
        link = tellers[int(draws.uniform() * len(tellers))].link
        topic = ("all/here", "work", "to/client-3", "nobody")[int(draws.uniform() * 4)]
        link.publish(topic, b"%d" % step, retain=draws.uniform() < 0.1)
        verbs = (link.connect, link.connect, link.connect, link.abort, link.freeze, link.thaw)
        verbs[int(draws.uniform() * len(verbs))]()
        time.run_for(draws.uniform())


if __name__ == "__main__":
    main()
