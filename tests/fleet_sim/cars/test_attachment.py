"""How a connection is made, refused, disturbed and whole again, and who is at fault how long."""

from __future__ import annotations

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import bench

RETRY_10_S = ReconnectPolicy(full_jitter=False, base_s=10.0, jitter_s=0.0)
STEADY = NULL_BOX.model_copy(
    update={
        "reconnect": RETRY_10_S,
        "network_loss_s": 30.0,
        "network_stable": Uniform(base_s=12.0),
        "reboot": Uniform(base_s=40.0),
    }
)


def test_a_loss_of_coverage_right_after_another_prolongs_it() -> None:
    """The connection has not proved itself yet; no hit ends before it begins."""
    car, first, second = bench(STEADY), Suspect(), Suspect()
    car.env.run(until=10)
    with car.box.modem.without_coverage(by=first):
        car.env.run(until=10.2)
    car.env.run(until=10.6)
    with car.box.modem.without_coverage(by=second):
        car.env.run(until=12.9)
    car.env.run(until=20)
    assert first.hits == [Seen("coverage", None, (10.0, 12.9))]
    assert second.hits == [Seen("coverage", None, (10.6, 12.9))]
