"""How a connection is made, refused, disturbed and whole again, and who is at fault how long."""

from __future__ import annotations

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.contract.messages import Telemetry
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


def test_attenuations_add_up_and_the_end_of_one_leaves_the_other() -> None:
    """20 dB each: the signal is gone while there are two of them, whichever ends first."""
    parameters = STEADY.model_copy(update={"signal_dbm": -85.0, "signal_swing_db": 0.0})
    car, first, second, weak = bench(parameters), Suspect(), Suspect(), Suspect()
    modem = car.box.modem
    one = modem.attenuated(20.0, by=first)
    other = modem.attenuated(20.0, by=second)
    car.env.run(until=10)
    one.__enter__()
    with modem.attenuated(3.0, by=weak):
        assert modem.signal_dbm() == -108.0
    car.box.heartbeat()
    assert modem.is_reachable
    car.env.run(until=20)
    other.__enter__()
    assert (modem.signal_dbm(), modem.has_coverage) == (-125.0, False)
    car.env.run(until=30)
    one.__exit__(None, None, None)
    assert (modem.signal_dbm(), modem.has_coverage) == (-105.0, True)
    car.env.run(until=40)
    other.__exit__(None, None, None)
    car.box.heartbeat()
    reported = [sent.signal_dbm for _, sent in car.link.sent if isinstance(sent, Telemetry)]
    assert reported == [-105.0, -85.0]
    for suspect in (first, second):
        assert suspect.hits == [Seen("coverage", None, (20.0, 30.0))]
    assert weak.hits == []
