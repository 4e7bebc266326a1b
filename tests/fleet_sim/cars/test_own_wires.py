"""Boxes of other fleets: what their firmware does with late commands, and with the same one twice.

The same happens to a box of the contract and to one with OVMS firmware, and what comes of it
differs by what the wire can say.
"""

from __future__ import annotations

from functools import partial

import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_sim.cars.box import Box
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import PUBACK
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.world import FleetCounts
from fleet_sim.runs.virtual.time import VirtualClock
from fleet_wire.contract.attempt import Source
from fleet_wire.contract.signing import DEMO_SECRET, vehicle_key
from fleet_wire.links.link import Session
from fleet_wire.profiles.loading import load_profile
from platform_probe.measure.doors.mqtt import CommandMaker
from tests.helpers.culprit import Suspect
from tests.helpers.fleet_places import CARS, VirtualPlace
from tests.helpers.profile_files import profile_of
from tests.helpers.recorder import Recorder

CAR = CARS[0]
LIFE_S = 10.0
PROFILES = {
    "native": load_profile("native"),
    "ovms": load_profile("ovms"),
    "two-topics": profile_of(TWO_TOPICS),
}


class Story:
    """A few cars that are there, and a platform that sends commands to the first."""

    def __init__(self, name: str, parameters: BoxParameters = NULL_BOX) -> None:
        profile = PROFILES[name]
        self.place = VirtualPlace(profile, parameters)
        broker = self.place.broker
        link = partial(broker.link, protocol=profile.traits.mqtt)
        self._platform = Recorder(link, Session("platform"))
        self._platform.link.connect()
        self.place.let_pass(2.0)
        self._maker = CommandMaker(
            seed=1,
            client_id="platform",
            key_of=partial(vehicle_key, DEMO_SECRET),
            ttl_s=LIFE_S,
            clock=VirtualClock(self.place.env),
            profile=profile,
        )

    @property
    def box(self) -> Box:
        """The first car's."""
        return self.place.fleet.boxes[CAR]

    @property
    def counts(self) -> FleetCounts:
        """What the boxes have done."""
        return self.place.fleet.world.counts

    def unlock(self) -> str:
        """Send a command, and return its id."""
        sent = self._maker.unlock(CAR, source=Source.CUSTOMER, intended_s=self.place.env.now)
        self._platform.link.publish(sent.topic, sent.payload, properties=sent.properties)
        return sent.start.command_id

    def reconnect(self) -> None:
        """Let the box lose its connection without a word, and come back."""
        self.box.modem.connection.crash()
        self.box.modem.dialler.boot()
        self.place.let_pass(2.0)
        assert self.box.modem.connection.is_up


@pytest.mark.parametrize(("name", "times"), [("native", 1), ("two-topics", 2), ("ovms", 2)])
def test_a_command_whose_puback_is_lost_comes_twice(name: str, times: int) -> None:
    """The broker sends it again on the next connection, and who does not look at ids obeys."""
    story = Story(name)
    with story.box.set_action(PUBACK, lambda _usual, _message: False, by=Suspect()):
        story.unlock()
        story.place.let_pass(1.0)
        assert story.counts.executed == 1
    story.reconnect()
    assert story.counts.executed == times
    assert story.counts.redelivered == 2 - times


@pytest.mark.parametrize(("name", "executed"), [("native", 1), ("ovms", 2)])
def test_two_commands_at_once(name: str, executed: int) -> None:
    """A box of the contract is busy with the first; OVMS's shell does one after the other."""
    slow = NULL_BOX.model_copy(update={"processing": Uniform(base_s=1.0)})
    story = Story(name, slow)
    story.unlock()
    story.unlock()
    story.place.let_pass(5.0)
    assert (story.counts.executed, story.counts.refused) == (executed, 2 - executed)


def test_a_crash_forgets_what_waited() -> None:
    """What came while the box worked is lost with its memory: the broker has its PUBACK.

    Once it is back it has a memory again.
    """
    slow = NULL_BOX.model_copy(update={"processing": Uniform(base_s=1.0)})
    story = Story("ovms", slow)
    story.unlock()
    story.unlock()
    story.place.let_pass(0.5)
    story.box.reset()
    story.place.let_pass(5.0)
    assert story.counts.executed == 0
    story.reconnect()
    story.unlock()
    story.unlock()
    story.place.let_pass(5.0)
    assert story.counts.executed == 2


def test_lines_that_are_not_about_the_locks_are_nobodys() -> None:
    """An OVMS box is asked for much else; what is no command of ours is no malformed one."""
    story = Story("ovms")
    topic = f"ovms/demo/{CAR}/client/phone/command/1"
    for payload in (b"stat", b"unlock 1234"):
        story._platform.link.publish(topic, payload)
    story.place.let_pass(1.0)
    assert (story.counts.commands, story.counts.malformed) == (1, 0)
