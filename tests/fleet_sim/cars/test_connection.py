"""How a connection is made, refused, disturbed and whole again, and who is at fault how long."""

from __future__ import annotations

import pytest

from fleet_sim.cars.box_states import ConnectionState
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters, Refusal
from fleet_wire.links.link import EndReason
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Suspect
from tests.helpers.fake_link import bench
from tests.helpers.faulty import Street

RETRY_10_S = ReconnectPolicy(full_jitter=False, base_s=10.0, jitter_s=0.0)
STEADY_KEYS = {
    "reconnect": RETRY_10_S,
    "network_loss_s": 30.0,
    "network_stable": Uniform(base_s=12.0),
    "reboot": Uniform(base_s=40.0),
}
STEADY = NULL_BOX.model_copy(update=STEADY_KEYS)


def test_whose_connection_ended_last_is_known_with_the_reason() -> None:
    """A live run names the car while it waits for boxes."""
    car = bench(STEADY)
    car.link.lose(EndReason.REFUSED)
    counts = car.world.counts
    assert counts.last_end is not None
    assert (counts.last_end.why, counts.last_end_of) == (EndReason.REFUSED, "car-1")


def test_each_connection_has_a_session_of_its_own() -> None:
    """Others tell by it whether a will is that of the connection that they know."""
    car = bench(STEADY)
    for _ in range(3):
        car.link.lose()
        car.env.run(until=car.env.now + 11)
    ids = [presence.session_id for presence in car.link.presences()]
    assert len(set(ids)) == len(ids) == 4


FIRM = STEADY.model_copy(
    update={
        "refusals": (
            Refusal(codes=(134, 135), retry_s=None),
            Refusal(codes=(136,), retry_s=30.0),
        )
    }
)


def test_a_box_whose_subscription_is_refused_connects_when_it_boots() -> None:
    """Whatever the broker has learned meanwhile."""
    street = Street(parameters=FIRM)
    modem = street.boxes[0].modem
    street.broker.may_subscribe = lambda _client_id, _topic_filter: False
    modem.dialler.drop_connection(by=Suspect())
    street.let_pass(15.0)
    assert modem.connection.state is ConnectionState.GIVEN_UP
    street.broker.may_subscribe = None
    street.let_pass(1000.0)
    assert not modem.connection.is_reachable
    street.boxes[0].power.reboot(by=Suspect())
    street.let_pass(41.0)
    assert modem.connection.is_reachable


@pytest.mark.parametrize(("keepalive_s", "longest_s"), [(60, 40.0), (3000, 2980.0)])
def test_what_waits_for_a_sleeping_radio_comes_with_the_next_ping(
    keepalive_s: int, longest_s: float
) -> None:
    """So nobody waits longer than the keepalive: 20 s after a ping the radio sleeps."""
    sleeping = {"idle_after_s": 10.0, "psm_active_s": 10.0, "psm_period_s": 3_600.0}
    radio = NULL_BOX.radio.model_copy(update={**sleeping, "is_instant": False})
    waits_s = []
    for number in range(40):
        car = bench(STEADY.model_copy(update={"radio": radio, "keepalive_s": keepalive_s}))
        sent_s = 1000.0 + number * 17.0
        car.env.run(until=sent_s)
        car.deliver(car.command(expires_at_ms=2_000_000_000_000))
        while not car.link.results():
            car.env.step()
        waits_s.append(car.env.now - sent_s)
    assert min(waits_s) == 0 or keepalive_s > 1000
    assert longest_s * 0.4 < max(waits_s) <= longest_s


def test_a_nat_forgets_late_in_a_run_too_when_rounding_makes_the_wait_short() -> None:
    """The rest of the wait is less than the clock can count, for some of these times."""
    parameters = BoxParameters().model_copy(update={"keepalive_s": 1740, "heartbeat_s": 600.0})
    street = Street(parameters=parameters, count=40)
    street.env.run_to(2_000.0, street.world.defects)
    assert not all(box.modem.connection.is_reachable for box in street.boxes)
    assert street.world.defects.count == 0


# The signal


def signals(seed: int, *, every_s: float) -> list[float]:
    """Return the signal of a car over an hour."""
    car = bench(seed=seed)
    found = []
    while car.env.now < 3600:
        car.env.run(until=car.env.now + every_s)
        found.append(car.box.modem.bearer.signal_dbm(car.env.now))
    return found


def test_signals_differ_by_car_and_time_and_not_by_who_asks() -> None:
    """Within the swing about the place's own; the same seed gives the same, however often asked."""
    here, there = signals(1, every_s=60.0), signals(2, every_s=60.0)
    assert here == signals(1, every_s=20.0)[2::3]
    assert len({round(one - other) for one, other in zip(here, there, strict=True)}) > 3
    assert max(here) - min(here) == pytest.approx(NULL_BOX.signal_swing_db, abs=0.5)
    ordinary, swing = NULL_BOX.signal_dbm, NULL_BOX.signal_swing_db
    assert all(abs(each - ordinary) <= swing for each in here + there)
