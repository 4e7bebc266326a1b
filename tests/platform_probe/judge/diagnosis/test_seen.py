"""What is seen of an unlock: evidence that tells neighbours apart."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, Flag, PlatformSide, Source, StrayAnswer, StrayKind
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import (
    CarEvent,
    EventName,
    Phase,
    Reason,
    Result,
    Telemetry,
    VehicleState,
)
from fleet_wire.contract.topics import TopicKind
from tests.helpers.watched import ASLEEP, HEARTBEAT, ONLINE, SENT, WILL, Watched

CARS = 6


def parked(operator: str, region: str) -> VehicleState:
    """Return the state of a car that stands locked."""
    return VehicleState(
        is_locked=True, is_open=False, voltage_v=12.6, firmware="1", hardware="1",
        operator=operator, region=region,
    )  # fmt: skip


def fleet(watched: Watched) -> dict[tuple[str, str], list[str]]:
    """Let cars of two operators in two regions connect; return their ids."""
    cars = {
        (operator, region): [f"{operator}-{region}-{number}" for number in range(CARS)]
        for operator in ("a", "b")
        for region in ("north", "south")
    }
    cars["a", "north"][0] = "car-1"
    for (operator, region), ids in cars.items():
        for each in ids:
            watched.at(1.0).presence(each, ONLINE, retained=True)
            watched.diagnosing.state(each, parked(operator, region), retained=True)
    return cars


def hear_late(watched: Watched, failed: Attempt) -> None:
    """Let the answer of car-1 to command c1 be known to have come after its unlock had ended."""
    watched.diagnosing.handle_record(
        StrayAnswer(
            kind=StrayKind.LATE, vehicle_id="car-1", command_id="c1", phase="executed",
            at=watched.clock.wall_s, attempt_id=failed.attempt_id, after_s=65.0,
        )
    )  # fmt: skip
    watched.at(67.0)


@pytest.mark.parametrize(
    ("silent", "seen"),
    [
        (set(), "others_there_heard"),
        ({("a", "north")}, "none_there_heard"),
        ({("a", "north"), ("b", "north")}, "no_operator_heard"),
    ],
)
def test_who_else_is_silent_tells_a_car_from_an_operator_from_a_place(
    silent: set[tuple[str, str]], seen: str
) -> None:
    """Heartbeats of others come after the command, or those of nobody there."""
    watched = Watched()
    for where, ids in fleet(watched).items():
        for each in ids:
            if where not in silent and each != "car-1":
                watched.at(10.0).telemetry(each, HEARTBEAT)
    watched.at(20.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    among = {"others_there_heard", "none_there_heard", "no_operator_heard"}
    assert watched.facts() & among == {seen}


def test_what_is_counted_is_told_with_until_when() -> None:
    """Who reads it does so when more were heard of, and others have failed."""
    watched = Watched()
    for ids in fleet(watched).values():
        for each in ids:
            if each != "car-1":
                watched.at(10.0).telemetry(each, HEARTBEAT)
    watched.at(20.0)
    for number in range(2, 8):
        well = watched.ended(None, vehicle_id=f"car-{number}", attempt_id=f"well-{number}")
        watched.diagnosing.handle_record(well)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    said = {one.fact: one.sentence for one in watched.told[-1].facts}
    # The clock of the test begins at 22:13:20 UTC.
    by = "by 22:13:40, "
    heard = "5 of 6 cars of this operator and region had been heard of since"
    assert said["others_there_heard"] == by + heard
    others = "none of 6 other unlocks within ten minutes had failed alike"
    assert said["alone"] == by + others
    assert said["few_away"] == "at 22:13:40, none of 24 cars had lost their connection"
    watched.at(700.0)
    said = {one.fact: one.sentence for one in watched.told[-1].facts}
    assert said["others_there_heard"] == by + heard


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_car_is_left_behind_by_others_and_not_by_its_operator(*, is_alone: bool) -> None:
    """All lose their connection; of its operator's cars there the others are back, or none is."""
    watched = Watched()
    cars = fleet(watched)
    for ids in cars.values():
        for each in ids:
            watched.at(10.0).presence(each, WILL, retained=False)
    for where, ids in cars.items():
        for each in ids:
            if each != "car-1" and (is_alone or where != ("a", "north")):
                watched.at(70.0).presence(each, ONLINE, retained=False)
    watched.at(100.0)
    for number in range(2, 8):
        well = watched.ended(None, vehicle_id=f"car-{number}", attempt_id=f"well-{number}")
        watched.diagnosing.handle_record(well)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    assert ("left_behind" in watched.facts()) is is_alone


