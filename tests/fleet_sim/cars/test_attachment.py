"""How a connection is made, refused, disturbed and whole again, and who is at fault how long."""

from __future__ import annotations

from fleet_sim.cars.box_states import Power
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.joints import CONNACK, RECONNECT
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.contract.messages import Telemetry
from fleet_wire.links.link import Ended
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
ASLEEP = STEADY.model_copy(
    update={
        "asleep_share": 1.0,
        "sms_loss": 0.0,
        "sms_wake": Uniform(base_s=2.0),
        "modem_resume": Uniform(base_s=8.0),
        "awake_after_wake_s": 60.0,
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


def test_a_sleeping_car_is_whole_when_an_sms_would_make_it_reachable() -> None:
    """Without coverage or downlink it is not; it need not wake up when these are back."""
    car, coverage, downlink = bench(ASLEEP), Suspect(), Suspect()
    car.env.run(until=10)
    with car.box.modem.without_coverage(by=coverage):
        car.env.run(until=20)
    with car.box.modem.without_downlink(by=downlink):
        car.env.run(until=500)
    assert coverage.hits == [Seen("coverage", None, (10.0, 20.0))]
    assert downlink.hits == [Seen("downlink", None, (20.0, 500.0))]
    assert car.power() is Power.ASLEEP


def test_a_car_that_falls_asleep_without_its_connection_is_whole() -> None:
    """It was dropped just before, and will not come back until it is woken."""
    car, suspect = bench(ASLEEP), Suspect()
    car.env.run(until=10)
    car.box.send_sms()
    car.env.run(until=75)
    car.box.modem.drop_connection(by=suspect)
    car.env.run(until=500)
    assert car.power() is Power.ASLEEP
    assert suspect.hits == [Seen("connection", None, (75.0, 80.0))]


def test_a_car_that_has_given_up_is_not_whole_asleep() -> None:
    """No SMS brings it back, only a boot."""
    car, suspect = bench(ASLEEP), Suspect()
    car.env.run(until=10)
    car.link.connects_at_once = False
    car.box.send_sms()
    car.env.run(until=21)
    with car.box.bend(CONNACK, lambda _usual, _code: None, by=suspect):
        car.link.lose(Ended.REFUSED, 136)
    car.link.connects_at_once = True
    for second in (100, 200):
        car.env.run(until=second)
        assert car.power() is Power.ASLEEP
        car.box.send_sms()
    assert suspect.hits == [Seen("connack")]
    car.box.power.reboot(by=Suspect())
    car.env.run(until=300)
    assert suspect.hits == [Seen("connack"), Seen("connack", None, (21.0, 240.0))]


def test_no_rule_for_connecting_again_is_asked_about_a_car_that_sleeps() -> None:
    """It has said goodbye, and is dropped before it has left: it would not come back anyway."""
    car, storm, other = bench(ASLEEP), Suspect(), Suspect()
    with car.box.bend(RECONNECT, lambda _usual, _context: ReconnectPolicy(base_s=1.0), by=storm):
        car.env.run(until=1)
        car.box.modem.drop_connection(by=other)
        car.env.run(until=100)
    assert storm.hits == []
    assert other.hits == [Seen("connection", None, (1.0, 1.0))]
