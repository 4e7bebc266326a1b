"""What was seen of an unlock: facts, each with a sentence that cites its values. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleet_wire.contract.attempt import Flag, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import COHORT
from platform_probe.diagnosis.car_history import Session
from platform_probe.diagnosis.case import FEWEST, Case
from platform_probe.diagnosis.census import LATE_HEARTBEATS
from platform_probe.diagnosis.neighbours import ALL

CROSSING_S: Final = 2.0
"""As `platform_probe.attempts.conclusion.CROSSING_S`: what left the box before the command came."""
SLOW_S: Final = 5.0
"""Slower than paging an idle phone ever is (IMC'23 pings: at most 3.3 s)."""
SOON_S: Final = 90.0
"""A box that reboots is back by then: 20 to 60 s, and its network [E]."""
AWAY_S: Final = 300.0
RECENT_S: Final = 120.0
FLAPS: Final = 3
FLAPS_WITHIN_S: Final = 300.0
WRONG_CLOCK_S: Final = 30.0
"""The smallest error that hides a command is its life; +-2 s are normal [E]."""
LOW_V: Final = 12.25
FELL_V: Final = 0.15
WEAK_DBM: Final = -110.0
"""RSRP at which LTE hardly works (3GPP TS 36.133 reports down to -140)."""
BOUNCED_S: Final = 3.0
RELOCKED_S: Final = 150.0
"""The longest time after which a car locks itself: 120 s (ha-volvo-cars#129), and its report."""
AGAIN_S: Final = 1800.0
BOOTED_S: Final = 600.0
DAY_S: Final = 86_400.0
FLOOD: Final = 20
FLOOD_WITHIN_S: Final = 120.0
MUCH_MORE: Final = 2.5
"""Such a multiple of what the middle one of all cars has used is much [E]."""
WAVE_SHARE: Final = 0.04
WAVE_CARS: Final = 5

_BY_CAUSE: Final = {
    None: (Fact.WENT_WELL, "the car answered and reported an open lock"),
    Cause.API_REFUSED: (Fact.NOTHING_PUBLISHED, "no command was sent to the broker"),
    Cause.API_FAILED: (Fact.NOTHING_PUBLISHED, "no command was sent to the broker"),
    Cause.NOT_PUBLISHED: (Fact.NOTHING_PUBLISHED, "no command was sent to the broker"),
    Cause.BROKER_UNREACHABLE: (Fact.BROKER_UNREACHABLE, "there was no connection with the broker"),
    Cause.BROKER_DENIED: (Fact.BROKER_DENIED, "the broker refused to take the command"),
    Cause.NO_SUBSCRIBER: (Fact.NO_SUBSCRIBER, "the broker knows no subscriber for the car"),
    Cause.EXECUTION_SILENT: (
        Fact.SILENT_AFTER_RECEIPT,
        "the box confirmed the command and said nothing more",
    ),
    Cause.RESULT_LOST: (
        Fact.STATE_WITHOUT_RESULT,
        "the car reported an open lock, and no answer came",
    ),
    Cause.DOOR_UNCONFIRMED: (
        Fact.RESULT_WITHOUT_STATE,
        "the box said that it unlocked, and no open lock was reported",
    ),
    Cause.BOX_SAYS_EXPIRED: (Fact.REFUSED_EXPIRED, "the box refused the command as too old"),
    Cause.BOX_BUSY: (Fact.REFUSED_BUSY, "the box refused because it was busy"),
    Cause.VEHICLE_STATE: (Fact.REFUSED_VEHICLE_STATE, "the box refused for the car's state"),
}
_NOT_DELIVERED: Final = frozenset(
    {Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT, Cause.DOWNLINK_LOST}
)
_BY_REFUSAL: Final = {
    "expired": Fact.REFUSED_EXPIRED,
    "replayed": Fact.REFUSED_REPLAYED,
    "bad_signature": Fact.REFUSED_BAD_SIGNATURE,
    "ttl_too_long": Fact.REFUSED_TTL_TOO_LONG,
    "malformed": Fact.REFUSED_MALFORMED,
    "busy": Fact.REFUSED_BUSY,
    "can_bus_no_ack": Fact.REFUSED_CAN_BUS,
    "actuator_inhibited": Fact.REFUSED_INHIBITED,
    "low_voltage": Fact.REFUSED_LOW_VOLTAGE,
    "wrong_vehicle_state": Fact.REFUSED_VEHICLE_STATE,
    "failed": Fact.REFUSED_WITHOUT_REASON,
}
_BOOKINGS: Final = frozenset(
    {
        "booking-of-another",
        "vehicle-not-booked",
        "booking-unknown",
        "booking-not-started",
        "booking-ended",
        "vehicle-taken",
    }
)
_DIMENSIONS: Final = {
    "operator": Fact.OPERATOR_FAILS,
    "region": Fact.REGION_FAILS,
    "firmware": Fact.FIRMWARE_FAILS,
    "hardware": Fact.HARDWARE_FAILS,
    "app_version": Fact.APP_VERSION_FAILS,
}


_AWAY: Final = {
    "technology": Fact.TECHNOLOGY_AWAY,
    "operator": Fact.OPERATOR_AWAY,
    "region": Fact.REGION_AWAY,
    "firmware": Fact.FIRMWARE_AWAY,
    "hardware": Fact.HARDWARE_AWAY,
}


def observe(case: Case, *, is_first: bool) -> None:
    """Note in `case.seen` all facts that can be seen, each with its sentence.

    What was so when the unlock began is noted at the first look alone: later the car's history may
    not reach so far back, and what it was like then does not change.
    """
    for look in _LOOKS:
        if is_first or look not in _AT_FIRST:
            look(case)


def no_longer(seen: dict[Fact, str]) -> None:
    """Take out what an earlier look had noted and a later one has refuted."""
    if seen.keys() & COHORT:
        seen.pop(Fact.ALONE, None)
        seen.pop(Fact.FEW_AWAY, None)
    if Fact.OPENED_LATE in seen or Fact.CONFIRMED_LATE in seen or Fact.REFUSED_LATE in seen:
        seen.pop(Fact.NOTHING_AFTER_RETURN, None)
    for now, before in ((Fact.SAID_YES, Fact.SAID_NOTHING), (Fact.SAID_ERROR, Fact.SAID_NOTHING)):
        if now in seen:
            seen.pop(before, None)


def _of_how_far(case: Case) -> None:
    """Note how far the unlock came."""
    record, seen = case.record, case.seen
    if record.cause in _BY_CAUSE:
        fact, sentence = _BY_CAUSE[record.cause]
        seen[fact] = sentence
    elif record.cause in _NOT_DELIVERED or record.cause is Cause.UNCLASSIFIED:
        if Flag.ANSWERED_BY_ANOTHER not in record.flags:
            seen[Fact.NOT_DELIVERED] = "the broker took the command, and the box did not confirm it"
    elif record.cause in (Cause.BOX_REJECTED, Cause.VEHICLE_FAILED):
        fact = _BY_REFUSAL.get(case.refusal or record.reason or "", Fact.REFUSED_WITHOUT_REASON)
        seen[fact] = f"the box refused: {record.reason or 'it did not say why'}"
    elif record.cause is Cause.NOT_OBSERVED and Stage.PUBLISHED.value not in record.stages:
        seen[Fact.NOTHING_REQUESTED] = "no request for this unlock is known"


def _of_oddities(case: Case) -> None:
    record, seen, late = case.record, case.seen, case.late
    for flag, fact, sentence in (
        (Flag.ANSWERED_BY_ANOTHER, Fact.ANSWERED_BY_ANOTHER, "another car answered"),
        (Flag.DUPLICATE, Fact.ANSWERED_TWICE, "an answer came more than once"),
        (Flag.WOKEN, Fact.WOKEN, "a wake request was sent"),
    ):
        if flag in record.flags:
            seen[fact] = sentence
    for phase, fact, what in (
        ("executed", Fact.OPENED_LATE, "the box opened the car"),
        ("refused", Fact.REFUSED_LATE, "the box refused the command"),
        ("received", Fact.CONFIRMED_LATE, "the box confirmed the command"),
    ):
        if phase in late:
            seen[fact] = f"{what} at {case.at(late[phase])}, {case.ago(late[phase])}"
    if "duplicate" in late:
        seen[Fact.ANSWERED_TWICE] = f"the same answer came again at {case.at(late['duplicate'])}"
    hop_s = record.hops_s.get(Stage.BOX_RECEIVED.value, 0.0)
    if Stage.BOX_RECEIVED.value in record.stages and hop_s > SLOW_S:
        seen[Fact.SLOW_DELIVERY] = f"the command took {hop_s:.1f} s to the box"
    ahead_s = case.car.clock_ahead_s
    if ahead_s is not None and abs(ahead_s) > WRONG_CLOCK_S:
        how = "ahead" if ahead_s > 0 else "behind"
        seen[Fact.CLOCK_WRONG] = f"the box's clock is {abs(ahead_s):.0f} s {how}"


def _of_presence_before(case: Case) -> None:
    car, seen, began_s = case.car, case.seen, case.began_s
    standing = car.standing_at(began_s)
    since = ""
    for change in car.changes:
        if change.at_s <= began_s:
            since = f" since {case.at(change.at_s)}, {case.ago(change.at_s)}"
            if change.session is Session.ONLINE and began_s - change.at_s < RECENT_S:
                seen[Fact.RECONNECTED_JUST_BEFORE] = (
                    f"the box connected at {case.at(change.at_s)}, {case.ago(change.at_s)}"
                )
    if standing is Session.ONLINE:
        seen[Fact.WAS_ONLINE] = f"presence said online{since}"
    elif standing is Session.ASLEEP:
        seen[Fact.WAS_ASLEEP] = f"presence said asleep{since}"
    elif standing is not None:
        seen[Fact.WAS_OFFLINE] = f"presence said offline{since}"
        if standing is not Session.SHUTDOWN:
            seen[Fact.WILL_BEFORE] = f"presence said offline{since}; it was a last will"
    elif car.standing is None:
        seen[Fact.NEVER_PRESENT] = "no presence of the car was ever seen"
    if any(change.session is Session.OLD_WILL for change in car.changes):
        seen[Fact.TALKS_WHILE_OFFLINE] = "the last will of an older connection came after the new"


def _of_presence_after(case: Case) -> None:
    car, seen, published_s = case.car, case.seen, case.published_s
    will_s: float | None = None
    was_lost = car.standing_at(published_s) in (Session.WILL, Session.SHUTDOWN)
    for change in car.changes_between(published_s, case.now_s):
        if change.session is Session.WILL and will_s is None:
            will_s = change.at_s
            seen[Fact.WILL_AFTER] = f"its last will came at {case.at(will_s)}, {case.ago(will_s)}"
        elif change.session is Session.ONLINE:
            after_s = change.at_s - published_s
            when = f"at {case.at(change.at_s)}, {case.ago(change.at_s)}"
            fact = Fact.BACK_SOON if after_s <= SOON_S else Fact.BACK_IN_MINUTES
            seen.setdefault(fact, f"the box connected anew {when}")
            if will_s is not None or was_lost:
                seen[Fact.BACK_AFTER_WILL] = f"the box came back after a last will, {when}"
            elif car.standing_at(published_s) is Session.ONLINE:
                seen[Fact.BACK_WITHOUT_WILL] = (
                    f"the box connected anew {when}, and presence had said online all the time"
                )
            break
    recent = [at for at, _ in car.changes if abs(at - case.began_s) < FLAPS_WITHIN_S]
    returns = sum(
        change.session is Session.ONLINE
        for change in car.changes
        if abs(change.at_s - case.began_s) < FLAPS_WITHIN_S
    )
    if returns >= FLAPS:
        seen[Fact.FLAPPED] = (
            f"the box connected {returns} times between {case.at(recent[0])} and"
            f" {case.at(recent[-1])}"
        )


def _of_life(case: Case) -> None:
    """Note when the car was heard of, before and after."""
    car, seen, began_s = case.car, case.seen, case.began_s
    at_box_s = case.published_s + CROSSING_S
    heard_s = car.first_heard_after(at_box_s)
    is_same_connection = not {
        Fact.BACK_SOON, Fact.BACK_IN_MINUTES
    } & seen.keys() or _came_before_return(case, heard_s)  # fmt: skip
    if heard_s is not None and is_same_connection and Fact.WENT_WELL not in seen:
        seen[Fact.REPORTED_AFTER] = f"the car reported at {case.at(heard_s)}, {case.ago(heard_s)}"
    if heard_s is None and case.now_s - at_box_s >= AWAY_S:
        seen[Fact.STILL_AWAY] = "nothing was heard of the car until now"
    offline = (Session.WILL, Session.SHUTDOWN, Session.OLD_WILL)
    lost = [change.at_s for change in car.changes if change.session in offline]
    if car.standing in offline and lost and car.first_heard_after(lost[-1] + CROSSING_S):
        seen[Fact.TALKS_WHILE_OFFLINE] = (
            f"presence said offline at {case.at(lost[-1])}, and the car reported after that"
        )


def _of_before(case: Case) -> None:
    """Note how the car was heard of before the unlock."""
    car, seen, began_s = case.car, case.seen, case.began_s
    standing = car.standing_at(began_s)
    last_s = car.last_heard_before(began_s)
    if (
        standing is Session.ONLINE
        and car.interval_s is not None
        and car.beats
        and (last_s is None or began_s - last_s > car.interval_s * LATE_HEARTBEATS)
    ):
        last = "" if last_s is None else f", last at {case.at(last_s)}, {case.ago(last_s)}"
        seen[Fact.SILENT_BEFORE] = (
            f"the car reports every {car.interval_s:.0f} s, and had not{last}"
        )


def _came_before_return(case: Case, heard_s: float | None) -> bool:
    """Return whether a sign of life came on the connection that the car had then."""
    if heard_s is None:
        return False
    back_s = [
        change.at_s
        for change in case.car.changes_between(case.published_s, case.now_s)
        if change.session is Session.ONLINE
    ]
    return not back_s or heard_s < back_s[0]


def _of_return(case: Case) -> None:
    """Note a command that should have waited for a box that is back."""
    seen = case.seen
    is_back = Fact.BACK_SOON in seen or Fact.BACK_IN_MINUTES in seen
    if is_back and not case.late and Fact.NOT_DELIVERED in seen:
        seen[Fact.NOTHING_AFTER_RETURN] = "the box is back, and has not answered the command"


def _of_heartbeats(case: Case) -> None:
    car, seen = case.car, case.seen
    if car.voltage_v is not None and car.voltage_v < LOW_V:
        seen[Fact.VOLTAGE_LOW] = f"its battery was at {car.voltage_v:.2f} V"
    if car.voltage_v is not None and car.peak_v - car.voltage_v >= FELL_V:
        seen[Fact.VOLTAGE_FELL] = (
            f"its battery fell from {car.peak_v:.2f} to {car.voltage_v:.2f} V since"
            f" {case.at(car.peak_at_s)}"
        )
    if car.signal_dbm is not None and car.signal_dbm < WEAK_DBM:
        seen[Fact.SIGNAL_LOW] = f"its signal was at {car.signal_dbm:.0f} dBm"


def _of_box(case: Case) -> None:
    car, seen, began_s = case.car, case.seen, case.began_s
    if car.booted_s is not None:
        when = f"the box booted at {case.at(car.booted_s)}, {case.ago(car.booted_s)}"
        if car.booted_s > case.published_s:
            seen[Fact.BOOTED_AFTER] = when
        elif began_s - car.booted_s < BOOTED_S:
            seen[Fact.BOOTED_BEFORE] = when
    if car.updating_s is not None and abs(began_s - car.updating_s) < AGAIN_S:
        seen[Fact.UPDATING] = (
            f"the box began an update at {case.at(car.updating_s)}, {case.ago(car.updating_s)}"
        )
    changed_s = car.firmware_changed_s
    if changed_s is not None and began_s - changed_s < DAY_S:
        seen[Fact.FIRMWARE_CHANGED] = f"its firmware changed at {case.at(changed_s)}"
    recent = sum(began_s - at_s < FLOOD_WITHIN_S for at_s in car.events)
    if recent >= FLOOD:
        seen[Fact.EVENTS_IN_A_FLOOD] = f"the box sent {recent} events or more just before"
    used, usual = car.data_used_bytes, case.usual_data_bytes
    if used is not None and usual is not None and used > MUCH_MORE * usual:
        seen[Fact.MUCH_DATA] = f"its modem has used {used / usual:.0f} times as much as is usual"


def _of_state(case: Case) -> None:
    car, seen = case.car, case.seen
    opened_s: float | None = None
    relocks = {*car.relocks()}
    for move in car.locks:
        if not move.is_locked and move.at_s >= case.began_s:
            opened_s = move.at_s
        elif move.is_locked and opened_s is not None and move in relocks:
            open_for_s = move.at_s - opened_s
            door_s = car.door_opened_s
            if open_for_s < BOUNCED_S:
                seen[Fact.LOCK_BOUNCED] = f"the lock was open for {open_for_s:.1f} s"
            elif open_for_s < RELOCKED_S and (door_s is None or door_s < opened_s):
                seen[Fact.RELOCKED] = (
                    f"the car locked itself again after {open_for_s:.0f} s, no door was opened"
                )
            break
    door_s = car.door_opened_s
    if door_s is not None and 0 <= door_s - case.published_s < RELOCKED_S:
        seen[Fact.DOOR_OPENED] = f"a door was opened at {case.at(door_s)}"
    if car.ajar_s is not None and car.ajar_s < case.began_s:
        seen[Fact.DOOR_AJAR] = f"a door is open since {case.at(car.ajar_s)}"
    for name, value in (car.signals or {}).items():
        if name.endswith(".IsOpen") and value:
            seen[Fact.DOOR_AJAR] = f"{name} is true"
        elif (name.endswith(".IsLocked") and value) or (name == "is_immobilised" and value):
            seen[Fact.ANOTHER_DOOR_LOCKED] = f"{name} is true"
        elif name == "Vehicle.LowVoltageSystemState":
            seen[Fact.NOT_PARKED] = f"{name} is {value}"


def _of_this_car(case: Case) -> None:
    """Note how other unlocks of the car fared."""
    seen = case.seen
    for past in case.car.attempts:
        apart_s = past.began_s - case.began_s
        if past.attempt_id == case.record.attempt_id or abs(apart_s) > AGAIN_S:
            continue
        when = f"at {case.at(past.began_s)}, {case.ago(past.began_s)}"
        if past.cause is None:
            seen[Fact.WENT_WELL_BETWEEN] = f"an unlock of the car went well {when}"
        else:
            seen[Fact.FAILS_AGAIN] = f"an unlock of the car failed {when}: {past.cause.value}"
        if -RECENT_S / 4 < apart_s < 0:
            seen[Fact.UNLOCKED_MOMENTS_BEFORE] = f"the car was asked to open {when}"


def _is_early(case: Case) -> bool:
    """Return whether how others are now says how they were when the unlock failed."""
    return case.now_s - case.began_s < AWAY_S


def _of_lost_cars(case: Case) -> None:
    """Note what cars that are lost have in common."""
    seen, everybody = case.seen, case.lost[ALL].inside
    if everybody.total < FEWEST:
        return
    has_cohort = False
    for place, (inside, outside) in case.lost.items():
        fact = _AWAY.get(place[0])
        if fact is None or inside.failed < WAVE_CARS or outside.total < FEWEST:
            continue
        if inside.rate >= 0.2 and inside.rate >= 3 * (outside.failed + 0.5) / (outside.total + 1):  # noqa: PLR2004 - [E]
            has_cohort = True
            seen[fact] = (
                f"{place[0]} {place[1]}: {inside.failed} of {inside.total} cars are lost,"
                f" elsewhere {outside.failed} of {outside.total}"
            )
    if everybody.rate > 1 / 3:
        seen[Fact.MANY_AWAY] = f"{everybody.failed} of {everybody.total} cars are lost"
    elif everybody.rate < 0.08 and not has_cohort and _is_early(case):  # noqa: PLR2004 - [E]
        seen[Fact.FEW_AWAY] = f"only {everybody.failed} of {everybody.total} cars are lost"


def _of_others(case: Case) -> None:
    """Note how other cars fared."""
    seen, compared = case.seen, case.compared
    everybody = compared[ALL].inside
    if everybody.total < FEWEST:
        return
    has_cohort = False
    _of_lost_cars(case)
    for place, (inside, outside) in compared.items():
        fact = _DIMENSIONS.get(place[0])
        if fact is None or inside.failed < 3 or outside.total < 3:  # noqa: PLR2004 - two are chance
            continue
        if inside.rate >= 0.25 and inside.rate >= 3 * (outside.failed + 0.5) / (outside.total + 1):  # noqa: PLR2004 - [E]
            has_cohort = True
            seen[fact] = (
                f"{place[0]} {place[1]}: {inside.failed} of {inside.total} others failed,"
                f" elsewhere {outside.failed} of {outside.total}"
            )
    if everybody.rate > 0.5:  # noqa: PLR2004 - more than half
        seen[Fact.MANY_FAIL] = f"{everybody.failed} of {everybody.total} others failed"
    elif everybody.rate < 0.1 and not has_cohort and _is_early(case):  # noqa: PLR2004 - [E]
        seen[Fact.ALONE] = (
            f"{everybody.total - everybody.failed} of {everybody.total} others fared well"
        )
    few = max(WAVE_CARS, WAVE_SHARE * case.cars_known)
    if case.wills_around >= few:
        seen[Fact.WILLS_IN_A_WAVE] = f"{case.wills_around} boxes were lost within two minutes"
    if case.returns_around >= few:
        seen[Fact.MANY_CAME_BACK] = f"{case.returns_around} boxes connected within two minutes"


def _of_platform(case: Case) -> None:
    record, seen = case.record, case.seen
    side = record.platform
    if case.support_called_s is not None:
        seen[Fact.SUPPORT_CALLED] = (
            f"the customer called support at {case.at(case.support_called_s)}"
        )
    if case.cars_of_account >= 3:  # noqa: PLR2004 - nobody drives three [E]
        seen[Fact.MANY_CARS_OF_ONE] = f"the account asked for {case.cars_of_account} cars"
    if not side:
        return
    said = f"the API answered {side.status}" + (f" {side.problem}" if side.problem else "")
    _of_answer(case, said)
    answered_s = record.stages.get(Stage.API_ANSWERED.value)
    if side.status is not None and side.status < 400 and answered_s is not None:  # noqa: PLR2004
        end_s = side.ended_s
        if end_s is None or end_s > answered_s + 1.0:
            seen[Fact.YES_BEFORE_THE_END] = f"{said} before it was known how it ended"
    if Flag.TOLD_OTHERWISE in record.flags:
        seen[Fact.OPEN_BUT_TOLD_NO] = f"the car opened, and {said}"
    if side.requests > 1:
        seen[Fact.ASKED_AGAIN] = f"the phone asked {side.requests} times"
    if Fact.WAS_ASLEEP in seen and side.woken_s is None and side.ended_s is not None:
        seen[Fact.NOT_WOKEN] = "the box slept, and no wake request was sent"


def _of_answer(case: Case, said: str) -> None:
    side, seen = case.record.platform, case.seen
    assert side  # noqa: S101 - the caller has looked
    status, problem = side.status, side.problem
    if status is None:
        seen[Fact.SAID_NOTHING] = "the API has not answered"
    elif status < 400:  # noqa: PLR2004 - RFC 9110
        seen[Fact.SAID_YES] = said
    elif status < 500:  # noqa: PLR2004 - RFC 9110
        seen[Fact.SAID_NO] = said
    else:
        seen[Fact.SAID_ERROR] = said
        if problem in (None, "internal-error"):
            seen[Fact.EXPLAINED_NOTHING] = said
    fact = _BY_PROBLEM.get(problem or "")
    if fact is not None:
        seen[fact] = said


_BY_PROBLEM: Final = {
    **dict.fromkeys(_BOOKINGS, Fact.SAID_BOOKING),
    "maintenance": Fact.SAID_MAINTENANCE,
    "vehicle-busy": Fact.SAID_BUSY,
    "overloaded": Fact.SAID_OVERLOADED,
    "too-many-requests": Fact.SAID_OVERLOADED,
    "vehicle-silent": Fact.SAID_SILENT,
    "vehicle-unreachable": Fact.SAID_SILENT,
}
OFTEN: Final = 3
_BROKER_WORDS: Final = {
    "taken_over": (Fact.REPLACED, "a new connection of the box's id ended the old one"),
    "dropped": (Fact.DROPPED_AT_BROKER, "the broker dropped messages for the box"),
    "timed_out": (Fact.KEEPALIVE_EXCEEDED, "the broker gave the box up"),
    "denied": (Fact.DENIED_AT_BROKER, "the broker denied the box something"),
}


def _of_broker_log(case: Case) -> None:
    for at_s, kind in case.car.broker_words:
        if kind in _BROKER_WORDS and abs(at_s - case.began_s) < AGAIN_S:
            fact, sentence = _BROKER_WORDS[kind]
            case.seen[fact] = f"{sentence} at {case.at(at_s)}, {case.ago(at_s)}"
    taken = [at for at, kind in case.car.broker_words if kind == "taken_over"]
    if len(taken) >= OFTEN and taken[-1] - taken[-OFTEN] < FLAPS_WITHIN_S:
        case.seen[Fact.TAKEN_OVER] = (
            f"{len(taken)} times within minutes a new connection of the box's id ended the old one,"
            f" last at {case.at(taken[-1])}"
        )
    near = [at_s for at_s in case.tls_errors if abs(at_s - case.began_s) < AGAIN_S]
    if near:
        case.seen[Fact.TLS_FAILED] = (
            f"{len(near)} TLS handshakes failed at the broker, the last at {case.at(near[-1])}"
        )


_LOOKS: Final[tuple[Callable[[Case], None], ...]] = (
    _of_how_far,
    _of_oddities,
    _of_presence_before,
    _of_before,
    _of_presence_after,
    _of_life,
    _of_return,
    _of_heartbeats,
    _of_box,
    _of_state,
    _of_this_car,
    _of_others,
    _of_platform,
    _of_broker_log,
)
"""In this order: a later one may look at what an earlier one has seen."""
_AT_FIRST: Final = frozenset({_of_presence_before, _of_before, _of_heartbeats})