@pytest.mark.parametrize(("failures", "said"), [(63, "63"), (64, "64 or more"), (90, "64 or more")])
def test_no_more_failed_handshakes_are_counted_than_are_kept(failures: int, said: str) -> None:
    """Of more it is only known that there were more."""
    watched = Watched()
    why = "error:0A000418:SSL routines::tlsv1 alert unknown ca"
    failed = BrokerEvent(0.0, None, BrokerEventKind.TLS_ERROR, why)
    for _ in range(failures):
        watched.at(10.0).broker_said(failed)
    watched.at(20.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    (sentence,) = (one.sentence for one in watched.told[-1].facts if one.fact == "tls_failed")
    failed_so = "secure connections to the broker failed over a certificate (TLS)"
    assert sentence.startswith(f"{said} {failed_so} while the box was away")


@pytest.mark.parametrize(("who", "is_seen"), [("another", True), ("me", False)])
def test_who_books_a_car_again_is_no_other_customer(who: str, *, is_seen: bool) -> None:
    """A car that another booking has opened is theirs; one's own it stays."""
    watched = Watched()
    watched.at(1.0).state("car-1", parked("a", "north"), retained=True)
    for at_s, cause, account, booking in (
        (30.0, None, who, "b1"),
        (200.0, Cause.VEHICLE_STATE, "me", "b2"),
    ):
        watched.at(at_s)
        opened = msgspec.structs.replace(parked("a", "north"), is_locked=False)
        watched.diagnosing.state("car-1", opened, retained=False)
        side = PlatformSide(account_id=account)
        of_booking = watched.ended(cause, attempt_id=booking, booking_id=booking, platform=side)
        watched.diagnosing.handle_record(of_booking)
    assert ("two_bookings" in watched.facts()) is is_seen


A, B, C = "operator-a", "operator-b", "operator-c"
NORTH, EAST, SOUTH = "north", "east", "south"


@pytest.mark.parametrize(
    ("failing", "is_seen"),
    [
        ({(A, NORTH)}, True),
        ({(A, NORTH), (A, EAST), (A, SOUTH)}, True),
        ({(A, NORTH), (B, NORTH), (C, NORTH)}, False),
        ({(B, NORTH)}, False),
    ],
)
def test_an_operator_may_fail_in_one_region_of_three(
    failing: set[tuple[str, str]], *, is_seen: bool
) -> None:
    """Of all its unlocks that is a small part."""
    watched = Watched()
    watched.at(30.0)
    for operator in (A, B, C):
        for region in (NORTH, EAST, SOUTH):
            for number in range(6):
                is_ill = (operator, region) in failing and number % 2
                cause = Cause.BOX_SILENT if is_ill else None
                name = f"{operator}-{region}-{number}"
                of_car = watched.ended(
                    cause, vehicle_id=name, attempt_id=name, operator=operator, region=region
                )
                watched.diagnosing.handle_record(of_car)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, operator=A, region=NORTH))
    assert ("operator_fails" in watched.facts()) is is_seen


