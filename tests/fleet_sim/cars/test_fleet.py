"""The fleet: heartbeats shared by one alarm clock, and the SMS centre."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pytest
import simpy

from fleet_sim.cars.box import Box
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.power import PowerControl
from fleet_sim.cars.spec import NULL_CAR, CarSpec
from fleet_sim.cars.world import FleetCounts, ModelEnvironment, World
from fleet_sim.scenario.form import Group
from fleet_wire.contract import codec
from fleet_wire.contract.messages import WakeRequest
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Disconnected, EndReason, Message
from tests.helpers.fake_link import SECRET, FakeLink
from tests.helpers.messages import message_of


def fleet_of(
    count: int,
    parameters: BoxParameters,
    *,
    connects: bool = True,
    beside: Iterable[CarSpec] = (),
    **world: Any,
) -> tuple[simpy.Environment, Fleet, dict[str, FakeLink]]:
    """Return a started fleet on fake links, by client id."""
    env = ModelEnvironment()
    links = partial(FakeLink, connects_at_once=connects)
    cars = Group(name="test", count=count, box=parameters).cars()
    fleet = Fleet(
        World(env, 1, SECRET, 0.0, links, **world), cars, sms_centre="sms", beside=[*beside]
    )
    fleet.start()
    by_id: dict[str, Any] = {name: box.modem.connection.link for name, box in fleet.boxes.items()}
    return env, fleet, {**by_id, "sms": cast("FakeLink", fleet.sms_centre.client.link)}


def test_a_box_beside_the_fleet_is_no_car_without_connection() -> None:
    """A null box has a connection of its own, of which the fleet's health says nothing."""
    told: list[str] = []
    _, fleet, links = fleet_of(
        1,
        NULL_BOX,
        connects=False,
        beside=[NULL_CAR],
        on_no_connection=lambda vehicle_id, _: told.append(vehicle_id),
    )
    assert fleet.sms_centre.client.last_end is None
    for vehicle_id in fleet.boxes:
        links[vehicle_id].lose()
    assert told == ["test-00000"]


def test_a_box_beside_the_fleet_is_in_no_count() -> None:
    """It serves as the others do, and nobody has to take it off."""
    _, fleet, _ = fleet_of(3, NULL_BOX, beside=[NULL_CAR])
    counts = fleet.world.counts
    assert fleet.boxes[NULL_CAR.vehicle_id].modem.connection.is_reachable
    assert (counts.known, counts.reachable, counts.reachable_max) == (3, 3, 3)


def beats(links: dict[str, FakeLink]) -> dict[str, int]:
    """Return how many heartbeats each box of a fleet has sent."""
    return {
        name: sum(kind is TopicKind.TELEMETRY for kind, _ in link.sent)
        for name, link in links.items()
        if name != "sms"
    }


def test_a_defect_of_one_box_keeps_no_other_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it shows when the box starts, or at one of its heartbeats."""
    start, heartbeat = PowerControl.start, Box.heartbeat

    def start_but_one(power: PowerControl) -> None:
        if power._box.spec.vehicle_id == "test-00000":
            raise ValueError("no start")
        start(power)

    def beat_but_one(box: Box) -> None:
        if box.vehicle_id == "test-00001":
            raise ValueError("no heartbeat")
        heartbeat(box)

    monkeypatch.setattr(PowerControl, "start", start_but_one)
    monkeypatch.setattr(Box, "heartbeat", beat_but_one)
    env, fleet, links = fleet_of(4, NULL_BOX.model_copy(update={"heartbeat_s": 10.0}))
    env.run(until=20.5)
    assert [*beats(links).values()] == [0, 0, 2, 2]
    assert fleet.world.defects.count == 3


def test_a_box_may_beat_more_often_than_once_a_second() -> None:
    """As a scenario may ask for, to load a broker."""
    env, _, links = fleet_of(1, NULL_BOX.model_copy(update={"heartbeat_s": 0.25}))
    env.run(until=2.01)
    assert [*beats(links).values()] == [8]


def wake(vehicle_id: str, payload: bytes | None = None) -> Message:
    """Return a wake request as the broker delivers it."""
    request = codec.encode(WakeRequest(request_id="w1", requested_at_ms=0))
    return message_of(f"wake/{vehicle_id}", payload or request)


def test_a_wake_request_becomes_an_sms() -> None:
    """The box wakes; an unknown car, a bad topic and bad bytes harm nobody."""
    parameters = NULL_BOX.model_copy(
        update={"asleep_share": 1.0, "sms_loss": 0.0, "sms_wake": Uniform(base_s=1.0)}
    )
    env, fleet, links = fleet_of(1, parameters)
    env.run(until=5)
    box = next(iter(fleet.boxes.values()))
    assert [box.power.state] == [Power.ASLEEP]
    centre = links["sms"].handler
    requests = [
        wake("nobody"),
        wake(box.vehicle_id, b"\x00"),
        wake("bad/topic"),
        wake(box.vehicle_id),
    ]
    for request in requests[:3]:
        centre.on_message(request)
    assert fleet.world.counts.malformed == 2
    centre.on_message(requests[3])
    env.run(until=10)
    assert [box.power.state] == [Power.AWAKE]
    assert links["sms"].acknowledged == requests


def test_the_sms_centre_asks_for_every_wake_request_from_now_on() -> None:
    """Under the name that it was given; what was asked for while it was away is worthless."""
    env, fleet, links = fleet_of(1, NULL_BOX)
    (session,) = links["sms"].sessions
    assert (session.client_id, session.subscriptions) == ("sms", ("wake/+",))
    assert (session.clean_start, session.keepalive_s) == (True, 30)
    links["sms"].lose(EndReason.REFUSED)
    end = fleet.sms_centre.client.last_end
    assert end is not None
    assert end.why is EndReason.REFUSED
    env.run(until=10)
    links["sms"].lose(EndReason.REFUSED)
    fleet.sms_centre.client.leave()
    env.run(until=20)
    assert links["sms"].calls == ["connect", "connect", "disconnect"]


def test_counts_of_other_processes_are_added() -> None:
    """The end that this process saw last is told before theirs."""
    end = Disconnected(EndReason.REFUSED)
    theirs = FleetCounts(1, 2, 3, 4, 5, 6, 7, 8, 9, end, "car-1")
    ours = replace(theirs, last_end=None, last_end_of="")
    ours.add(theirs, are_there=True)
    ours.add(replace(theirs, last_end_of="car-2"), are_there=False)
    assert ours == FleetCounts(2, 6, 9, 8, 15, 18, 21, 24, 27, end, "car-1")
