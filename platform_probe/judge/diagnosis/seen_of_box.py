"""Facts that box and car report of themselves: battery, signal, boots, locks and doors. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.case import AGAIN_S, SETTLED_S, Case, evidence
from platform_probe.judge.diagnosis.census import ALIKE
from platform_probe.judge.diagnosis.pings import BY_ITSELF_S
from platform_probe.texts.catalogue import as_is

LOW_V: Final = 12.25
TOO_WEAK_V: Final = 9.0
"""Below it no command moves a lock (Fiat/Alfa E3040); a box that saves power is off long before."""
FELL_V: Final = 0.15
RESTING_V: Final = 12.5
"""A battery above it is well: its voltage falls by two volts whenever the engine stops."""
FELL_DB: Final = 15.0
"""More than a parked car's signal swings [E]; a bad contact of the antenna costs 20 dB."""
WEAK_DBM: Final = -110.0
"""RSRP at which LTE hardly works (3GPP TS 36.133 reports down to -140)."""
RELOCKED_S: Final = 150.0
"""The longest time after which a car locks itself: 120 s (ha-volvo-cars#129), and its report."""
AT_ONCE_S: Final = 15.0
"""Half of the shortest time that makers give for opening a door, 30 s (Blue Link; kia_uvo#436)."""
OLD_POSITION_S: Final = 1800.0
"""Receivers of parked cars are woken every 30 minutes (INVERS, inspect FAQ)."""
NOBODY_S: Final = 45.0
"""The time within which a person who heard the lock opens a door [E]."""
BOOTED_S: Final = 600.0
DIALS_S: Final = 20.0
"""Longer than a box that has booted takes to register and to connect [E]."""
DAY_S: Final = 86_400.0
FLOOD: Final = 20
FLOOD_WITHIN_S: Final = 120.0
MUCH_MORE: Final = 2.5
"""The multiple of the median usage of all cars that counts as much [E]."""


_POWER: Final = frozenset(
    {
        Fact.VOLTAGE_LOW, Fact.VOLTAGE_FELL, Fact.TOLD_LOW_VOLTAGE, Fact.BOOTED_AFTER,
    }
)  # fmt: skip


def note_heartbeats(case: Case) -> None:
    """Note what heartbeats say of battery and signal."""
    car = case.car
    is_low = car.voltage_v is not None and car.voltage_v < LOW_V
    if car.voltage_v is not None and is_low:
        case.note(Fact.VOLTAGE_LOW, volts=car.voltage_v)
    if car.voltage_v is not None and car.voltage_v < TOO_WEAK_V:
        case.note(Fact.TOO_WEAK_TO_MOVE, volts=car.voltage_v)
    has_fallen = car.voltage_v is not None and car.peak_v - car.voltage_v >= FELL_V
    if car.voltage_v is not None and has_fallen and car.voltage_v < RESTING_V:
        since = case.unix_s(car.peak_at_s)
        case.note(Fact.VOLTAGE_FELL, before=car.peak_v, volts=car.voltage_v, since=since)
    if car.signal_dbm is not None and car.signal_dbm < WEAK_DBM:
        case.note(Fact.SIGNAL_LOW, dbm=car.signal_dbm)
    if car.signal_dbm is not None and car.peak_dbm is not None:
        fell_db = car.peak_dbm - car.signal_dbm
        if fell_db >= FELL_DB:
            case.note(Fact.SIGNAL_FELL, before=car.peak_dbm, dbm=car.signal_dbm)
    told_s = car.low_voltage_s
    if told_s is not None and (is_low or _is_last_known(case, told_s)):
        case.note(Fact.TOLD_LOW_VOLTAGE, at=case.unix_s(told_s))


def _is_last_known(case: Case, told_s: float) -> bool:
    """Return whether what a box told still holds: it is recent, or the box fell silent after it."""
    if told_s > case.began_s:
        return told_s - case.began_s < AGAIN_S
    heard_s = case.car.last_heard_before(case.began_s)
    return heard_s is None or heard_s - told_s < AGAIN_S


def note_boot_after(case: Case) -> None:
    """Note that the box booted after the command, before it was there again."""
    for booted_s in (case.car.booted_before_s, case.car.booted_s):
        if booted_s is not None and case.published_s < booted_s <= case.until_s:
            case.seen.setdefault(Fact.BOOTED_AFTER, evidence("booted", **case.when(booted_s)))