def test_nothing_follows_from_others_where_the_place_is_not_known() -> None:
    """A wire may say nothing of operators."""
    watched = Watched()
    for number in range(2, 2 + CARS):
        watched.at(10.0).telemetry(f"car-{number}", HEARTBEAT)
    watched.at(20.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    assert "others_there_heard" not in watched.facts()


@pytest.mark.parametrize("others_were", [None, BrokerEventKind.TIMED_OUT, BrokerEventKind.CLOSED])
def test_a_car_that_does_not_come_back_with_the_others_is_left_behind(
    others_were: BrokerEventKind | None,
) -> None:
    """Until it does. Of one that fell silent the others are those that did, too."""
    is_left = others_were is not BrokerEventKind.CLOSED
    watched = Watched()
    cars = ["car-1", *(f"car-{number}" for number in range(2, 12))]
    for each in cars:
        watched.at(1.0).presence(each, ONLINE, retained=True)
    watched.at(30.0)
    for each in cars[1:]:
        watched.diagnosing.handle_record(watched.ended(None, vehicle_id=each, attempt_id=each))
    for each in cars:
        watched.at(40.0).presence(each, WILL, retained=False)
        if others_were is not None:
            kind = BrokerEventKind.TIMED_OUT if each == "car-1" else others_were
            watched.diagnosing.broker_said(BrokerEvent(0.0, each, kind))
    watched.at(70.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE))
    assert "left_behind" not in watched.facts()
    for each in cars[1:]:
        watched.at(100.0).presence(each, ONLINE, retained=False)
    watched.at(111.0)
    assert ("left_behind" in watched.facts()) is is_left
    watched.at(120.0).presence("car-1", ONLINE, retained=False)
    watched.at(125.0)
    assert "left_behind" not in watched.facts()


@pytest.mark.parametrize(
    ("executed_s", "seen"),
    [
        (15.0, {"opened_in_time"}),
        (60.0, {"opened_late"}),
    ],
)
def test_an_answer_that_comes_late_says_by_the_boxs_clock_when_the_car_opened(
    executed_s: float, seen: set[str]
) -> None:
    """The answer may have waited in the car, or the command on its way there."""
    watched = Watched()
    box_ahead_s = 100.0
    epoch_s = watched.clock.wall_s + box_ahead_s

    def answer(phase: Phase, at_s: float) -> Result:
        return Result("c1", phase, box_time_ms=int((epoch_s + at_s) * 1000))

    watched.at(2.0).result("car-1", answer(Phase.RECEIVED, 2.0))
    watched.at(20.0)
    failed = watched.ended(Cause.EXECUTION_SILENT, command_id="c1", stages=SENT)
    watched.diagnosing.handle_record(failed)
    watched.at(65.0).result("car-1", answer(Phase.EXECUTED, executed_s))
    hear_late(watched, failed)
    among = {"opened_in_time", "opened_late"}
    assert watched.facts() & among == seen


def test_an_answer_that_has_waited_does_not_put_the_clock_back() -> None:
    """It only seems to be a minute behind."""
    watched = Watched()
    for at_s, said_s in ((1.0, 1.2), (70.0, 10.0)):
        box_ms = int((watched.clock.wall_s - watched.clock.now_s + said_s) * 1000)
        answer = Result(f"c{at_s}", Phase.EXECUTED, box_time_ms=box_ms)
        watched.at(at_s).result("car-1", answer)
    watched.at(80.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT))
    assert "clock_wrong" not in watched.facts()


@pytest.mark.parametrize(
    ("executed_s", "seen"), [(3.0, {"opened_in_time"}), (-60.0, {"clock_wrong", "opened_in_time"})]
)
def test_a_car_whose_only_answer_has_waited_opened_when_it_says(
    executed_s: float, seen: set[str]
) -> None:
    """Unless that was before anybody had asked: then its clock is wrong."""
    watched = Watched()
    epoch_s = watched.clock.wall_s
    watched.at(20.0)
    failed = watched.ended(Cause.EXECUTION_SILENT, command_id="c1", stages=SENT)
    watched.diagnosing.handle_record(failed)
    box_ms = int((epoch_s + executed_s) * 1000)
    watched.at(65.0).result("car-1", Result("c1", Phase.EXECUTED, box_time_ms=box_ms))
    hear_late(watched, failed)
    assert watched.facts() & {"opened_in_time", "opened_late", "clock_wrong"} == seen


