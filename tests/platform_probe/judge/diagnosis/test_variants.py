"""Faults with other parameters than usual: slow heartbeats, slow hands, a slow platform."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.attempt import PlatformSide, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG
from fleet_wire.contract.messages import VehicleState
from fleet_wire.modes.facts import EvidenceSource, Fact
from fleet_wire.modes.lookalikes import class_of
from platform_probe.judge.diagnosis.seen_of_platform import says_key_expired
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.records import COMPLAINT
from tests.helpers.watched import HEARTBEAT, ONLINE, SENT, Watched

HARDLY = 0.1
"""Stages of an unlock whose command was sent late."""


def probability(mode: str, *facts: Fact) -> float:
    """Return how likely a mode is where these facts were seen, and every source was there."""
    ranked = shipped_ranking().rank(dict.fromkeys(facts, "it was seen"), frozenset(EvidenceSource))
    return next((one.probability for one in ranked if one.mode == mode), 0.0)


def lock(watched: Watched, second: float, *, is_locked: bool) -> None:
    """Let car-1 report its lock, and no command that has moved it."""
    state = VehicleState(
        is_locked=is_locked, is_open=False, voltage_v=12.6, firmware="1", hardware="1",
        operator="a", region="north",
    )  # fmt: skip
    watched.at(second).state("car-1", state, retained=False)


def unanswered(watched: Watched) -> None:
    """Let a command to car-1 stay unanswered: car-1 reports every 300 s, the last time at 310 s."""
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for second in (10.0, 310.0):
        watched.at(second).telemetry("car-1", HEARTBEAT)
    watched.at(350.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))


@pytest.mark.parametrize(("looked_s", "was_due"), [(350.0, False), (511.0, False), (700.0, True)])
def test_before_a_heartbeat_is_due_its_absence_says_nothing(
    looked_s: float, *, was_due: bool
) -> None:
    """A connection dead one way, and one dead both ways, are the same until then."""
    watched = Watched()
    unanswered(watched)
    watched.at(looked_s)
    told = frozenset(map(EvidenceSource, watched.told[-1].told))
    assert EvidenceSource.TELEMETRY in told
    assert (EvidenceSource.TELEMETRY_SINCE in told) is was_due
    not_yet = {EvidenceSource.TELEMETRY_SINCE, EvidenceSource.RETURN}
    alike = class_of("one_way_downlink", frozenset(EvidenceSource) - not_yet).slugs
    assert alike == {"one_way_downlink", "half_open_tcp_nat"}


@pytest.mark.parametrize(
    ("shown", "is_key"),
    [
        ("The key on your phone has expired; please go online once and try again.", True),
        ("ble_key_expired", True),
        ("Your offline access to this car has EXPIRED", True),
        ("Your session has expired, please sign in", False),
        ("No connection; please try again.", False),
    ],
)
def test_what_the_app_had_shown_tells_an_expired_key(shown: str, *, is_key: bool) -> None:
    """Also where the box cannot say so, as it has no network either: then it is no other phone."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    complaint = msgspec.structs.replace(COMPLAINT, at=watched.clock.wall_s, shown=shown)
    watched.at(5.0).handle_record(complaint)
    assert says_key_expired(shown) is is_key
    assert ("shown_key_expired" in watched.facts()) is is_key
    likely = {one.mode: one.probability for one in watched.told[-1].modes}
    assert (likely.get("phone_side", 0.0) < HARDLY) is is_key


def test_a_car_that_locked_itself_before_its_customer_came_is_not_well() -> None:
    """Sixteen seconds are too short for some."""
    late = (
        Fact.WENT_WELL, Fact.RELOCKED, Fact.WAS_ONLINE, Fact.OPENED_AGAIN, Fact.WENT_WELL_BETWEEN,
        Fact.SAID_YES, Fact.SAID_DONE, Fact.FEW_AWAY,
    )  # fmt: skip
    assert probability(NOTHING_WRONG, *late, Fact.ASKED_AFTER_RELOCK) < HARDLY


@pytest.mark.parametrize(
    ("answers", "is_one_press"),
    [
        ([(200, 2.0), (200, 2.0)], False),
        ([(202, 0.1), (200, 2.0)], False),
        ([(504, 2.0), (200, 2.0)], True),
        ([(200, 9.0), (200, 2.0)], True),
        ([(200, 2.0), None], True),
        ([None, (200, 2.0)], True),
    ],
)
def test_who_is_told_yes_and_asks_then_has_pressed_once_more(
    answers: list[tuple[int, float] | None], *, is_one_press: bool
) -> None:
    """An app may keep its trace; a phone that was told no, or nothing, repeats one press."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for second, answer in zip((10.0, 15.5), answers, strict=True):
        stages = {"intended": 0.0, "requested": 0.0, "published": 0.1}
        stages |= {} if answer is None else {"api_answered": answer[1]}
        watched.at(second).handle_record(
            watched.ended(
                None, attempt_id=f"of-{second}", trace_id="one", source=Source.CUSTOMER,
                started_at=watched.clock.wall_s - 3.0, total_s=3.0, stages=stages, booking_id="b",
                platform=PlatformSide(account_id="a", status=None if answer is None else answer[0]),
            )
        )  # fmt: skip
    watched.at(30.0)
    seen = {fact.fact for one in watched.told for fact in one.facts}
    assert ("sent_twice" in seen) is is_one_press


def turned_down(watched: Watched, second: float, car: str, side: PlatformSide) -> None:
    """Let the platform turn down a request for a car at once."""
    watched.at(second).handle_record(
        watched.ended(
            Cause.API_REFUSED,
            attempt_id=f"of-{car}",
            trace_id=f"of-{car}",
            vehicle_id=car,
            started_at=watched.clock.wall_s,
            total_s=0.0,
            stages={"intended": 0.0, "requested": 0.0, "api_answered": 0.0},
            platform=side,
        )
    )


@pytest.mark.parametrize(
    ("status", "problem", "is_outage"),
    [
        (403, "NO_BOOKING", False),
        (403, "ACCOUNT_BLOCKED", False),
        (403, None, True),
        (429, "SLOW_DOWN", True),
    ],
)
def test_a_gateway_that_names_its_reason_is_not_down(
    status: int, problem: str | None, *, is_outage: bool
) -> None:
    """Whatever others fail of just then."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for number in range(12):
        error = PlatformSide(status=500 if number % 2 else 502)
        turned_down(watched, 30.0 + number, f"w-{number}", error)
    turned_down(watched, 50.0, "car-1", PlatformSide(status=status, problem=problem))
    named = {"said_booking", "said_why_not"} & watched.facts()
    assert len(named) == (not is_outage)
    assert ("said_booking" in named) is (problem == "NO_BOOKING")
    likely = {one.mode: one.probability for one in watched.told[-1].modes}
    assert (likely.get("app_gateway_outage", 0.0) > HARDLY) is is_outage
    assert (likely.get("planned_maintenance_window", 0.0) > HARDLY) is False
