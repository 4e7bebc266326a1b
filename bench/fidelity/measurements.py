"""What the model does, timed: each function returns values of one part of it, by a fixed seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.fidelity.figures import Found
from bench.fidelity.street import EPOCH_UNIX_S, Nobody, Street
from fleet_sim.cars.battery import HOUR_S, Battery, BatteryParameters
from fleet_sim.cars.box_states import Power
from fleet_sim.cars.parameters import SLOW_WAKE
from fleet_sim.cars.radio import Radio
from fleet_sim.cars.radio_parameters import RadioParameters
from fleet_sim.customers.arrivals import Profile
from fleet_sim.faults.firmware import UpdateOrDailyReboot
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream

SEED = 1
MANY = 4_000
_DAY_S = 24 * HOUR_S
_SLEEPERS: Mapping[str, Any] = {"asleep_share": 1.0, "sms_loss": 0.0, "sms_wake": 0.0}
_SMS_AT_S = 100.0


def _stream(name: str) -> RandomStream:
    return RandomStream.named(SEED, name)


# The radio


def pings(keys: Mapping[str, Any], *, every_s: float, count: int = MANY) -> Found:
    """Return round trips from the server, one after the other, each answered at once."""
    radio = Radio(RadioParameters.model_validate(keys), _stream("radio"))
    radio.uplink_s(0.0)
    found = []
    for number in range(1, count + 1):
        sent_s = number * every_s
        down_s = radio.downlink_s(sent_s)
        found.append(down_s + radio.uplink_s(sent_s + down_s))
    return Found.of(found)


def idle_after() -> Found:
    """Return how long an LTE device has to be quiet until it must be paged, in tenths of seconds.

    A device that is not paged answers within 0.39 s; of twenty that are, one takes longer.
    """
    radio, sent_s = Radio(RadioParameters(), _stream("radio")), 0.0
    for tenths in range(10, 200):
        for _ in range(20):
            radio.uplink_s(sent_s)
            if radio.downlink_s(sent_s + tenths / 10) > 0.391:
                return Found.of([tenths / 10])
            sent_s += 100.0
    raise AssertionError("no device is idle after 20 s")


def granted_edrx(asked_s: float) -> float:
    """Return the eDRX cycle that an NB-IoT device is granted."""
    radio = RadioParameters.model_validate({"technology": "nb_iot", "edrx_cycle_s": asked_s})
    assert radio.granted_edrx_cycle_s is not None  # noqa: S101 - it asks for one
    return radio.granted_edrx_cycle_s


# Sleep, and what wakes a car


def sms_delays(keys: Mapping[str, Any]) -> tuple[Found, float]:
    """Return how long SMS take that arrive, and the share that does."""
    street = Street(MANY // 2, {**_SLEEPERS, **keys})
    street.env.run(until=_SMS_AT_S)
    for box in street.boxes:
        box.send_sms()
    street.env.run(until=_SMS_AT_S + HOUR_S)
    woken_s = street.first("connect", after_s=_SMS_AT_S)
    delays = Found.of([at_s - _SMS_AT_S for at_s in woken_s])
    return delays, len(woken_s) / len(street.boxes)


def slow_wakes() -> Found:
    """Return how long slow cars take to connect after an SMS that takes no time."""
    woken, _ = sms_delays({"modem_resume": SLOW_WAKE.model_dump()})
    return woken


# The battery


def currents_a() -> tuple[float, float, float]:
    """Return the currents of a box asleep, parked, and while it sends, in amperes."""
    hours = 100.0

    def used_ah(*, sleeps: bool, sends: bool) -> float:
        battery = Battery(BatteryParameters(), _stream("battery"), tail_s=10.0)
        (battery.sleep if sleeps else battery.stay_awake)(0.0)
        if sends:
            for second in range(0, int(hours * HOUR_S), 10):
                battery.send(float(second))
        return battery.used_ah(hours * HOUR_S)

    asleep, parked, sending = (
        used_ah(sleeps=sleeps, sends=sends)
        for sleeps, sends in ((True, False), (False, False), (False, True))
    )
    return asleep / hours, parked / hours, sending / hours


def wake_charges_ah() -> Found:
    """Return the charge of single wakes from outside."""
    found = []
    for number in range(MANY):
        battery = Battery(BatteryParameters(), _stream(f"battery-{number}"), tail_s=10.0)
        battery.wake_car()
        found.append(battery.used_ah(0.0))
    return Found.of(found)


def days_until_flat() -> Found:
    """Return after how many days cars are flat that are woken each hour."""
    street = Street(20, {**_SLEEPERS, "battery": {}, "awake_after_wake_s": 300.0})
    flat: dict[str, float] = {}
    hours = 0
    while len(flat) < len(street.boxes):
        for box in street.boxes:
            box.send_sms()
        hours += 1
        street.env.run(until=hours * HOUR_S)
        for box in street.boxes:
            if box.power.state is Power.OFF:
                flat.setdefault(box.vehicle_id, hours / 24)
    return Found.of([*flat.values()])


# Connections


def nat_forgets() -> Found:
    """Return how long a NAT remembers a connection on which nothing is exchanged."""
    street = Street(20, {"radio": {}, "keepalive_s": 1740, "heartbeat_s": 0.0})
    street.env.run(until=HOUR_S / 2)
    return Found.of(street.first("freeze", after_s=0.0))


def reconnect_delays(policy: ReconnectPolicy, failures: range) -> Found:
    """Return the delays after each of these numbers of failures, a hundred times."""
    stream = _stream("reconnect")
    return Found.of(
        [policy.delay_s(failed, stream) for _ in range(MANY // 10) for failed in failures]
    )


# Customers


def start_hours(day: str) -> Found:
    """Return the hours of the day at which rentals start."""
    stage = Profile.model_validate({"day": day, "per_day": MANY, "duration_s": _DAY_S})
    return Found.of([at_s / HOUR_S for at_s in stage.times(_stream("starts"))])


# Firmware and clock


def reboots() -> Found:
    """Return how long boxes that crash take until they connect again."""
    street = Street(MANY // 4, {})
    street.env.run(until=_SMS_AT_S)
    for box in street.boxes:
        box.power.reboot(by=Nobody())
    street.env.run(until=_SMS_AT_S + HOUR_S)
    return Found.of([at_s - _SMS_AT_S for at_s in street.first("connect", after_s=_SMS_AT_S)])


def updates() -> Found:
    """Return how long updates take."""
    busy, stream = UpdateOrDailyReboot().busy, _stream("update")
    return Found.of([busy.sample_s(stream) for _ in range(MANY)])


def clock_errors() -> Found:
    """Return how wrong the boxes' clocks are, ahead or behind."""
    street = Street(MANY // 2, {"clock_error": {"base_s": -2.0, "spread_s": 4.0}})
    return Found.of([abs(box.clock.own_unix_s - EPOCH_UNIX_S) for box in street.boxes])