@pytest.mark.parametrize(("woken_s", "is_noted"), [(None, True), (5.0, True), (0.1, False)])
def test_a_command_to_a_sleeping_box_needs_a_wake_request_before_it(
    woken_s: float | None, *, is_noted: bool
) -> None:
    """One that goes out afterwards is for the next command."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ASLEEP, retained=False)
    watched.at(60.0)
    side = PlatformSide(status=504, woken_s=woken_s)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_ASLEEP, stages=SENT, platform=side))
    assert ("not_woken" in watched.facts()) is is_noted


@pytest.mark.parametrize(("back_s", "is_overdue"), [(90.0, False), (120.0, True)])
def test_a_box_finds_a_dead_connection_by_its_next_ping(back_s: float, *, is_overdue: bool) -> None:
    """One that pings every minute and is away for longer was not there."""
    watched = Watched()
    connected = BrokerEvent(0.0, "car-1", BrokerEventKind.CONNECTED, keepalive_s=60.0)
    watched.at(1.0).broker_said(connected)
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.at(20.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    watched.at(back_s).presence("car-1", ONLINE, retained=False)
    watched.at(back_s + 5.0)
    assert ("ping_overdue" in watched.facts()) is is_overdue


@pytest.mark.parametrize(("heard_s", "is_overdue"), [(50.0, False), (1.0, True)])
def test_a_connection_was_dead_when_a_heartbeat_failed_to_come(
    heard_s: float, *, is_overdue: bool
) -> None:
    """Its box has had so much longer to find that out."""
    watched = Watched()
    connected = BrokerEvent(0.0, "car-1", BrokerEventKind.CONNECTED, keepalive_s=60.0)
    watched.at(1.0).broker_said(connected)
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for at_s in (0.0, 10.0):
        watched.at(heard_s + at_s).telemetry("car-1", HEARTBEAT)
    watched.at(80.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    watched.at(140.0).presence("car-1", ONLINE, retained=False)
    watched.at(145.0)
    assert ("ping_overdue" in watched.facts()) is is_overdue


def lose_connections(watched: Watched, cars: list[str], *, heard_s: float) -> None:
    """Let boxes that ping every minute connect, send two heartbeats, and be silent from then on."""
    for each in cars:
        connected = BrokerEvent(0.0, each, BrokerEventKind.CONNECTED, keepalive_s=60.0)
        watched.at(1.0).broker_said(connected)
        watched.at(1.0).presence(each, ONLINE, retained=False)
    for at_s in (heard_s - 10.0, heard_s):
        for each in cars:
            watched.at(at_s).telemetry(each, HEARTBEAT)


@pytest.mark.parametrize(("back_s", "is_by_ping"), [(110.0, True), (130.0, False)])
def test_a_box_that_finds_its_connection_dead_is_back_by_its_next_ping(
    back_s: float, *, is_by_ping: bool
) -> None:
    """It was last heard of at 20 s, so that may have been dead since then at the earliest."""
    watched = Watched()
    lose_connections(watched, ["car-1"], heard_s=20.0)
    watched.at(50.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    watched.at(back_s).presence("car-1", ONLINE, retained=False)
    watched.at(back_s + 5.0)
    assert ("back_by_ping" in watched.facts()) is is_by_ping


@pytest.mark.parametrize(
    ("back_s", "seen"),
    [(100.0, {"others_by_ping"}), (125.0, set()), (240.0, {"others_overdue"})],
)
def test_when_those_are_back_that_fell_silent_together_tells_what_they_were_lost_to(
    back_s: float, seen: set[str]
) -> None:
    """By their pings, as of dead connections, later, or nobody can say: heartbeats are 10 s apart.

    The word of a connection comes in company, and none of that was before.
    """
    watched = Watched()
    cars = [f"car-{number}" for number in range(1, 9)]
    lose_connections(watched, cars, heard_s=20.0)
    watched.at(50.0)
    for each in cars:
        watched.diagnosing.handle_record(
            watched.ended(Cause.BOX_SILENT, stages=SENT, vehicle_id=each, attempt_id=f"a-{each}")
        )
    for each in cars[1:5]:
        watched.at(back_s).telemetry(each, HEARTBEAT)
        watched.at(back_s).presence(each, ONLINE, retained=False)
    watched.at(331.0)
    told = [one for one in watched.told if one.vehicle_id == "car-1"]
    assert {one.fact for one in told[-1].facts} & {"others_by_ping", "others_overdue"} == seen


def test_what_the_broker_said_of_a_client_is_kept_until_it_proves_a_car() -> None:
    """On a wire without presence a box that is away when it is first asked for has said nothing."""
    watched = Watched()
    for second, kind in ((1.0, BrokerEventKind.CONNECTED), (5.0, BrokerEventKind.DENIED)):
        watched.at(second).broker_said(BrokerEvent(0.0, "car-1", kind))
    watched.at(30.0)
    watched.diagnosing.handle_record(watched.ended(Cause.UNCLASSIFIED, stages=SENT))
    assert "denied_at_broker" in watched.facts()


@pytest.mark.parametrize(
    ("has_receipts", "seen"), [(True, {"opened_late"}), (False, {"opened_at_last"})]
)
def test_where_commands_have_no_end_a_late_opening_says_less(
    seen: set[str], *, has_receipts: bool
) -> None:
    """Each box that was away opens its car when it is back."""
    watched = Watched()
    if has_receipts:
        watched.at(2.0).result("car-2", Result("c0", Phase.RECEIVED))
    watched.at(3.0).result("car-2", Result("c0", Phase.EXECUTED))
    watched.at(20.0)
    failed = watched.ended(Cause.BOX_SILENT, command_id="c1", stages=SENT)
    watched.diagnosing.handle_record(failed)
    watched.at(65.0).result("car-1", Result("c1", Phase.EXECUTED))
    hear_late(watched, failed)
    assert watched.facts() & {"opened_late", "opened_at_last", "late_without_return"} == seen


@pytest.mark.parametrize(("has_reason", "seen"), [(True, "busy"), (False, "somehow")])
def test_boxes_may_say_why_they_refuse_and_not_what_they_get(
    seen: str, *, has_reason: bool
) -> None:
    """These are two things."""
    watched = Watched()
    watched.at(3.0).result("car-2", Result("c0", Phase.EXECUTED))
    reason = Reason.BUSY if has_reason else Reason.FAILED
    watched.at(19.0).result("car-1", Result("c1", Phase.REFUSED, reason=reason))
    watched.at(20.0)
    cause = Cause.BOX_BUSY if has_reason else Cause.VEHICLE_FAILED
    watched.diagnosing.handle_record(watched.ended(cause, command_id="c1", stages=SENT))
    assert f"refused_{seen}" in watched.facts()
    assert "receipts" not in watched.told[-1].told
    assert ("reasons" in watched.told[-1].told) is has_reason


@pytest.mark.parametrize(("ended_s", "is_long"), [(40.0, False), (90.0, True)])
def test_a_command_waits_for_the_one_that_the_platform_has_missed(
    ended_s: float, *, is_long: bool
) -> None:
    """Then the one before says what was wrong."""
    watched = Watched()
    watched.at(21.0)
    missed = PlatformSide(status=504, outcome="expired", ended_s=ended_s)
    watched.diagnosing.handle_record(
        watched.ended(None, attempt_id="a0", stages=SENT, platform=missed)
    )
    watched.at(60.0)
    side = PlatformSide(status=202)
    watched.diagnosing.handle_record(watched.ended(Cause.VEHICLE_STATE, stages=SENT, platform=side))
    assert watched.told[-1].attempt_id != "a0"
    assert "platform_missed_it" in watched.facts()
    assert ("platform_waited_long" in watched.facts()) is is_long


@pytest.mark.parametrize(("refused", "is_noted"), [(0, True), (3, False)])
def test_an_app_with_which_others_fare_well_is_not_to_blame(
    refused: int, *, is_noted: bool
) -> None:
    """For a booking that is not found."""
    watched = Watched()
    watched.at(30.0)
    for number in range(2, 2 + CARS):
        has_failed = number < 2 + refused
        side = PlatformSide(status=404 if has_failed else 200, app_version="5.1.0")
        cause = Cause.API_REFUSED if has_failed else None
        other = {"vehicle_id": f"car-{number}", "attempt_id": f"a{number}", "platform": side}
        watched.diagnosing.handle_record(watched.ended(cause, **other))
    side = PlatformSide(status=409, problem="booking-not-started", app_version="5.1.0")
    watched.diagnosing.handle_record(watched.ended(Cause.API_REFUSED, stages={}, platform=side))
    assert "said_booking" in watched.facts()
    assert ("app_version_fares_well" in watched.facts()) is is_noted


@pytest.mark.parametrize(("uptime_s", "has_run"), [(9.0, False), (65.0, True)])
def test_a_heartbeat_says_for_how_long_a_box_ran_before_it_connected(
    uptime_s: float, *, has_run: bool
) -> None:
    """It tells of its boot when it is connected, and of its age each time."""
    watched = Watched()
    watched.at(20.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    watched.at(95.0).event("car-1", CarEvent(EventName.BOOT, boots=2))
    heartbeat = Telemetry(-80.0, 12.6, 1.0, boots=2, uptime_s=uptime_s)
    watched.at(100.0).telemetry("car-1", heartbeat)
    watched.at(300.0)
    assert ("ran_unconnected" in watched.facts()) is has_run


@pytest.mark.parametrize(("booked", "is_noted"), [(0, False), (6, True)])
def test_a_command_names_no_booking_where_others_do(booked: int, *, is_noted: bool) -> None:
    """Without the platform's log it is the wire that says so."""
    watched = Watched()
    watched.at(30.0)
    for number in range(2, 2 + booked):
        other = {"vehicle_id": f"car-{number}", "attempt_id": f"a{number}"}
        watched.diagnosing.handle_record(
            watched.ended(
                None, source=Source.CUSTOMER, booking_id=f"b{number}", stages=SENT, **other
            )
        )
    watched.diagnosing.handle_record(
        watched.ended(Cause.VEHICLE_STATE, source=Source.CUSTOMER, booking_id=None, stages=SENT)
    )
    assert ("without_booking" in watched.facts()) is is_noted


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ("is_immobilised", "still locked: the immobiliser"),
        ("Vehicle.Cabin.Door.Row2.DriverSide.IsLocked", "the rear door on the driver's side"),
        ("Vehicle.Body.Hood.Left.IsLocked", "still locked: Vehicle.Body.Hood.Left"),
    ],
)
def test_an_open_car_of_which_a_part_stayed_locked_is_partly_open(signal: str, said: str) -> None:
    """It is looked at although it answered that it opened, and is called what it says itself."""
    watched = Watched()
    state = msgspec.structs.replace(parked("a", "north"), is_locked=False, signals={signal: True})
    watched.at(18.0).state("car-1", state, retained=False)
    watched.at(20.0).handle_record(watched.ended(None, stages=SENT))
    (told,) = watched.told
    sentence = next(one.sentence for one in told.facts if one.fact == "another_door_locked")
    assert said in sentence
    assert told.modes[0].mode == "partial_unlock"