def note_boots(case: Case) -> None:
    """Note boots before the unlock, and such that follow each other."""
    car, seen, began_s = case.car, case.seen, case.began_s
    if car.booted_s is None:
        return
    when = case.when(car.booted_s)
    if car.booted_s <= case.published_s and began_s - car.booted_s < BOOTED_S:
        case.note(Fact.BOOTED_BEFORE, "booted", **when)
    has_booted = Fact.BOOTED_AFTER in seen or Fact.BOOTED_BEFORE in seen
    ran_s = car.ran_unconnected_s or 0.0
    if has_booted and ran_s > DIALS_S:
        case.note(Fact.RAN_UNCONNECTED, seconds=ran_s)
    before_s = car.booted_before_s
    if before_s is not None and car.booted_s - before_s < BOOTED_S:
        case.note(Fact.BOOTED_AGAIN, **when, seconds=car.booted_s - before_s)


def note_firmware(case: Case) -> None:
    """Note what the box says of updates, and of keys and places that are too old for it."""
    car, began_s = case.car, case.began_s
    if car.updating_s is not None and _is_last_known(case, car.updating_s):
        case.note(Fact.UPDATING, **case.when(car.updating_s))
    changed_s = car.firmware_changed_s
    if changed_s is not None and began_s - changed_s < DAY_S:
        case.note(Fact.FIRMWARE_CHANGED, at=case.unix_s(changed_s))
    if car.position_age_s is not None and car.position_age_s > OLD_POSITION_S:
        case.note(Fact.POSITION_OLD, minutes=car.position_age_s / 60)
    if car.key_expired_s is not None and abs(began_s - car.key_expired_s) < AGAIN_S:
        case.note(Fact.KEY_EXPIRED, at=case.unix_s(car.key_expired_s))


def note_use(case: Case) -> None:
    """Note how much the box talks: events, data."""
    car = case.car
    recent = sum(case.began_s - at_s < FLOOD_WITHIN_S for at_s in car.events)
    if recent >= FLOOD:
        case.note(Fact.EVENTS_IN_A_FLOOD, count=recent)
    used = car.data_used_bytes
    if used is None:
        return
    census = case.count_cars()
    usual, spent = census.usual_data_bytes, census.used_when_lost(car.shared_traits)
    if usual and used > MUCH_MORE * usual:  # of nothing there are no times
        case.note(Fact.MUCH_DATA, times=used / usual)
    is_lost = case.back_s is None  # what it has used since is no matter
    if is_lost and spent is not None and spent[0] <= used * ALIKE and used <= spent[1]:
        case.note(Fact.LOST_AT_SAME_DATA, least=spent[0], most=spent[1])


def note_return_without_boot(case: Case) -> None:
    """Note a box that was lost and came back as it was: it had power all the time.

    A box that is lost again at once had no time to tell of a restart.
    """
    seen, back_s = case.seen, case.back_s
    if back_s is None or not case.has_events:
        return
    changes = case.car.changes_between(back_s, back_s + SETTLED_S)
    if any(change.session is Session.WILL for change in changes):
        return
    if Fact.BOOTED_AFTER not in seen and not _has_booted_while_away(case):
        case.note(Fact.BACK_WITHOUT_BOOT)


def _has_booted_while_away(case: Case) -> bool:
    """Return whether the box restarted since it was last heard of before it came back."""
    booted_s, back_s = case.car.booted_s, case.back_s
    if booted_s is None or back_s is None:
        return False
    heard_s = case.car.last_heard_before(back_s - BY_ITSELF_S)
    return heard_s is not None and booted_s > heard_s


def note_power(case: Case) -> None:
    """Note whether anything says that the box may have lost its power too."""
    if not _POWER.isdisjoint(case.seen):
        because = next(said for fact, said in case.seen.items() if fact in _POWER)
        case.seen[Fact.POWER_IN_DOUBT] = because


def note_state(case: Case) -> None:
    """Note what became of locks and doors."""
    relock = _relock(case)
    if relock is None:
        return
    opened_s, relocked_s = relock
    open_for_s = relocked_s - opened_s
    case.note(Fact.RELOCKED, seconds=open_for_s)
    if open_for_s < AT_ONCE_S:
        case.note(Fact.RELOCKED_AT_ONCE, seconds=open_for_s)
    _note_asked_after(case, opened_s, relocked_s)


def _relock(case: Case) -> tuple[float, float] | None:
    """Return when the car opened, and when it locked itself with no door opened; None: not so."""
    car = case.car
    opened_s: float | None = None
    relocks = {*car.relocks()}
    for move in car.locks:
        if not move.is_locked and move.at_s >= case.began_s:
            opened_s = move.at_s
        elif move.is_locked and opened_s is not None and move in relocks:
            was_used = any(opened_s <= door_s < move.at_s for door_s in car.doors)
            is_soon = move.at_s - opened_s < RELOCKED_S
            return (opened_s, move.at_s) if is_soon and not was_used else None
    return None


