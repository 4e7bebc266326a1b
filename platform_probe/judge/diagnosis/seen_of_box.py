"""Facts that box and car report of themselves: battery, signal, boots, locks and doors. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from fleet_wire.modes.facts import Fact
from platform_probe.cars.state import Session
from platform_probe.judge.diagnosis.case import AGAIN_S, SETTLED_S, Case
from platform_probe.judge.diagnosis.census import ALIKE
from platform_probe.judge.diagnosis.pings import BY_ITSELF_S

LOW_V: Final = 12.25
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
    car, seen = case.car, case.seen
    if car.voltage_v is not None and car.voltage_v < LOW_V:
        seen[Fact.VOLTAGE_LOW] = f"the car's battery was low: {car.voltage_v:.2f} V"
    has_fallen = car.voltage_v is not None and car.peak_v - car.voltage_v >= FELL_V
    if car.voltage_v is not None and has_fallen and car.voltage_v < RESTING_V:
        seen[Fact.VOLTAGE_FELL] = (
            f"the car's battery fell from {car.peak_v:.2f} to {car.voltage_v:.2f} V since"
            f" {case.at(car.peak_at_s)}"
        )
    if car.signal_dbm is not None and car.signal_dbm < WEAK_DBM:
        seen[Fact.SIGNAL_LOW] = f"its signal was very weak: {car.signal_dbm:.0f} dBm"
    if car.signal_dbm is not None and car.peak_dbm is not None:
        fell_db = car.peak_dbm - car.signal_dbm
        if fell_db >= FELL_DB:
            seen[Fact.SIGNAL_FELL] = (
                f"its signal fell from {car.peak_dbm:.0f} to {car.signal_dbm:.0f} dBm"
            )
    if car.low_voltage_s is not None and _is_last_known(case, car.low_voltage_s):
        seen[Fact.TOLD_LOW_VOLTAGE] = (
            f"the box told of a low battery at {case.at(car.low_voltage_s)}"
        )


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
            case.seen.setdefault(Fact.BOOTED_AFTER, _booted(case, booted_s))


def _booted(case: Case, at_s: float) -> str:
    return f"the box restarted at {case.at(at_s)}, {case.ago(at_s)}"


def note_boots(case: Case) -> None:
    """Note boots before the unlock, and such that follow each other."""
    car, seen, began_s = case.car, case.seen, case.began_s
    if car.booted_s is None:
        return
    when = _booted(case, car.booted_s)
    if car.booted_s <= case.published_s and began_s - car.booted_s < BOOTED_S:
        seen[Fact.BOOTED_BEFORE] = when
    has_booted = Fact.BOOTED_AFTER in seen or Fact.BOOTED_BEFORE in seen
    if has_booted and car.ran_unconnected_s > DIALS_S:
        seen[Fact.RAN_UNCONNECTED] = (
            f"when it connected, the box had run for {car.ran_unconnected_s:.0f} s"
        )
    before_s = car.booted_before_s
    if before_s is not None and car.booted_s - before_s < BOOTED_S:
        seen[Fact.BOOTED_AGAIN] = f"{when}, and {car.booted_s - before_s:.0f} s before that"


def note_firmware(case: Case) -> None:
    """Note what the box says of updates, and of keys and places that are too old for it."""
    car, seen, began_s = case.car, case.seen, case.began_s
    if car.updating_s is not None and _is_last_known(case, car.updating_s):
        seen[Fact.UPDATING] = (
            f"the box began an update at {case.at(car.updating_s)}, {case.ago(car.updating_s)}"
        )
    changed_s = car.firmware_changed_s
    if changed_s is not None and began_s - changed_s < DAY_S:
        seen[Fact.FIRMWARE_CHANGED] = f"the box got new software (firmware) at {case.at(changed_s)}"
    if car.position_age_s is not None and car.position_age_s > OLD_POSITION_S:
        seen[Fact.POSITION_OLD] = f"the car's position is {car.position_age_s / 60:.0f} min old"
    if car.key_expired_s is not None and abs(began_s - car.key_expired_s) < AGAIN_S:
        seen[Fact.KEY_EXPIRED] = (
            f"the box refused a phone's own key as expired at {case.at(car.key_expired_s)}"
        )


def note_use(case: Case) -> None:
    """Note how much the box talks: events, data."""
    car, seen = case.car, case.seen
    recent = sum(case.began_s - at_s < FLOOD_WITHIN_S for at_s in car.events)
    if recent >= FLOOD:
        seen[Fact.EVENTS_IN_A_FLOOD] = (
            f"the box sent {recent} reports or more just before, far more than usual"
        )
    used, usual = car.data_used_bytes, case.usual_data_bytes
    if used is None:
        return
    if usual and used > MUCH_MORE * usual:  # of nothing there are no times
        seen[Fact.MUCH_DATA] = (
            f"its modem has used {used / usual:.0f} times as much mobile data as is usual"
        )
    spent = case.used_when_lost
    is_lost = case.back_s is None  # what it has used since is no matter
    if is_lost and spent is not None and spent[0] <= used * ALIKE and used <= spent[1]:
        seen[Fact.LOST_AT_SAME_DATA] = (
            f"the cars that have lost their connection had used {spent[0]:.0f} to {spent[1]:.0f}"
            " bytes of mobile data, and no other car so much"
        )


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
        seen[Fact.BACK_WITHOUT_BOOT] = "the box connected again, and told of no restart"


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
    case.seen[Fact.RELOCKED] = (
        f"the car locked itself again after {open_for_s:.0f} s, no door was opened"
    )
    if open_for_s < AT_ONCE_S:
        case.seen[Fact.RELOCKED_AT_ONCE] = f"the car was open for {open_for_s:.1f} s"
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
        what, after_s = "asked for the car once more", again_s - relocked_s
    elif not asked_s and called_s is not None and 0 < called_s - relocked_s < RELOCKED_S:
        what, after_s = "called support", called_s - relocked_s
    else:
        return
    case.seen[Fact.ASKED_AFTER_RELOCK] = (
        f"the customer {what} {after_s:.0f} s after the car had locked itself again"
    )


def note_bounce(case: Case) -> None:
    """Note a lock that did not hold when the car was last locked."""
    bounced = case.car.bounced()
    if bounced is not None and bounced.at_s < case.began_s:
        case.seen[Fact.LOCK_BOUNCED] = (
            f"told to lock, the car sprang open again at {case.at(bounced.at_s)},"
            f" {case.ago(bounced.at_s)}"
        )


def note_doors(case: Case) -> None:
    """Note which doors were open or stayed locked, and what else was not as in a parked car."""
    car, seen = case.car, case.seen
    soon = [at_s for at_s in car.doors if 0 <= at_s - case.published_s < RELOCKED_S]
    opened_s = next((at_s for at_s in soon if at_s <= _open_until_s(case)), None)
    if opened_s is not None:
        whose = ", by another unlock" if Fact.NOTHING_PUBLISHED in seen else ""
        seen[Fact.DOOR_OPENED] = f"a door was opened at {case.at(opened_s)}{whose}"
    elif car.doors and not soon and case.now_s - case.ended_s > NOBODY_S:
        seen[Fact.NO_DOOR_OPENED] = f"no door was opened within {NOBODY_S:.0f} s"
    if car.ajar_s is not None and car.ajar_s < case.began_s:
        seen[Fact.DOOR_AJAR] = f"a door is open since {case.at(car.ajar_s)}"
    unlocked = [
        name
        for name, value in (car.signals or {}).items()
        if name.endswith(".IsLocked") and not value
    ]
    if unlocked:
        is_boot = len(unlocked) == 1 and "Trunk" in unlocked[0]
        fact = Fact.ONLY_BOOT_OPEN if is_boot else Fact.DOORS_DIFFER
        seen[fact] = f"the driver's door is locked; unlocked: {', '.join(map(_plain, unlocked))}"
    locked = still_locked(car.signals)
    if locked:
        seen[Fact.ANOTHER_DOOR_LOCKED] = f"still locked: {', '.join(locked)}"
    for name, value in (car.signals or {}).items():
        if name.endswith(".IsOpen") and value:
            seen[Fact.DOOR_AJAR] = f"{_plain(name)} is open"
        elif name == "Vehicle.LowVoltageSystemState":
            seen[Fact.NOT_PARKED] = f"its ignition is {value}"


def _open_until_s(case: Case) -> float:
    """Return when a car was locked again that an unlock had opened; infinity: it was not.

    A door that opens after that is another unlock's.
    """
    moves = iter(case.car.locks)
    has_opened = any(not move.is_locked and move.at_s >= case.began_s for move in moves)
    return next((move.at_s for move in moves if has_opened and move.is_locked), math.inf)


def still_locked(signals: Mapping[str, bool | str] | None) -> list[str]:
    """Return which doors are locked though the driver's is not, and whether the immobiliser is on.

    Names are everyday words; a door that the car does not report is as the driver's door is.
    """
    return [
        "the immobiliser" if name == IMMOBILISED else _plain(name)
        for name, value in (signals or {}).items()
        if value is True and (name == IMMOBILISED or name.endswith(".IsLocked"))
    ]


IMMOBILISED: Final = "is_immobilised"
_PLAIN: Final = {
    "Vehicle.Cabin.Door.Row1.DriverSide": "the driver's door",
    "Vehicle.Cabin.Door.Row1.PassengerSide": "the front passenger's door",
    "Vehicle.Cabin.Door.Row2.DriverSide": "the rear door on the driver's side",
    "Vehicle.Cabin.Door.Row2.PassengerSide": "the rear door on the passenger's side",
    "Vehicle.Body.Trunk.Rear": "the boot",
    "Vehicle.Body.Hood": "the bonnet",
}
"""Everyday names of VSS signals."""


def _plain(signal: str) -> str:
    """Return what a signal is about, as people say it."""
    about = signal.rpartition(".")[0]
    return _PLAIN.get(about, about)
