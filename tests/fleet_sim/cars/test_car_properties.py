"""Whatever is done to a car in whatever order: it breaks nothing for good, and somebody is told."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_sim.cars.box import Box
from fleet_sim.cars.box_states import ConnectionState, Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import Culprit
from fleet_sim.cars.parameters import NULL_BOX, Refusal
from fleet_sim.cars.uplink import Uplink
from fleet_sim.cars.vehicle import POSITION_REFRESH_S, Door, Gear
from fleet_wire.contract import codec
from fleet_wire.contract.messages import VehicleState
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.profiles.profile import Packet
from tests.helpers.car_words import FAILPOINTS, begin_on_car
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import EPOCH_S
from tests.helpers.faulty import Street
from tests.helpers.random_scenarios import nothing_logged_as_error

BUSY_BOX = NULL_BOX.model_copy(
    update={
        "reconnect": ReconnectPolicy(full_jitter=False, base_s=4.0, jitter_s=0.0),
        "refusals": (Refusal(codes=(135,), retry_s=6.0),),
        "network_loss_s": 12.0,
        "network_stable": Uniform(base_s=3.0),
        "reboot": Uniform(base_s=8.0),
        "boot": Uniform(base_s=5.0),
        "modem_resume": Uniform(base_s=2.0),
        "sms_loss": 0.0,
        "sms_wake": Uniform(base_s=1.0),
        "awake_after_wake_s": 30.0,
        "actuation": Uniform(base_s=1.5),
        "can_wake": Uniform(base_s=0.5),
        "relock_after_s": 10.0,
        "keepalive_s": 5,
        "connect_round_trips": 20,
        "radio": NULL_BOX.radio.model_copy(update={"connected_rtt": Uniform(base_s=0.1)}),
        "keeps_time": False,
        "clock_sync": Uniform(base_s=5.0),
        "needs_time_for_tls": True,
    }
)
"""Connections come and go at half seconds or soon after: not as somebody looks."""
BEGINS_S = 20.0
LOOKS_AT_S = 0.25
EVERY_S = 0.5
HEALED_S = 400.0
"""Longer than any of it lasts."""

VALUES: dict[str, tuple[Any, ...]] = {
    "dial": (0, 3, None),
    "connack": (None, 9),
    "bad_certificate": (None, 9),
    "suback": (None,),
    "reconnect": (15,),
    "uplink": (None, 2),
    "downlink": (None, 2),
    "puback": (False,),
    "sms": (None, 20),
    "resume": (0, 15),
    "busy": (True, False),
    "deduplication": (False,),
    "clock": (0, EPOCH_S + 40.0, 3 * EPOCH_S),
    "objection": (None, "expired"),
    "acceptance": (False,),
    "can_wake": (None, 6),
    "actuation": (False,),
    "stated": (True, False),
    "result": (None,),
    "relock": (None, 1),
}
"""The values that an action may return at each failpoint."""

Lasting = Callable[[Box, Culprit], AbstractContextManager[object]]
Sudden = Callable[[Box, Culprit], object]


@contextmanager
def with_load(box: Box, by: Culprit) -> Iterator[None]:
    """Draw 2 V: twice that is too much for the lock."""
    with box.vehicle.load(by=by) as load:
        box.vehicle.draw(load, 2.0)
        yield


def begins(what: str, *values: Any, **state: Any) -> Lasting:
    """Return what begins a condition of a car, or an action at a failpoint."""
    return lambda box, by: begin_on_car(box, what, *values, by=by, **state)


LASTING: dict[str, Lasting] = {
    **{what: begins(what) for what in ("garage", "cut", "off", "immobiliser")},
    "attenuation": begins("attenuation", 20.0),
    "stuck": begins("stuck", "driver", "trunk"),
    "ajar": begins("ajar", "passenger"),
    "ignition": begins("state", is_ignition_on=True),
    "gear": begins("state", gear=Gear.DRIVE),
    "position": lambda box, by: box.vehicle.without_position(-5000.0, by=by),
    "load": with_load,
    **{
        f"{failpoint} {number}": begins(failpoint, value)
        for failpoint, values in VALUES.items()
        for number, value in enumerate(values)
    },
}


def sleep_deeply(box: Box, by: Culprit) -> None:
    """Switch the modem off for 7 s, when the box has nothing to do."""
    if not box.is_busy:
        box.power.sleep_deeply(7.0, by=by)


SUDDEN: dict[str, Sudden] = {
    "nat": lambda box, by: box.modem.bearer.lose_nat_entry(6.0, by=by),
    "connection": lambda box, by: box.modem.dialler.drop_connection(by=by),
    "reboot": lambda box, by: box.power.reboot(by=by),
    "deep sleep": sleep_deeply,
    "sms": lambda box, _by: box.send_sms(),
    "heartbeat": lambda box, _by: box.heartbeat(),
}
HALVES_S = st.integers(0, 80).map(lambda halves: halves / 2)
KINDS = st.lists(st.sampled_from([*LASTING, *SUDDEN]), min_size=1, max_size=5, unique=True)


def deeds_of(kinds: list[str]) -> st.SearchStrategy[list[tuple[str, float, float]]]:
    """Return what may be done to a car: of a few kinds, so that they meet."""
    deed = st.tuples(st.sampled_from([*kinds, "unlock"]), HALVES_S, HALVES_S)
    return st.lists(deed, min_size=1, max_size=14)


def test_every_failpoint_is_acted_on() -> None:
    """A new one has to be added above."""
    assert VALUES.keys() == FAILPOINTS.keys()


def do_all(street: Street, deeds: list[tuple[str, float, float]], by: Suspect) -> None:
    """Do to the first car what is to be done, each deed at its time."""
    (box,) = street.boxes

    def do(
        number: int, what: str, at_s: float, lasts_s: float
    ) -> Generator[simpy.Event, Any, None]:
        yield street.env.timeout(at_s)
        if what == "unlock":
            street.unlock(f"c{number}")
        elif what in SUDDEN:
            SUDDEN[what](box, by)
        else:
            with LASTING[what](box, by):
                yield street.env.timeout(lasts_s)

    for number, deed in enumerate(deeds):
        street.env.process(do(number, *deed))


def watched(street: Street, *, sleeps: bool) -> list[float]:
    """Let time pass until all is over, and return when the car could not be reached, but should.

    One that sleeps need not be, nor while it wakes up and connects.
    """
    (box,) = street.boxes
    unreachable_at_s = []
    while street.env.now < BEGINS_S + HEALED_S:
        street.let_pass(EVERY_S)
        assert street.world.counts.reachable == box.modem.connection.is_reachable
        assert box.modem.connection.has_coverage or not box.modem.connection.is_reachable
        comes = sleeps and box.modem.connection.state is ConnectionState.CONNECTING
        sleeps_on = box.power.state in (Power.ASLEEP, Power.WAKING)
        if not (box.modem.connection.is_reachable or comes or sleeps_on):
            unreachable_at_s.append(street.env.now)
    return unreachable_at_s


def heal(street: Street) -> None:
    """Give the car what no time gives it: a boot where it has given up; wake it.

    Its doors are shut by now: locking it ends what they have left open.
    """
    (box,) = street.boxes
    box.vehicle.move_lock(street.env.now, to_locked=True)
    if not box.modem.connection.is_reachable and not box.is_asleep:
        box.power.reboot(by=Suspect())
    street.let_pass(60.0)
    if box.is_asleep:
        box.send_sms()
    street.let_pass(20.0)


@settings(max_examples=100, deadline=None)
@given(KINDS.flatmap(deeds_of), st.booleans())
def test_whatever_is_done_to_a_car_is_undone_and_told(
    deeds: list[tuple[str, float, float]],
    sleeps: bool,  # noqa: FBT001
) -> None:
    """No exception and no step that the tables do not have; the count of reachable cars is right.

    A car that is awake and cannot be reached is always somebody's doing. When all is over and the
    car is woken, it opens as if nothing had been.
    """
    parameters = BUSY_BOX.model_copy(update={"asleep_share": 1.0 if sleeps else 0.0})
    with nothing_logged_as_error():
        street, suspect = Street(parameters=parameters), Suspect()
        (box,) = street.boxes
        street.let_pass(BEGINS_S + LOOKS_AT_S - street.env.now)
        do_all(street, deeds, suspect)
        unreachable_at_s = watched(street, sleeps=sleeps)
        told = len(suspect.hits)
        box.modem.connection.report_hits()
        assert len(suspect.hits) == told or not box.modem.connection.is_reachable
        spans_s = [hit.during_s for hit in suspect.hits if hit.during_s is not None]
        assert all(from_s <= until_s for from_s, until_s in spans_s)
        for at_s in unreachable_at_s:
            assert any(from_s <= at_s <= until_s for from_s, until_s in spans_s), at_s
        heal(street)
        assert box.modem.connection.is_reachable
        told = len(suspect.hits)
        street.unlock("last")
        street.let_pass(5.0)
        assert street.executed()[-1:] == ["last"]
        assert len(suspect.hits) == told
    assert not box.vehicle.is_door_locked(Door.DRIVER)
    assert (box.vehicle.signals(), box.vehicle.voltage_v) == (None, parameters.voltage_v)
    assert box.vehicle.position_age_s(street.env.now) < POSITION_REFRESH_S
    signal_dbm = box.modem.bearer.signal_dbm(street.env.now)
    assert abs(signal_dbm - parameters.signal_dbm) <= parameters.signal_swing_db


SLOW_RADIO = BUSY_BOX.radio.model_copy(
    update={
        "connected_rtt": Uniform(base_s=0.1, spread_s=0.4),
        "loss": 0.1,
        "reordering": 0.2,
        "reordering_delay": Uniform(base_s=0.5),
        "stall_every_s": 15.0,
        "stall": Uniform(base_s=2.0, spread_s=10.0),
    }
)
"""What is sent now may take longer than a reconnect."""


@contextmanager
def numbered_messages() -> Iterator[list[str]]:
    """Give what boxes send a number in its payload; the list has the topic of each."""
    topics: list[str] = []
    send = Uplink.send

    def send_numbered(
        uplink: Uplink, kind: TopicKind, packet: Packet, *more: Any, **named: Any
    ) -> None:
        topic, payload, qos, retain = packet
        numbered = payload[:-1] + f',"n":{len(topics)}}}'.encode()
        topics.append(topic)
        send(uplink, kind, (topic, numbered, qos, retain), *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Uplink, "send", send_numbered)
        yield topics


@settings(max_examples=100, deadline=None)
@given(KINDS.flatmap(deeds_of), st.booleans())
def test_whatever_is_done_to_a_car_its_messages_keep_their_order(
    deeds: list[tuple[str, float, float]],
    sleeps: bool,  # noqa: FBT001
) -> None:
    """Also across connections; and the retained state ends as the last one that was sent.

    A message may come twice, when its acknowledgement was lost, but never first after a later one.
    """
    parameters = BUSY_BOX.model_copy(
        update={"asleep_share": 1.0 if sleeps else 0.0, "radio": SLOW_RADIO}
    )
    with numbered_messages() as topics:
        street = Street(parameters=parameters)
        heard = street.client("cars/car-0/+")
        street.let_pass(BEGINS_S)
        do_all(street, deeds, Suspect())
        street.let_pass(HEALED_S)
        heal(street)
        street.unlock("last")
        street.let_pass(60.0)
        heal(street)  # it may have locked itself asleep
        street.let_pass(60.0)
    numbers = [payload["n"] for payload in heard.documents if "n" in payload]
    firsts = [*dict.fromkeys(numbers)]
    assert firsts == sorted(firsts)
    states = [number for number, topic in enumerate(topics) if topic == "cars/car-0/state"]
    assert [number for number in numbers if number in states][-1] == states[-1]
    stated = [each.payload for each in heard.messages if each.topic == "cars/car-0/state"]
    state = codec.decode(TopicKind.STATE, stated[-1])
    assert isinstance(state, VehicleState)
    assert state.is_locked is street.boxes[0].vehicle.is_locked