def _note_asked_after(case: Case, opened_s: float, relocked_s: float) -> None:
    """Note that the customer came too late for the door, and asked once more, or called support.

    A customer who presses while the car is open stands at another one, or has lost an answer.
    """
    record, called_s = case.record, case.support_called_s
    asked_s = [
        past.began_s
        for past in case.car.attempts
        if record.booking_id is not None
        and past.booking_id == record.booking_id
        and past.attempt_id != record.attempt_id
    ]
    if any(opened_s <= at_s <= relocked_s for at_s in asked_s):
        return
    again_s = next((at_s for at_s in sorted(asked_s) if at_s > relocked_s), None)
    if again_s is not None and again_s - relocked_s < RELOCKED_S:
        what, after_s = "asked_after_relock", again_s - relocked_s
    elif not asked_s and called_s is not None and 0 < called_s - relocked_s < RELOCKED_S:
        what, after_s = "called_after_relock", called_s - relocked_s
    else:
        return
    case.note(Fact.ASKED_AFTER_RELOCK, what, seconds=after_s)


def note_bounce(case: Case) -> None:
    """Note a lock that did not hold when the car was last locked."""
    bounced = case.car.bounced()
    if bounced is not None and bounced.at_s < case.began_s:
        case.note(Fact.LOCK_BOUNCED, **case.when(bounced.at_s))


def note_doors(case: Case) -> None:
    """Note which doors were open or stayed locked, and what else was not as in a parked car."""
    car, seen = case.car, case.seen
    soon = [at_s for at_s in car.doors if 0 <= at_s - case.published_s < RELOCKED_S]
    opened_s = next((at_s for at_s in soon if at_s <= _open_until_s(case)), None)
    if opened_s is not None:
        whose = "door_opened_by_another" if Fact.NOTHING_PUBLISHED in seen else None
        case.note(Fact.DOOR_OPENED, whose, at=case.unix_s(opened_s))
    elif car.doors and not soon and case.now_s - case.ended_s > NOBODY_S:
        case.note(Fact.NO_DOOR_OPENED, seconds=NOBODY_S)
    if car.ajar_s is not None and car.ajar_s < case.began_s:
        case.note(Fact.DOOR_AJAR, since=case.unix_s(car.ajar_s))
    unlocked = [
        name
        for name, value in (car.signals or {}).items()
        if name.endswith(".IsLocked") and not value
    ]
    if unlocked:
        is_boot = len(unlocked) == 1 and "Trunk" in unlocked[0]
        fact = Fact.ONLY_BOOT_OPEN if is_boot else Fact.DOORS_DIFFER
        case.note(fact, "doors_differ", doors=tuple(map(_part, unlocked)))
    locked = still_locked(car.signals)
    if locked:
        case.note(Fact.ANOTHER_DOOR_LOCKED, doors=locked)
    for name, value in (car.signals or {}).items():
        if name.endswith(".IsOpen") and value:
            case.note(Fact.DOOR_AJAR, "door_is_open", door=_part(name))
        elif name == "Vehicle.LowVoltageSystemState":
            case.note(Fact.NOT_PARKED, "ignition", state=str(value))


def _open_until_s(case: Case) -> float:
    """Return when a car was locked again that an unlock had opened; infinity: it was not.

    A door that opens after that is another unlock's.
    """
    moves = iter(case.car.locks)
    has_opened = any(not move.is_locked and move.at_s >= case.began_s for move in moves)
    return next((move.at_s for move in moves if has_opened and move.is_locked), math.inf)


def still_locked(signals: Mapping[str, bool | str] | None) -> tuple[Text, ...]:
    """Return which doors are locked though the driver's is not, and whether the immobiliser is on.

    A door that the car does not report is as the driver's door is.
    """
    return tuple(
        _part(name)
        for name, value in (signals or {}).items()
        if value is True and (name == IMMOBILISED or name.endswith(".IsLocked"))
    )


IMMOBILISED: Final = "is_immobilised"
_PARTS: Final = {
    "Vehicle.Cabin.Door.Row1.DriverSide": "part.driver_door",
    "Vehicle.Cabin.Door.Row1.PassengerSide": "part.passenger_door",
    "Vehicle.Cabin.Door.Row2.DriverSide": "part.rear_door_driver_side",
    "Vehicle.Cabin.Door.Row2.PassengerSide": "part.rear_door_passenger_side",
    "Vehicle.Body.Trunk.Rear": "part.boot",
    "Vehicle.Body.Hood": "part.bonnet",
    IMMOBILISED: "part.immobiliser",
}
"""Names of VSS signals in the catalogue of texts."""


def _part(signal: str) -> Text:
    """Return which part of a car a signal is about, as people say it."""
    about = signal.rpartition(".")[0] or signal
    return Text(key=_PARTS[about]) if about in _PARTS else as_is(about)
