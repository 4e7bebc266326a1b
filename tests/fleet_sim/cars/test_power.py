"""What a box does with its power and its clock when both are taken away, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext

import pytest

from fleet_sim.cars.box import Box
from fleet_sim.cars.box_states import ConnectionState, Power
from fleet_sim.cars.distributions import Uniform, UniformOffset
from fleet_sim.cars.failpoints import SMS
from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.radio_parameters import RadioParameters, Technology
from fleet_wire.contract.messages import (
    CarEvent,
    EventName,
    Phase,
    PresenceStatus,
    Reason,
    Telemetry,
)
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import EPOCH_S, SLEEPY, Bench, bench
from tests.helpers.faulty import Street, answers

FORGETFUL = NULL_BOX.model_copy(
    update={
        "reconnect": ReconnectPolicy(full_jitter=False, base_s=1.0, jitter_s=0.0),
        "boot": Uniform(base_s=10.0),
        "reboot": Uniform(base_s=40.0),
        "keeps_time": False,
        "clock_sync": Uniform(base_s=30.0),
        "clock_error": Uniform(base_s=0.5),
    }
)


def box_time_s(car: Bench, command_id: str) -> float:
    """Let the box answer a command, and return the time that it gives, in Unix seconds."""
    car.deliver(car.command(command_id))
    return (car.link.results()[-1].box_time_ms or 0) / 1000


def lose_power(car: Bench, *, at_s: float, until_s: float) -> None:
    """Switch the box off for a while."""
    car.env.run(until=at_s)
    with car.box.power.without_power(by=Suspect()):
        car.env.run(until=until_s)


def test_a_clock_that_loses_its_time_begins_in_1970_until_it_is_set() -> None:
    """Commands are judged by it: they live too long. Then the clock has its usual error again."""
    car = bench(FORGETFUL)
    assert box_time_s(car, "before") == pytest.approx(EPOCH_S + 0.5)
    lose_power(car, at_s=100, until_s=150)
    car.env.run(until=189)
    assert box_time_s(car, "in 1970") == pytest.approx(89.0)
    assert answers(car)[-1] == (Phase.REFUSED, Reason.TTL_TOO_LONG)
    car.env.run(until=191)
    assert box_time_s(car, "after") == pytest.approx(EPOCH_S + 191.5)
    assert answers(car)[-1] == (Phase.EXECUTED, None)


def test_each_clock_that_is_set_again_has_an_error_of_its_own() -> None:
    """Drawn anew: a fleet whose power was cut is not off by one and the same time."""
    errors_s = []
    for seed in range(3):
        clock_error = UniformOffset(base_s=-2.0, spread_s=4.0)
        car = bench(FORGETFUL.model_copy(update={"clock_error": clock_error}), seed=seed)
        lose_power(car, at_s=100, until_s=150)
        car.env.run(until=191)
        errors_s.append(box_time_s(car, "after") - EPOCH_S - 191)
    assert len(set(errors_s)) == 3
    assert all(-2.001 <= error_s < 2.0 for error_s in errors_s)


def test_a_clock_that_loses_its_time_begins_in_1970_whatever_the_time_of_day() -> None:
    """Also where somebody has set the wall clock before, a day ahead here."""
    car = bench(FORGETFUL)
    car.world.clock_step.by_s = 86_400.0
    lose_power(car, at_s=100, until_s=150)
    car.env.run(until=189)
    assert box_time_s(car, "in 1970") == pytest.approx(89.0)


def test_a_box_without_power_until_the_start_has_no_time_either() -> None:
    """One with a backup battery has."""
    for keeps_time, begins_s in ((False, 0.0), (True, EPOCH_S + 0.5)):
        update = {"cold_start_share": 1.0, "keeps_time": keeps_time}
        car = bench(FORGETFUL.model_copy(update=update))
        car.env.run(until=11)
        assert box_time_s(car, "c1") == pytest.approx(begins_s + 11)


def test_time_that_was_looked_for_before_the_power_went_again_is_not_found() -> None:
    """The first boot would have had it at 190 s: the second begins anew."""
    car = bench(FORGETFUL)
    lose_power(car, at_s=100, until_s=150)
    lose_power(car, at_s=165, until_s=170)
    car.env.run(until=191)
    assert box_time_s(car, "in 1970") == pytest.approx(26.0)
    car.env.run(until=211)
    assert box_time_s(car, "after") == pytest.approx(EPOCH_S + 211.5)


def test_a_crash_keeps_the_time() -> None:
    """The clock runs on while the firmware boots."""
    car = bench(FORGETFUL)
    car.box.power.reboot(by=Suspect())
    car.env.run(until=41)
    assert box_time_s(car, "c1") == pytest.approx(EPOCH_S + 41.5)


def test_a_boot_is_told_once_and_telemetry_counts_from_it() -> None:
    """A box that runs since before the simulation does not say when it booted."""
    car = bench(FORGETFUL)
    car.box.heartbeat()
    car.env.run(until=1)
    car.box.power.reboot(by=Suspect(), takes_s=20.0, firmware="2.0.0")
    car.env.run(until=31)
    car.box.heartbeat()
    car.box.modem.dialler.drop_connection(by=Suspect())
    car.env.run(until=40)
    told = [said for _, said in car.link.sent if isinstance(said, CarEvent)]
    assert told == [CarEvent(EventName.BOOT, boots=1, firmware="2.0.0")]
    before, after = [said for _, said in car.link.sent if isinstance(said, Telemetry)]
    assert (before.boots, before.uptime_s) == (None, None)
    assert (after.boots, after.uptime_s) == (1, 10.0)
    assert [state.firmware for state in car.link.states()] == ["1.0.0", "2.0.0", "2.0.0"]


def test_boots_are_counted_across_crashes_and_losses_of_power() -> None:
    """And the firmware of an update stays."""
    car = bench(FORGETFUL)
    car.box.power.reboot(by=Suspect(), firmware="2.0.0")
    lose_power(car, at_s=100, until_s=150)
    car.env.run(until=200)
    told = [said for _, said in car.link.sent if isinstance(said, CarEvent)]
    assert [(event.boots, event.firmware) for event in told] == [(1, "2.0.0"), (2, "2.0.0")]


def test_certificates_are_not_valid_in_1970() -> None:
    """The box tries and fails until it knows the time, then it connects."""
    car = bench(FORGETFUL.model_copy(update={"needs_time_for_tls": True}))
    suspect = Suspect()
    car.env.run(until=100)
    with car.box.power.without_power(by=suspect):
        car.env.run(until=150)
    for second in range(155, 190, 5):
        car.env.run(until=second + 0.5)
        assert not car.box.modem.connection.is_reachable
    assert car.link.calls == ["connect", "leave_behind"]
    car.env.run(until=192)
    assert car.link.calls == ["connect", "leave_behind", "connect"]
    assert [(each.what, each.during_s) for each in suspect.hits] == [("power", (100.0, 190.0))]


def test_a_box_boots_when_the_last_cut_of_its_power_ends() -> None:
    """Each of those who cut it is at fault until then, and nothing else gives it power."""
    car, first, second = bench(FORGETFUL), Suspect(), Suspect()
    car.env.run(until=100)
    with car.box.power.without_power(by=first):
        car.env.run(until=110)
        with car.box.power.without_power(by=second):
            car.env.run(until=120)
        car.box.power.reboot(by=Suspect())
        car.env.run(until=150)
        assert car.power() is Power.OFF
    car.env.run(until=161)
    assert car.power() is Power.AWAKE
    assert first.hits == [Seen("power", None, (100.0, 160.0))]
    assert second.hits == [Seen("power", None, (110.0, 160.0))]


def crash(car: Bench) -> None:
    """Let the firmware crash: it boots for 40 s."""
    car.box.power.reboot(by=Suspect())


def sleep_deeply(car: Bench) -> None:
    """Switch the modem off for 60 s; it takes 8 s to come back."""
    car.box.power.sleep_deeply(60.0, by=Suspect())


@pytest.mark.parametrize("begin", [crash, sleep_deeply])
def test_what_was_begun_before_a_crash_is_void(begin: Callable[[Bench], None]) -> None:
    """The end of a boot or of a sleep that a crash has cut short ends no later one."""
    car = bench(FORGETFUL.model_copy(update={"modem_resume": Uniform(base_s=8.0)}))
    begin(car)
    car.env.run(until=5)
    crash(car)
    car.env.run(until=44)
    assert car.power() is Power.BOOTING
    car.env.run(until=46)
    assert car.power() is Power.AWAKE
    sleep_deeply(car)
    for at_s, power in ((105, Power.DEEP_ASLEEP), (107, Power.WAKING), (115, Power.AWAKE)):
        car.env.run(until=at_s)
        assert car.power() is power


def sleep_deeply_for_100_s(car: Bench) -> None:
    """Switch the modem off for longer than before."""
    car.box.power.sleep_deeply(100.0, by=Suspect())


def boot_anew(car: Bench) -> None:
    """Take the power away and give it back: the box boots for 10 s."""
    with car.box.power.without_power(by=Suspect()):
        pass


# How long boots and sleeps take, whatever came before

STEPS = [
    (crash, Power.BOOTING, 40.0),
    (boot_anew, Power.BOOTING, 10.0),
    (sleep_deeply, Power.DEEP_ASLEEP, 60.0),
    (sleep_deeply_for_100_s, Power.DEEP_ASLEEP, 100.0),
]


@pytest.mark.parametrize("between_s", [0.5, 5.0, 45.0])
@pytest.mark.parametrize("first", [each[0] for each in STEPS])
@pytest.mark.parametrize(("second", "power", "lasts_s"), STEPS)
def test_a_boot_or_a_sleep_takes_its_time_whatever_was_cut_short_before(
    first: Callable[[Bench], None],
    second: Callable[[Bench], None],
    power: Power,
    lasts_s: float,
    between_s: float,
) -> None:
    """Off and on during a boot or a sleep, then a boot or a sleep of another length."""
    car = bench(FORGETFUL.model_copy(update={"modem_resume": Uniform(base_s=8.0)}))
    first(car)
    car.env.run(until=between_s)
    boot_anew(car)
    while car.power() is not Power.AWAKE:
        car.env.step()
    assert car.env.now == between_s + 10.0
    second(car)
    began_s = car.env.now
    assert car.power() is power
    while car.power() is power:
        car.env.step()
    assert car.env.now == began_s + lasts_s


# The goodbye of a box that falls asleep


def test_an_sms_that_fails_at_first_is_sent_again() -> None:
    """It comes after the wait of the SMS centre, and as long as any SMS takes."""
    retried = {"sms_first_failure": 1.0, "sms_retry": Uniform(base_s=60.0)}
    car = bench(SLEEPY.model_copy(update=retried))
    car.env.run(until=100)
    car.box.send_sms()
    car.env.run(until=161)
    assert car.power() is Power.ASLEEP
    car.env.run(until=163)
    assert car.power() is not Power.ASLEEP


def test_a_slow_car_wakes_within_minutes() -> None:
    """95 % within 180 s, and none later than 240 s; what is given overrides the default."""
    slow = BoxParameters.model_validate({"slow_wake": True}).modem_resume
    stream = RandomStream.named(1, "x")
    found = sorted(slow.sample_s(stream) for _ in range(2000))
    assert 170 < found[1900] < 190
    assert 20 <= found[0] < found[-1] <= 240
    mine = BoxParameters.model_validate({"slow_wake": True, "modem_resume": 3})
    assert mine.modem_resume == Uniform(base_s=3.0)


def test_a_faults_loss_of_sms_takes_the_place_of_the_ordinary_one() -> None:
    """Without the fault this operator loses every SMS, with it none."""
    car = bench(SLEEPY.model_copy(update={"sms_loss": 1.0}))
    car.env.run(until=10)
    with car.box.set_action(SMS, lambda usual, _context: usual, by=Suspect()):
        car.box.send_sms()
    car.env.run(until=30)
    assert car.power() is Power.AWAKE


@pytest.mark.parametrize(
    ("name", "share"), [("sms_wake", "asleep_share"), ("boot", "cold_start_share")]
)
def test_boxes_take_their_own_time_to_be_called_and_to_boot(name: str, share: str) -> None:
    """A distribution is drawn from, for each by itself."""
    awake_at_s = []
    for seed in range(3):
        update = {"asleep_share": 0.0, share: 1.0, name: Uniform(base_s=20.0, spread_s=10.0)}
        car = bench(SLEEPY.model_copy(update=update), seed=seed)
        if share == "asleep_share":
            car.env.run(until=5)
            car.box.send_sms()
        while car.power() is not Power.AWAKE:
            car.env.step()
        awake_at_s.append(car.env.now)
    assert len(set(awake_at_s)) == 3
    assert all(20 <= at_s <= 45 for at_s in awake_at_s)


def test_a_box_that_works_on_a_command_does_not_fall_asleep_over_it() -> None:
    """Awake from 18 s on it should at 78 s; it looks again every 10 s, and is done at 90 s."""
    car = bench(SLEEPY.model_copy(update={"actuation": Uniform(base_s=15.0)}))
    car.env.run(until=10)
    car.box.power.receive_sms()
    car.env.run(until=75)
    car.deliver(car.command())
    car.env.run(until=97.9)
    assert answers(car) == [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
    assert car.power() is Power.AWAKE
    car.env.run(until=98.1)
    assert car.power() is Power.ASLEEP


@pytest.mark.parametrize("technology", Technology)
def test_a_box_that_falls_asleep_is_heard_to_say_so(technology: Technology) -> None:
    """However long its words are on their way, after a minute awake: 2 s over UMTS, for one."""
    radio = RadioParameters.model_validate({"technology": technology})
    street = Street(parameters=SLEEPY.model_copy(update={"radio": radio}))
    (box,) = street.boxes
    street.pass_s(30.0)
    box.send_sms()
    street.pass_s(30.0)
    assert street.platform.presences[-1][1] is PresenceStatus.ONLINE
    street.pass_s(100.0)
    assert box.power.state is Power.ASLEEP
    assert box.modem.connection.state is ConnectionState.DISCONNECTED
    said = [status for _, status in street.platform.presences]
    assert said[-1] is PresenceStatus.OFFLINE
    box.send_sms()
    street.pass_s(30.0)
    said = [status for _, status in street.platform.presences]
    assert said[-2:] == [PresenceStatus.OFFLINE, PresenceStatus.ONLINE], "said late, or twice"


def doze_times(car: Bench, *, until_s: float) -> list[float]:
    """Return when the box falls asleep until then, to the second."""
    asleep_at_s, was_asleep = [], car.power() is Power.ASLEEP
    while car.env.now < until_s:
        car.env.run(until=car.env.now + 1.0)
        is_asleep = car.power() is Power.ASLEEP
        if is_asleep and not was_asleep:
            asleep_at_s.append(car.env.now)
        was_asleep = is_asleep
    return asleep_at_s


def crash_soon_after_waking(car: Bench) -> None:
    """Wake at 18 s, and boot for 40 s from 50 s on."""
    car.box.power.receive_sms()
    car.env.run(until=50.0)
    car.box.power.reboot(by=Suspect())


def crash_asleep(car: Bench) -> None:
    """Boot for 40 s from 50 s on."""
    car.env.run(until=50.0)
    car.box.power.reboot(by=Suspect())


def boot_over_the_time_of_sleep(car: Bench) -> None:
    """Be without power when the sleep would be due, at 78 s, and boot for 10 s from 80 s on."""
    car.box.power.receive_sms()
    lose_power(car, at_s=70.0, until_s=80.0)


@pytest.mark.parametrize(
    ("happens", "asleep_s"),
    [
        (crash_soon_after_waking, 150.0),
        (crash_asleep, 150.0),
        (boot_over_the_time_of_sleep, 150.0),
    ],
)
def test_a_boot_starts_the_sleep_timer_anew(
    happens: Callable[[Bench], None], asleep_s: float
) -> None:
    """The box is online for a minute after each boot, neither less nor for ever."""
    car = bench(
        SLEEPY.model_copy(update={"reboot": Uniform(base_s=40.0), "boot": Uniform(base_s=10.0)})
    )
    car.env.run(until=10.0)
    happens(car)
    assert doze_times(car, until_s=600.0) == [pytest.approx(asleep_s, abs=1.0)]


def test_a_command_that_meets_the_goodbye_keeps_the_box_awake() -> None:
    """It is executed and answered, and the box goes to sleep when it was awake for long enough."""
    parameters = SLEEPY.model_copy(update={"actuation": Uniform(base_s=3.0)})
    street = Street(parameters=parameters)
    (box,) = street.boxes
    assert box.modem.says_goodbye
    street.unlock("c1")
    street.pass_s(5.0)
    assert street.executed() == ["c1"]
    assert [status.value for _, status in street.platform.presences] == ["offline", "online"]
    street.pass_s(50.0)
    assert box.modem.connection.is_reachable
    street.pass_s(10.0)
    assert box.is_asleep
    assert not box.modem.says_goodbye
    assert street.world.counts.asleep == 1


def test_an_sms_that_meets_the_goodbye_keeps_the_box_awake() -> None:
    """It would wake nobody a moment later: the modem is still there."""
    car = bench(SLEEPY)
    car.env.run(until=1.0)
    car.box.power.receive_sms()
    assert car.power() is Power.AWAKE
    car.env.run(until=50.0)
    assert car.link.calls == ["connect"]
    assert [each.status.value for each in car.link.presences()] == ["offline", "online"]
    car.env.run(until=70.0)
    assert car.power() is Power.ASLEEP
    assert car.link.calls == ["connect", "disconnect"]


def test_a_box_does_not_leave_before_what_is_on_its_way_to_it() -> None:
    """The command was sent to an idle radio before anybody could know that the box falls asleep."""
    radio = RadioParameters.model_validate(
        {"connected_rtt": 0, "cdrx_rtt": 0, "idle_rtt": 6.0, "idle_after_s": 10.0}
    )
    car = bench(SLEEPY.model_copy(update={"radio": radio}))
    car.env.run(until=10.0)
    car.box.power.receive_sms()
    car.env.run(until=77.5)
    assert car.power() is Power.AWAKE
    car.deliver(car.command())
    car.env.run(until=82.0)
    assert car.power() is Power.ASLEEP
    assert car.link.calls == ["connect", "disconnect", "connect"]
    car.env.run(until=84.0)
    assert car.link.results()[-1].phase is Phase.EXECUTED
    assert car.power() is Power.AWAKE


# What is lost with the power

BRIEF = NULL_BOX.model_copy(
    update={
        "boot": Uniform(base_s=10.0),
        "reboot": Uniform(base_s=10.0),
        "actuation": Uniform(base_s=3.0),
        "relock_after_s": 30.0,
    }
)


def lose_power_for_a_while(box: Box) -> AbstractContextManager[None]:
    """Be without power for as long as the block lasts: then the box boots for 10 s."""
    return box.power.without_power(by=Suspect())


def crash_now(box: Box) -> AbstractContextManager[None]:
    """Boot for 10 s."""
    box.power.reboot(by=Suspect())
    return nullcontext()


@pytest.mark.parametrize("end", [lose_power_for_a_while, crash_now])
@pytest.mark.parametrize("is_in_the_air", [False, True])
def test_what_was_not_sent_is_lost_with_the_power(
    end: Callable[[Box], AbstractContextManager[None]],
    is_in_the_air: bool,  # noqa: FBT001
) -> None:
    """Whether it waits in the box, without coverage, or for the radio to carry it.

    The car is open; the platform hears that from the state which a box reports when it is back.
    """
    idle_uplink = Uniform(base_s=4.0 if is_in_the_air else 0.0)
    radio = NULL_BOX.radio.model_copy(update={"idle_uplink": idle_uplink, "idle_after_s": 2.0})
    street = Street(parameters=BRIEF.model_copy(update={"radio": radio}))
    (box,) = street.boxes
    street.pass_s(60.0)
    street.unlock("c1")
    street.pass_s(1.0)
    with ExitStack() as ended:
        with nullcontext() if is_in_the_air else box.modem.bearer.without_coverage(by=Suspect()):
            street.pass_s(3.0)
            assert not box.vehicle.is_locked
            ended.enter_context(end(box))
        street.pass_s(15.0)
    street.pass_s(60.0)
    assert box.modem.connection.is_reachable
    assert street.executed() == []
    street.unlock("c2")
    street.pass_s(60.0)
    assert street.executed() == ["c2"]


def test_a_box_without_power_tells_nobody_that_the_car_locks_itself() -> None:
    """Neither then nor when it boots: it says what is so then."""
    car = bench(BRIEF.model_copy(update={"actuation": Uniform(base_s=0.0)}))
    car.deliver(car.command())
    car.env.run(until=20)
    with car.box.power.without_power(by=Suspect()):
        said = len(car.link.states())
        car.env.run(until=50)
        assert car.box.vehicle.is_locked
        assert len(car.link.states()) == said
    car.env.run(until=70)
    assert [state.is_locked for state in car.link.states()[said:]] == [True]


def test_a_copy_of_what_a_box_did_before_it_crashed_is_not_done_again() -> None:
    """It has forgotten the answer, and remembers the counter."""
    car = bench(BRIEF.model_copy(update={"actuation": Uniform(base_s=0.0)}))
    message = car.command()
    car.deliver(message)
    car.box.power.reboot(by=Suspect())
    car.env.run(until=20)
    car.deliver(message)
    assert answers(car)[-2:] == [(Phase.EXECUTED, None), (Phase.REFUSED, Reason.REPLAYED)]
    assert car.box.vehicle.movement == 1
