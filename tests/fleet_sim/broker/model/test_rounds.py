"""The broker model: heartbeats by routine go together, or as messages where that shows."""

from __future__ import annotations

import pytest

from fleet_sim.broker.model.broker import HOP_S
from fleet_sim.broker.model.link import ModelLink
from fleet_sim.heartbeats import Member, Routine
from tests.helpers.broker_place import Place
from tests.helpers.recorder import Recorder
from tests.helpers.routine_car import Car

HEARTBEATS = "cars/+/telemetry"
KEEPALIVE_S = 10


class Fleet:
    """Two clients that send heartbeats by routine, and one that hears them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.packets = 0
        """How many packets carried the last round, pings aside."""
        self.monitor = place.connected("monitor", HEARTBEATS)
        self.routine = Routine(300.0, lambda: None)
        self.clients = [self._boxed(name) for name in ("a", "b")]
        self.monitor.messages.clear()

    def _boxed(self, name: str) -> Recorder:
        client = self.place.connected(name, keepalive_s=KEEPALIVE_S)
        assert isinstance(client.link, ModelLink)
        number = len(self.routine.members)
        member = Member(self.routine, number, Car(name))
        client.link.offer(member.topic, b"{}", member)
        self.place.time.run_for(1.0)
        assert member.is_in
        return client

    def beat(self) -> list[str]:
        """Send a round; return the topics of the messages that come of it."""
        self.monitor.messages.clear()
        before = self.place.broker.transport._sent
        self.place.broker.send_round(self.routine.send(self.place.time.now_s()))
        self.place.time.run_for(1.0)
        self.packets = self.place.broker.transport._sent - before
        return [message.topic for message in self.monitor.messages]


@pytest.fixture
def fleet(place: Place) -> Fleet:
    """Return one whose clients have joined."""
    return Fleet(place)


BOTH = ["cars/a/telemetry", "cars/b/telemetry"]


def test_a_round_comes_whole_to_the_only_one_who_hears_heartbeats(fleet: Fleet) -> None:
    """Two packets carry it, up and down, whoever subscribes to other topics."""
    fleet.place.connected("platform", "cars/+/state", "cars/a/command")
    assert fleet.beat() == BOTH
    assert fleet.packets == 2


def test_others_who_hear_a_heartbeat_get_it(fleet: Fleet) -> None:
    """Then each comes as a message, to everybody whom it concerns."""
    spy = fleet.place.connected("spy", "cars/b/#")
    assert fleet.beat() == BOTH
    assert [message.topic for message in spy.messages] == BOTH[1:]
    assert fleet.packets == 4


def test_access_rules_are_asked_for_each_heartbeat(fleet: Fleet) -> None:
    """Both for who may send and for who may hear."""
    fleet.place.broker.may_publish = lambda client_id, _topic: client_id != "a"
    assert fleet.beat() == BOTH[1:]
    fleet.place.broker.may_publish = None
    fleet.place.broker.may_read = lambda _client_id, topic: topic != BOTH[1]
    assert fleet.beat() == BOTH[:1]


def test_nobody_hears_while_nobody_is_there(fleet: Fleet) -> None:
    """QoS 0: what was sent meanwhile does not come later."""
    fleet.monitor.link.abort()
    assert fleet.beat() == []
    fleet.place.connect(fleet.monitor)
    fleet.place.time.run_for(1.0)
    assert fleet.monitor.messages == []


@pytest.mark.parametrize("how", ["disconnect", "abort", "leave_behind", "freeze"])
def test_who_goes_or_falls_silent_is_in_no_round(fleet: Fleet, how: str) -> None:
    """At once, and one that was on its way still has it, if the broker had it before the end."""
    fleet.beat()
    getattr(fleet.clients[0].link, how)()
    assert list(fleet.routine.members) == [1]
    assert fleet.beat() == BOTH[1:]


def test_a_round_counts_for_the_keepalive(fleet: Fleet) -> None:
    """The broker gives a silent client up 1.5 keepalives after its last heartbeat."""
    fleet.place.time.run_for(60.5 - fleet.place.time.now_s())
    fleet.beat()  # and pings at 69.5, 78.5 ...
    fleet.clients[0].link.leave_behind()
    fleet.place.time.run_for(KEEPALIVE_S * 1.5 - 1.5)
    assert fleet.place.broker._sessions["a"].connection is not None
    fleet.place.time.run_for(1.5)
    session = fleet.place.broker._sessions.get("a")
    assert session is None or session.connection is None


def test_a_broker_that_stops_has_had_what_had_come(fleet: Fleet) -> None:
    """And nothing of what comes up afterwards."""
    fleet.place.broker.send_round(fleet.routine.send(fleet.place.time.now_s()))
    fleet.place.time.run_for(HOP_S / 2)
    fleet.place.broker.stop()
    fleet.place.time.run_for(1.0)
    assert (fleet.routine.members, fleet.monitor.messages) == ({}, [])
