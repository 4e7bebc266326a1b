"""Power, connection and coverage of a box, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_sim.cars.box_states import ConnectionState, Power
from fleet_sim.cars.connection import Connection
from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import DOWNLINK, RELOCK, UPLINK
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_wire.contract.messages import Phase, PresenceReason, PresenceStatus, Telemetry
from fleet_wire.links.link import Disconnected, EndReason
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import SLEEPY, Bench, bench
from tests.helpers.faulty import Street

AT_ONCE = ReconnectPolicy(full_jitter=False, base_s=0.1, jitter_s=0.0)
FIXED = ReconnectPolicy(full_jitter=False, base_s=10.0, jitter_s=0.0)
QUICK = NULL_BOX.model_copy(update={"reconnect": FIXED, "network_loss_s": 30.0})


def test_a_box_that_connects_says_that_it_is_there() -> None:
    """State and presence are published, and the session carries a last will."""
    car = bench()
    presence = car.link.presences()[-1]
    assert presence.status is PresenceStatus.ONLINE
    assert car.link.states()
    session = car.link.handler.session()
    assert session.client_id == "car-1"
    assert session.subscriptions == ("cars/car-1/command",)
    assert session.will is not None
    assert b'"last_will"' in session.will.payload
    assert presence.session_id.encode() in session.will.payload
    assert (car.world.counts.reachable, car.world.counts.known) == (1, 1)


def test_a_box_that_is_shut_down_says_so_at_once() -> None:
    """Without waiting for a radio: no time will pass any more. Then it says goodbye."""
    car = bench(NULL_BOX.model_copy(update={"radio": BoxParameters().radio}))
    car.env.run(until=10)
    car.box.modem.shut_down()
    presence = car.link.presences()[-1]
    assert presence.status is PresenceStatus.OFFLINE
    assert presence.reason is PresenceReason.SHUTDOWN
    assert car.link.envelopes[-1] == ("cars/car-1/presence", 1, True)
    assert car.link.calls == ["connect", "disconnect"]


def test_a_box_that_sleeps_or_is_lost_says_nothing_when_it_is_shut_down() -> None:
    """Presence of the one is right already, and the other cannot be heard."""
    car = bench(NULL_BOX.model_copy(update={"asleep_share": 1.0}))
    car.env.run(until=1)
    car.box.modem.shut_down()
    assert car.link.presences()[-1].reason is PresenceReason.SLEEP
    lost = bench(QUICK)
    lost.link.lose()
    said = len(lost.link.presences())
    lost.box.modem.shut_down()
    assert len(lost.link.presences()) == said


def test_a_lost_connection_is_made_again_by_the_firmwares_rule() -> None:
    """With a fixed delay of 10 s the next connect comes 10 s later."""
    car = bench(QUICK)
    car.link.lose()
    assert car.world.counts.last_end == Disconnected(EndReason.BROKER_CLOSED)
    assert car.world.counts.reachable == 0
    car.env.run(until=9.9)
    assert car.link.calls == ["connect"]
    car.env.run(until=10.1)
    assert car.link.calls == ["connect", "connect"]
    assert car.world.counts.reachable == 1
    assert car.world.counts.known == 1


def test_failures_spread_out_with_full_jitter() -> None:
    """The delays grow with each failure, and stay below the cap."""
    car = bench(NULL_BOX.model_copy(update={"reconnect": ReconnectPolicy(base_s=1.0, cap_s=60.0)}))
    car.link.connects_at_once = False
    car.link.lose()
    gaps: list[float] = []
    for _ in range(12):
        before_s = car.env.now
        while car.link.calls.count("connect") == len(gaps) + 1:
            car.env.step()
        gaps.append(car.env.now - before_s)
        car.link.lose()
    assert max(gaps[:3]) <= 4.0
    assert max(gaps) <= 60.0
    assert max(gaps[6:]) > 8.0


def test_an_interval_without_jitter_doubles_up_to_the_cap() -> None:
    """The policy of paho-mqtt: 1, 2, 4 s and so on, then the cap."""
    policy = ReconnectPolicy(full_jitter=False, doubles=True, base_s=1.0, cap_s=5.0, jitter_s=0.0)
    stream = RandomStream.named(1, "x")
    assert [policy.delay_s(failures, stream) for failures in range(5)] == [1, 2, 4, 5, 5]


def test_an_operator_ends_a_data_connection_after_its_life() -> None:
    """The broker is not told; the box connects anew, and the next connection lives as long."""
    radio = NULL_BOX.radio.model_copy(update={"connection_life": Uniform(base_s=1000.0)})
    car = bench(NULL_BOX.model_copy(update={"radio": radio, "reconnect": AT_ONCE}))
    car.env.run(until=999)
    assert car.link.calls == ["connect"]
    car.env.run(until=1001)
    assert car.link.calls == ["connect", "leave_behind", "connect"]
    car.env.run(until=1999)
    assert car.link.calls.count("connect") == 2
    car.env.run(until=2002)
    assert car.link.calls.count("connect") == 3


def test_a_life_of_a_connection_that_was_lost_before_ends_nothing() -> None:
    """It belongs to its own connection."""
    radio = NULL_BOX.radio.model_copy(update={"connection_life": Uniform(base_s=1000.0)})
    car = bench(NULL_BOX.model_copy(update={"radio": radio, "reconnect": AT_ONCE}))
    car.env.run(until=500)
    car.link.lose()
    car.env.run(until=1400)
    assert car.link.calls.count("connect") == 2


def test_a_cold_box_boots_first() -> None:
    """Without power at the start a box needs its boot time to connect."""
    parameters = NULL_BOX.model_copy(update={"cold_start_share": 1.0, "boot": Uniform(base_s=20.0)})
    car = bench(parameters)
    assert car.power() is Power.BOOTING
    car.env.run(until=19)
    assert car.link.calls == []
    car.env.run(until=21)
    assert car.link.calls == ["connect"]


def test_a_sleeping_box_is_known_first_then_leaves() -> None:
    """It connects once, so that the broker keeps its session, says `sleep` and disconnects."""
    car = bench(NULL_BOX.model_copy(update={"asleep_share": 1.0}))
    car.env.run(until=5)
    assert car.link.calls == ["connect", "disconnect"]
    assert car.link.presences()[-1].reason is PresenceReason.SLEEP
    assert car.power() is Power.ASLEEP
    assert (car.world.counts.known, car.world.counts.asleep) == (1, 1)
    assert car.world.counts.reachable == 0


def test_an_sms_wakes_a_sleeping_box_which_dozes_off_again() -> None:
    """Modem resume, connect, awake for a while, asleep again."""
    parameters = SLEEPY.model_copy(
        update={"sms_wake": Uniform(base_s=5.0), "awake_after_wake_s": 300.0}
    )
    car = bench(parameters)
    car.env.run(until=10)
    car.box.send_sms()
    car.env.run(until=22.9)
    assert car.power() is Power.WAKING
    car.env.run(until=23.1)
    assert car.box.modem.connection.is_up
    car.deliver(car.command())
    assert car.link.results()[-1].phase is Phase.EXECUTED
    car.env.run(until=400)
    assert car.power() is Power.ASLEEP


def test_a_lost_sms_wakes_nobody() -> None:
    """With a loss of 1 the box sleeps on."""
    car = bench(NULL_BOX.model_copy(update={"asleep_share": 1.0, "sms_loss": 1.0}))
    car.env.run(until=10)
    car.box.send_sms()
    car.env.run(until=1000)
    assert car.power() is Power.ASLEEP


def test_short_loss_of_coverage_keeps_the_connection_and_what_waited() -> None:
    """What was on its way when coverage went is handled when it returns."""
    parameters = QUICK.model_copy(
        update={"radio": BoxParameters().radio.model_copy(update={"idle_rtt": Uniform(base_s=1.0)})}
    )
    car = bench(parameters)
    car.env.run(until=60)
    car.deliver(car.command())
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        assert car.link.is_frozen
        assert car.world.counts.reachable == 0
        car.env.run(until=80)
        assert car.link.results() == []
        assert car.link.acknowledged == []
    car.env.run(until=85)
    assert car.link.results()[-1].phase is Phase.EXECUTED
    assert car.link.calls == ["connect"]


def test_long_loss_of_coverage_ends_the_connection() -> None:
    """The modem gives the old connection up, waits for a stable network and connects anew."""
    parameters = QUICK.model_copy(update={"network_stable": Uniform(base_s=12.0)})
    car = bench(parameters)
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        car.env.run(until=100)
    car.env.run(until=111.9)
    assert car.link.calls == ["connect", "leave_behind"]
    car.env.run(until=112.1)
    assert car.link.calls == ["connect", "leave_behind", "connect"]
    assert not car.link.is_frozen
    assert car.world.counts.reachable == 1


def test_losses_of_coverage_stack() -> None:
    """Two overlapping faults: the network is back when the last one ends."""
    car = bench(QUICK)
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        with car.box.modem.bearer.without_coverage(by=Suspect()):
            pass
        assert not car.box.modem.connection.has_coverage
    assert car.box.modem.connection.is_reachable


def test_a_message_of_a_connection_that_has_gone_is_dropped() -> None:
    """The broker sends it again on the next connection; handling both would be wrong."""
    parameters = QUICK.model_copy(
        update={"radio": BoxParameters().radio.model_copy(update={"idle_rtt": Uniform(base_s=1.0)})}
    )
    car = bench(parameters)
    car.env.run(until=60)
    car.deliver(car.command())
    car.link.lose()
    car.env.run(until=100)
    assert car.link.acknowledged == []
    assert car.link.results() == []


def test_an_sms_without_coverage_waits_in_the_network() -> None:
    """It arrives when the car drives out of the garage."""
    car = bench(NULL_BOX.model_copy(update={"asleep_share": 1.0}))
    car.env.run(until=10)
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        car.box.power.receive_sms()
        assert car.power() is Power.ASLEEP
    car.env.run(until=11)
    assert car.power() is Power.AWAKE


def test_an_sms_that_has_waited_comes_once() -> None:
    """Before, and the next time that coverage returns, there is none to receive."""
    parameters = NULL_BOX.model_copy(update={"asleep_share": 1.0, "awake_after_wake_s": 60.0})
    car = bench(parameters)
    car.env.run(until=10)
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        pass
    assert car.power() is Power.ASLEEP
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        car.box.power.receive_sms()
    car.env.run(until=100)
    assert car.power() is Power.ASLEEP
    with car.box.modem.bearer.without_coverage(by=Suspect()):
        pass
    car.env.run(until=101)
    assert car.power() is Power.ASLEEP


def test_what_waits_for_a_sleeping_radio_comes_when_the_box_speaks() -> None:
    """With PSM a command waits in the network until the next sign of life, here a heartbeat."""
    car = bench(in_psm(keepalive_s=5000))
    car.env.run(until=100)
    car.deliver(car.command(expires_at_ms=2_000_000_000_000))
    car.env.run(until=400)
    assert car.link.results() == []
    car.box.heartbeat()
    car.env.run(until=401)
    assert car.link.results()[-1].phase in (Phase.EXECUTED, Phase.REFUSED)


@pytest.mark.parametrize(("keepalive_s", "longest_s"), [(60, 40.0), (3000, 2980.0)])
def test_what_waits_for_a_sleeping_radio_comes_with_the_next_ping(
    keepalive_s: int, longest_s: float
) -> None:
    """So nobody waits longer than the keepalive: 20 s after a ping the radio sleeps."""
    waits_s = []
    for number in range(40):
        car = bench(in_psm(keepalive_s=keepalive_s))
        sent_s = 1000.0 + number * 17.0
        car.env.run(until=sent_s)
        car.deliver(car.command(expires_at_ms=2_000_000_000_000))
        while not car.link.results():
            car.env.step()
        waits_s.append(car.env.now - sent_s)
    assert min(waits_s) == 0 or keepalive_s > 1000
    assert longest_s * 0.4 < max(waits_s) <= longest_s


def in_psm(*, keepalive_s: int) -> BoxParameters:
    """Return a box whose radio sleeps for an hour, 20 s after it has spoken; else it is quick."""
    radio = BoxParameters().radio.model_copy(
        update={
            "connected_rtt": Uniform(base_s=0.0),
            "cdrx_rtt": Uniform(base_s=0.0),
            "idle_rtt": Uniform(base_s=0.0),
            "idle_after_s": 10.0,
            "psm_active_s": 10.0,
            "psm_period_s": 3_600.0,
            "nat_timeout_s": None,
        }
    )
    return QUICK.model_copy(update={"radio": radio, "keepalive_s": keepalive_s})


@pytest.mark.parametrize(
    ("keepalive_s", "heartbeat_s", "deaf_share"),
    [(240, 0.0, 0.0), (1740, 200.0, 0.0), (1740, 300.0, 40 / 310), (1740, 0.0, 1480 / 1750)],
)
def test_a_nat_forgets_a_box_that_is_quiet_for_too_long(
    keepalive_s: int, heartbeat_s: float, deaf_share: float
) -> None:
    """The keepalive decides, and the heartbeat: both ends believe in a connection that is none.

    The box finds out when it speaks, and takes what has waited.
    """
    update = {"keepalive_s": keepalive_s, "heartbeat_s": heartbeat_s, "reconnect": AT_ONCE}
    street = Street(parameters=BoxParameters().model_copy(update=update))
    (box,) = street.boxes
    street.pass_s(60.0)
    deaf, looks = 0, 1000
    for _ in range(looks):
        street.pass_s(10.0)
        deaf += not box.modem.connection.is_reachable
    assert deaf / looks == pytest.approx(deaf_share, abs=0.04)
    while box.modem.connection.is_reachable and deaf_share:
        street.pass_s(1.0)
    said = len(street.platform.presences)
    street.unlock("c1", ttl_s=3600)
    street.pass_s(5.0)
    assert street.platform.acks == [0]
    assert (street.executed() == ["c1"]) is (deaf_share == 0)
    street.pass_s(float(keepalive_s))
    assert street.executed() == ["c1"]
    assert {status for _, status in street.platform.presences[said:]} <= {PresenceStatus.ONLINE}


def test_a_nat_forgets_late_in_a_run_too_when_rounding_makes_the_wait_short() -> None:
    """The rest of the wait is less than the clock can count, for some of these times."""
    parameters = BoxParameters().model_copy(update={"keepalive_s": 1740, "heartbeat_s": 600.0})
    street = Street(parameters=parameters, count=300)
    street.env.run_to(2_000.0, street.world.defects)
    assert not all(box.modem.connection.is_reachable for box in street.boxes)
    assert street.world.defects.count == 0


FORGETFUL = QUICK.model_copy(update={"radio": BoxParameters().radio, "keepalive_s": 1740})


@pytest.mark.parametrize(
    ("heartbeat_s", "noticed_s"), [(0.0, 1750.0), (270.5, 280.5), (200.0, 280.0)]
)
def test_a_box_notices_what_a_nat_forgot_when_it_speaks(
    heartbeat_s: float, noticed_s: float
) -> None:
    """Ten seconds after its next heartbeat or ping, whichever is due first; then it connects."""
    car = bench(FORGETFUL.model_copy(update={"heartbeat_s": heartbeat_s}))
    for at_s, is_reachable in ((269.9, True), (270.1, False)):
        car.env.run(until=at_s)
        assert car.box.modem.connection.is_reachable is is_reachable
    car.env.run(until=noticed_s - 0.1)
    assert car.link.calls == ["connect"]
    car.env.run(until=noticed_s + 0.1)
    assert car.link.calls == ["connect", "leave_behind"]
    car.env.run(until=noticed_s + 10.1)
    assert car.box.modem.connection.is_reachable


@pytest.mark.parametrize("end", [Connection.leave, Connection.crash, Connection.abandon])
def test_a_nat_has_nothing_to_forget_of_a_connection_that_has_ended(
    end: Callable[[Connection], None],
) -> None:
    """Whether the box said goodbye, crashed or was gone: nothing happens to it when time is up."""
    car = bench(FORGETFUL)
    end(car.box.modem.connection)
    calls = list(car.link.calls)
    car.env.run(until=3000)
    assert car.link.calls == calls
    assert car.box.modem.connection.state is ConnectionState.DISCONNECTED


def leave(car: Bench) -> None:
    """Let the box say goodbye by itself."""
    car.box.modem.connection.leave()


def lose(car: Bench) -> None:
    """Let the broker close the connection; the next one comes 10 s later."""
    car.link.lose()


@pytest.mark.parametrize(("end", "calls"), [(leave, ["connect"]), (lose, ["connect", "connect"])])
def test_a_box_notices_no_half_open_connection_that_it_has_no_more(
    end: Callable[[Bench], None], calls: list[str]
) -> None:
    """Neither does it connect again because of it, nor give up the next one."""
    car = bench(QUICK)
    car.box.modem.bearer.lose_nat_entry(30.0, by=Suspect())
    car.env.run(until=5)
    end(car)
    car.env.run(until=100)
    assert [call for call in car.link.calls if call == "connect"] == calls
    assert car.box.modem.connection.is_reachable is (end is lose)


def test_a_nat_forgets_each_connection_by_itself() -> None:
    """What was watched of the one before is of no concern to the next, which is quiet later."""
    car = bench(FORGETFUL)
    car.env.run(until=100)
    car.link.lose()
    car.env.run(until=379.9)
    assert car.box.modem.connection.is_reachable
    car.env.run(until=380.1)
    assert not car.box.modem.connection.is_reachable
    car.env.run(until=2000)
    assert car.link.calls == ["connect", "connect", "leave_behind", "connect"]


def test_heartbeats_are_late_and_lost_like_everything_the_box_sends() -> None:
    """They are about no command, so none is hit."""
    car, suspect = bench(QUICK), Suspect()

    def heartbeats() -> int:
        return sum(isinstance(message, Telemetry) for _, message in car.link.sent)

    with car.box.set_action(UPLINK, lambda _usual, _sent: 5.0, by=suspect):
        car.box.heartbeat()
    car.env.run(until=4)
    assert heartbeats() == 0
    car.env.run(until=6)
    assert heartbeats() == 1
    with car.box.set_action(UPLINK, lambda _usual, _sent: None, by=suspect):
        car.box.heartbeat()
    car.env.run(until=20)
    assert heartbeats() == 1
    assert suspect.hits == []
    with car.box.set_action(RELOCK, lambda usual, _command: usual, by=suspect):
        car.box.heartbeat()
    assert heartbeats() == 2, "an action elsewhere delays none"


def test_a_message_that_names_no_command_may_be_lost_too() -> None:
    """Its culprit is told so."""
    car, suspect = bench(QUICK), Suspect()
    with car.box.set_action(DOWNLINK, lambda _usual, _message: None, by=suspect):
        car.deliver(car.message(b"no command"))
    assert suspect.hits == [Seen("downlink")]
    assert car.world.counts.malformed == 0
