"""What is seen of an unlock: evidence that tells neighbours apart."""

from __future__ import annotations

import pytest

from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import (
    VehicleState,
)
from fleet_wire.contract.topics import TopicKind
from tests.helpers.watched import HEARTBEAT, ONLINE, SENT, WILL, Watched

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


def lose_connections(watched: Watched, cars: list[str], *, heard_s: float) -> None:
    """Let boxes that ping every minute connect, send two heartbeats, and be silent from then on."""
    for each in cars:
        connected = BrokerEvent(0.0, each, BrokerEventKind.CONNECTED, keepalive_s=60.0)
        watched.at(1.0).broker_said(connected)
        watched.at(1.0).presence(each, ONLINE, retained=False)
    for at_s in (heard_s - 10.0, heard_s):
        for each in cars:
            watched.at(at_s).telemetry(each, HEARTBEAT)


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


def test_a_heartbeat_that_the_broker_retained_is_no_sign_of_life() -> None:
    """Nobody knows when it was sent."""
    watched = Watched()
    watched.at(1.0).on_message(TopicKind.TELEMETRY, "car-1", HEARTBEAT, is_retained=True)
    assert "car-1" not in watched.diagnosing.cars