@pytest.mark.parametrize(("cause", "is_others"), [(Cause.NOT_PUBLISHED, True), (None, False)])
def test_a_door_that_was_opened_where_nothing_was_sent_is_anothers_doing(
    cause: Cause | None, *, is_others: bool
) -> None:
    """It speaks of what came after."""
    watched = Watched()
    watched.at(19.0).state("car-1", parked("a", "north"), retained=False)
    opened = msgspec.structs.replace(parked("a", "north"), is_locked=False, is_open=True)
    watched.at(20.0).handle_record(
        watched.ended(cause, flags=(Flag.TOLD_OTHERWISE,), stages={"requested": 0.0})
    )
    watched.at(25.0).state("car-1", opened, retained=False)
    watched.at(30.0)
    told = watched.told[-1]
    sentence = next(one.sentence for one in told.facts if one.fact == "door_opened")
    assert sentence.endswith(", by another unlock") is is_others


@pytest.mark.parametrize("is_back", [False, True])
def test_a_plan_is_used_up_by_what_was_used_when_the_car_was_lost(*, is_back: bool) -> None:
    """What it has used since it is back is no matter: it may come to the others' number by then."""
    watched = Watched()
    cars = ["car-1", *(f"car-{number}" for number in range(2, 12))]
    for number, each in enumerate(cars):
        watched.at(1.0).presence(each, ONLINE, retained=False)
        used = 20.0 if is_back and each == "car-1" else 100.0 if number < 5 else 50.0
        watched.diagnosing.telemetry(each, msgspec.structs.replace(HEARTBEAT, data_used_bytes=used))
    for each in cars[:5]:
        watched.at(30.0).presence(each, WILL, retained=False)
    watched.at(60.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    if is_back:
        watched.at(80.0).presence("car-1", ONLINE, retained=False)
        watched.diagnosing.telemetry(
            "car-1", msgspec.structs.replace(HEARTBEAT, data_used_bytes=99.5)
        )
    watched.at(200.0)
    assert ("lost_at_same_data" in watched.facts()) is not is_back


@pytest.mark.parametrize("opens", ["before it was locked", "by another press"])
def test_a_door_that_opens_after_the_car_was_locked_again_is_another_presss(opens: str) -> None:
    """The customer stood before a car that had locked itself, and pressed once more."""
    watched = Watched()
    locked = parked("a", "north")
    unlocked = msgspec.structs.replace(locked, is_locked=False)
    entered = msgspec.structs.replace(unlocked, is_open=True)
    watched.at(1.0).presence("car-1", ONLINE, retained=True)
    watched.diagnosing.state("car-1", locked, retained=True)
    watched.at(20.0).handle_record(watched.ended(None, flags=(Flag.TOLD_OTHERWISE,)))
    watched.at(21.0).state("car-1", unlocked, retained=False)
    if opens == "before it was locked":
        watched.at(25.0).state("car-1", entered, retained=False)
    watched.at(38.0).state("car-1", locked, retained=False)
    watched.at(50.0).state("car-1", unlocked, retained=False)
    watched.at(52.0).state("car-1", entered, retained=False)
    watched.at(700.0)
    assert ("door_opened" in watched.facts()) is (opens == "before it was locked")
    assert "no_door_opened" not in watched.facts()


@pytest.mark.parametrize("is_silent", [True, False])
@pytest.mark.parametrize(
    ("event", "fact"),
    [(EventName.LOW_VOLTAGE, "told_low_voltage"), (EventName.UPDATE, "updating")],
)
def test_what_a_box_told_last_holds_while_it_is_silent(
    event: EventName, fact: str, *, is_silent: bool
) -> None:
    """Hours later too; a box that went on to report has recovered since."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=True)
    watched.at(60.0).event("car-1", CarEvent(event))
    watched.at(70.0).presence("car-1", WILL, retained=False)
    if not is_silent:
        watched.at(7_000.0).telemetry("car-1", HEARTBEAT)
    watched.at(7_260.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    assert (fact in watched.facts()) is is_silent


@pytest.mark.parametrize(("voltage_v", "still"), [(12.0, True), (12.6, False)])
def test_a_low_battery_that_was_told_holds_until_it_is_charged(
    voltage_v: float, *, still: bool
) -> None:
    """The box reports for a day after it told so, then falls silent."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=True)
    watched.at(60.0).event("car-1", CarEvent(EventName.LOW_VOLTAGE))
    told = msgspec.structs.replace(HEARTBEAT, voltage_v=voltage_v)
    watched.at(86_000.0).telemetry("car-1", told)
    watched.at(86_010.0).presence("car-1", WILL, retained=False)
    watched.at(90_000.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    assert ("told_low_voltage" in watched.facts()) is still


@pytest.mark.parametrize(("voltage_v", "weak"), [(8.6, True), (11.1, False)])
def test_a_battery_below_nine_volts_moves_no_lock(voltage_v: float, *, weak: bool) -> None:
    """A box that saves power is off by then, so its cutout is ruled out."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=True)
    watched.at(60.0).telemetry("car-1", msgspec.structs.replace(HEARTBEAT, voltage_v=voltage_v))
    watched.at(90.0)
    ended = watched.ended(Cause.VEHICLE_FAILED, stages=SENT, reason="low_voltage")
    watched.diagnosing.handle_record(ended)
    assert ("too_weak_to_move" in watched.facts()) is weak


def test_a_car_that_is_back_is_no_longer_away() -> None:
    """It connects again seven minutes after the command."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.at(120.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    watched.at(450.0)
    assert "still_away" in watched.facts()
    watched.at(520.0).presence("car-1", ONLINE, retained=False)
    watched.at(530.0)
    assert "back_in_minutes" in watched.facts()
    assert "still_away" not in watched.facts()


@pytest.mark.parametrize("is_open", [True, False])
def test_a_car_stayed_open_if_it_was_open_last(*, is_open: bool) -> None:
    """Another booking opened it; a car that reported locked last did not stay open."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=True)
    watched.diagnosing.state("car-1", parked("a", "north"), retained=True)
    watched.at(30.0)
    if is_open:
        opened = msgspec.structs.replace(parked("a", "north"), is_locked=False)
        watched.diagnosing.state("car-1", opened, retained=False)
    side = PlatformSide(account_id="one")
    watched.diagnosing.handle_record(
        watched.ended(None, attempt_id="before", booking_id="b1", platform=side, stages=SENT)
    )
    watched.at(160.0)
    side = PlatformSide(account_id="other")
    watched.diagnosing.handle_record(
        watched.ended(Cause.VEHICLE_STATE, booking_id="b2", platform=side, stages=SENT)
    )
    assert ("two_bookings" in watched.facts()) is is_open


@pytest.mark.parametrize("has_booted", [True, False])
def test_a_box_that_restarted_while_it_was_away_has_told_of_it(*, has_booted: bool) -> None:
    """It lost its power, was asked for while it booted, and connected then."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.diagnosing.state("car-1", parked("a", "north"), retained=True)
    watched.diagnosing.telemetry("car-1", Telemetry(-80.0, 12.6, 1.0, boots=7, uptime_s=900.0))
    watched.at(60.0).presence("car-1", WILL, retained=False)
    watched.at(120.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    watched.at(150.0).presence("car-1", ONLINE, retained=False)
    boots, uptime_s = (8, 70.0) if has_booted else (7, 1_050.0)
    beat = Telemetry(-80.0, 12.6, 1.0, boots=boots, uptime_s=uptime_s)
    watched.at(151.0).telemetry("car-1", beat)
    watched.at(160.0)
    assert ("back_without_boot" in watched.facts()) is not has_booted


def test_a_heartbeat_that_the_broker_retained_is_no_sign_of_life() -> None:
    """Nobody knows when it was sent."""
    watched = Watched()
    watched.at(1.0).on_message(TopicKind.TELEMETRY, "car-1", HEARTBEAT, is_retained=True)
    assert "car-1" not in watched.diagnosing.cars
