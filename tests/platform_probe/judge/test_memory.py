"""A judge's memory is bounded: in three times the time it knows no more things."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

import msgspec
import pytest

from fleet_wire.contract.attempt import PlatformSide, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import (
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import CarMessage, Entry, MonitorStarted, RecordWritten, Tick
from platform_probe.judge.detection import repeats
from platform_probe.judge.diagnosis import accounts, diagnosing, ended_unlocks, hearing
from platform_probe.judge.diagnosis.ranking import Ranking
from platform_probe.judge.judge import Judge
from platform_probe.judge.weights import shipped_ranking
from platform_probe.judge_process.outlets import judge_of
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.records import attempt_of

CARS: Final = 40
HOUR_S: Final = 3600
TICK_S: Final = 10
UNLOCK_EVERY_S: Final = 20
BEAT_EVERY_S: Final = 300
OUTAGE_EVERY_S, OUTAGE_S = 6 * HOUR_S, 1200
"""A region's network fails for so long, so often: an incident each time."""
SICK_EVERY: Final = 25
"""One unlock in so many fails of its own."""
HOURS: Final = 8
UNIX_S: Final = 1_767_225_600.0
LIMITS: Final = (
    (accounts, "MAX_ACCOUNTS", 100), (diagnosing, "MAX_RECENT", 20), (hearing, "MAX_REFUSALS", 10),
    (ended_unlocks, "MAX_COUNTED", 500), (repeats, "BOOKED_S", 2.0 * HOUR_S),
)  # fmt: skip
"""How much is kept for how long: here so little that it is reached within some hours."""
OURS: Final = ("platform_probe", "fleet_wire")
CAUSES: Final = (Cause.BOX_SILENT, Cause.API_REFUSED, Cause.BOX_ASLEEP)


def car_of(number: int) -> str:
    """Return the id of a car."""
    return f"car-{number % CARS}"


def region_of(number: int) -> str:
    """Return where a car is."""
    return f"region-{number % CARS % 2}"


def has_outage(second: int) -> bool:
    """Return whether the network of a region fails."""
    return second % OUTAGE_EVERY_S >= OUTAGE_EVERY_S - OUTAGE_S - HOUR_S and (
        second % OUTAGE_EVERY_S < OUTAGE_EVERY_S - HOUR_S
    )


def entries(begin: int, end: int) -> Iterator[Entry]:
    """Yield the journal between two seconds: all that is unique is new each time."""
    if not begin:
        yield MonitorStarted(UNIX_S, UNIX_S)
        yield from chain.from_iterable(map(_first_words, range(CARS)))
    for second in range(begin, end, TICK_S):
        at = UNIX_S + second
        yield Tick(at, at)
        if has_outage(second) != has_outage(second - TICK_S):
            yield from _network(at, is_there=not has_outage(second), number=second)
        for number in range(CARS):
            if second % BEAT_EVERY_S == number // 10 * TICK_S and not _is_cut_off(second, number):
                beat = Telemetry(-80.0, 12.5, 3.0)
                yield CarMessage(at, TopicKind.TELEMETRY, car_of(number), beat)
        if second % UNLOCK_EVERY_S == 0:
            yield from _unlock(at, second, second // UNLOCK_EVERY_S)


def _is_cut_off(second: int, number: int) -> bool:
    return has_outage(second) and region_of(number) == region_of(0)


def _first_words(number: int) -> Iterator[Entry]:
    online = Presence(PresenceStatus.ONLINE, f"first-{number}")
    state = VehicleState(
        is_locked=True, is_open=False, voltage_v=12.5, firmware="2.4.1", hardware="tcu-3",
        operator="operator", region=region_of(number),
    )  # fmt: skip
    for kind, message in ((TopicKind.PRESENCE, online), (TopicKind.STATE, state)):
        yield CarMessage(UNIX_S, kind, car_of(number), message, is_retained=True)


def _network(at: float, *, is_there: bool, number: int) -> Iterator[Entry]:
    for each in range(0, CARS, 2):
        status = PresenceStatus.ONLINE if is_there else PresenceStatus.OFFLINE
        reason = None if is_there else PresenceReason.LAST_WILL
        presence = Presence(status, f"session-{number if is_there else 'last'}-{each}", reason)
        yield CarMessage(at, TopicKind.PRESENCE, car_of(each), presence)


def _unlock(at: float, second: int, number: int) -> Iterator[Entry]:
    cause = CAUSES[number // SICK_EVERY % len(CAUSES)] if number % SICK_EVERY == 0 else None
    if _is_cut_off(second, number):
        cause = Cause.BOX_SILENT
    command_id = f"command-{number}"
    if cause is None:
        for phase in (Phase.RECEIVED, Phase.EXECUTED):
            result = Result(command_id, phase)
            yield CarMessage(at, TopicKind.RESULT, car_of(number), result)
    yield RecordWritten(
        at,
        msgspec.structs.replace(
            attempt_of(cause=cause, source=Source.CUSTOMER, total_s=5.0),
            attempt_id=f"attempt-{number}", vehicle_id=car_of(number),
            command_id=command_id, trace_id=f"trace-{number}", booking_id=f"booking-{number}",
            started_at=at - 5.0, region=region_of(number), operator="operator",
            firmware="2.4.1", hardware="tcu-3",
            platform=PlatformSide(account_id=f"account-{number}", status=202),
        ),
    )  # fmt: skip


def things_in(root: object) -> int:
    """Return how many different things are reached from an object, the weights aside."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen[id(one)] = one
            waiting += _parts_of(one)
    return len(seen)


def _parts_of(one: Any) -> Iterator[object]:
    if isinstance(one, dict):
        yield from chain.from_iterable(one.items())
    elif isinstance(one, Ranking):
        return
    elif isinstance(one, list | tuple | set | frozenset | deque):
        yield from one
    elif isinstance(one, msgspec.Struct):
        yield from (getattr(one, name) for name in one.__struct_fields__)
    elif not isinstance(one, type) and type(one).__module__.startswith(OURS):
        yield from getattr(one, "__dict__", {}).values()
        for kind in type(one).__mro__:
            slots = getattr(kind, "__slots__", ())
            yield from (getattr(one, name) for name in slots if hasattr(one, name))


def judged_until(judge: Judge, begin: int, end: int) -> tuple[int, set[str]]:
    """Judge the journal between two seconds; return the known things, and the incidents told."""
    told: set[str] = set()
    for entry in entries(begin, end):
        for judgement in judge.apply(entry):
            told.add(getattr(judgement, "incident_id", ""))
    return things_in(judge), told - {""}


def test_a_judge_knows_no_more_after_three_times_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of cars, unlocks, customers and incidents; with a tenth for what is learned of each hour."""
    for module, name, limit in LIMITS:
        monkeypatch.setattr(module, name, limit)
    judge = judge_of(ProbeSettings(), shipped_ranking())
    early, some = judged_until(judge, 0, HOURS * HOUR_S)
    late, others = judged_until(judge, HOURS * HOUR_S, 3 * HOURS * HOUR_S)
    assert some
    assert len(others) > len(some)
    assert late < 1.1 * early
