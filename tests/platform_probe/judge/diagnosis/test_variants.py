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
from platform_probe.judge.diagnosis.open_unlocks import LOOKED_AT_AGAIN_S
from platform_probe.judge.diagnosis.seen_of_platform import says_key_expired
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.records import COMPLAINT
from tests.helpers.watched import HEARTBEAT, ONLINE, SENT, WILL, Watched

HARDLY = 0.1
SURE = 0.8
SLOW = {"intended": 0.0, "requested": 0.0, "published": 17.0}
"""Stages of an unlock whose command was sent late."""
PLATFORM = PlatformSide(account_id="somebody", ended_s=18.0, outcome="refused")


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


def relocked(watched: Watched, *, at_s: float, again_s: float, booking_id: str) -> None:
    """Let car-1 open at 18 s, lock itself, and be asked for again."""
    lock(watched, 0.5, is_locked=True)
    lock(watched, 18.0, is_locked=False)
    watched.at(20.0)
    watched.diagnosing.handle_record(watched.ended(None, booking_id="b-1", attempt_id="first"))
    lock(watched, at_s, is_locked=True)
    watched.at(again_s + 20.0)
    again = watched.ended(None, booking_id=booking_id, attempt_id="again", trace_id="other")
    watched.diagnosing.handle_record(again)
    watched.at(again_s + 90.0)


@pytest.mark.parametrize(
    ("at_s", "again_s", "booking_id", "is_seen"),
    [
        (21.0, 40.0, "b-1", True),
        (34.0, 40.0, "b-1", True),
        (138.0, 150.0, "b-1", True),
        (50.0, 40.0, "b-1", False),
        (34.0, 40.0, "b-2", False),
    ],
)
def test_who_comes_too_late_for_the_door_asks_once_more(
    at_s: float, again_s: float, booking_id: str, *, is_seen: bool
) -> None:
    """However soon the car locks itself; who presses beside an open car stands at another one."""
    watched = Watched()
    relocked(watched, at_s=at_s, again_s=again_s, booking_id=booking_id)
    first = [one for one in watched.told if one.attempt_id == "first"]
    seen = {fact.fact for one in first[-1:] for fact in one.facts}
    assert ("asked_after_relock" in seen) is is_seen


def test_a_car_that_locked_itself_before_its_customer_came_is_not_well() -> None:
    """Sixteen seconds are too short for some."""
    late = (
        Fact.WENT_WELL, Fact.RELOCKED, Fact.WAS_ONLINE, Fact.OPENED_AGAIN, Fact.WENT_WELL_BETWEEN,
        Fact.SAID_YES, Fact.SAID_DONE, Fact.FEW_AWAY,
    )  # fmt: skip
    assert probability(NOTHING_WRONG, *late, Fact.ASKED_AFTER_RELOCK) < HARDLY


def slow_unlock(watched: Watched, *, opened_s: float, over_s: float | None) -> None:
    """Let a second press of a booking be sent late, when the first has opened the car."""
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.at(opened_s)
    first = PlatformSide(
        ended_s=None if over_s is None else over_s - opened_s + 20.0, outcome="executed"
    )
    watched.diagnosing.handle_record(
        watched.ended(
            None, stages=SENT, booking_id="b-1", attempt_id="first", trace_id="another",
            platform=first,
        )
    )  # fmt: skip
    watched.at(60.0)
    watched.diagnosing.handle_record(
        watched.ended(
            Cause.VEHICLE_STATE, stages=SLOW, booking_id="b-1", platform=PLATFORM,
            reason="wrong_vehicle_state: ignition_on",
        )
    )  # fmt: skip


@pytest.mark.parametrize(("looked_s", "was_due"), [(25.0, False), (61.0, True)])
def test_before_a_command_is_due_to_have_ended_it_may_still_be_sent(
    looked_s: float, *, was_due: bool
) -> None:
    """A platform that says yes and sends nothing, and one that sends later, are the same so far."""
    watched = Watched()
    watched.at(20.0)
    side = PlatformSide(status=200)
    unsent = watched.ended(
        Cause.NOT_PUBLISHED, stages={"intended": 0.0, "requested": 0.0}, platform=side
    )
    watched.diagnosing.handle_record(unsent)
    watched.at(looked_s)
    told = frozenset(map(EvidenceSource, watched.told[-1].told))
    assert (EvidenceSource.COMMAND_END in told) is was_due
    likely = {one.mode: one.probability for one in watched.told[-1].modes}
    if was_due:
        assert watched.told[-1].first.mode == "silent_success"
    else:
        assert likely["silent_success"] < SURE


@pytest.mark.parametrize(("over_s", "is_held_up"), [(42.0, True), (56.0, False), (None, False)])
def test_a_command_that_comes_when_its_customer_drives_is_no_car_in_a_wrong_state(
    over_s: float | None, *, is_held_up: bool
) -> None:
    """It was sent 17 s late; the first press had opened the car. What it waited for is told."""
    watched = Watched()
    slow_unlock(watched, opened_s=42.0, over_s=over_s)
    assert {"already_opened", "not_parked", "sent_late"} <= watched.facts()
    assert ("held_up" in watched.facts()) is is_held_up
    likely = {one.mode: one.probability for one in watched.told[-1].modes}
    assert likely.get("wrong_vehicle_state", 0.0) < HARDLY


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


@pytest.mark.parametrize(
    ("other", "car", "is_seen"),
    [
        ("somebody-else", "car-2", True),
        ("somebody-else", "car-1", False),
        ("somebody", "car-2", False),
    ],
)
def test_booking_that_several_name_for_several_cars(other: str, car: str, *, is_seen: bool) -> None:
    """It is the app's: whoever shares a booking asks for its car, and one customer for several."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for second, account, asked in ((30.0, other, car), (60.0, "somebody", "car-1")):
        watched.at(second).handle_record(
            watched.ended(
                Cause.API_REFUSED,
                attempt_id=f"of-{second}",
                trace_id=f"of-{second}",
                vehicle_id=asked,
                booking_id="undefined",
                source=Source.CUSTOMER,
                stages={"intended": 0.0, "requested": 0.0},
                platform=PlatformSide(account_id=account, status=404, problem="booking-unknown"),
            )
        )
    assert ("booking_of_several" in watched.facts()) is is_seen
    likely = {one.mode: one.probability for one in watched.told[-1].modes}
    assert (likely.get("booking_window_race", 0.0) < HARDLY) is is_seen


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


@pytest.mark.parametrize("others", [0, 12])
def test_one_phone_that_is_signed_out_is_no_outage(others: int) -> None:
    """Whether others were answered well meanwhile or none has asked: nobody else was told so."""
    watched = Watched()
    for number in range(others):
        side = PlatformSide(account_id=f"b-{number}", status=200)
        well = {"attempt_id": f"w-{number}", "trace_id": f"w-{number}", "vehicle_id": f"w-{number}"}
        watched.at(30.0 + number).handle_record(watched.ended(None, platform=side, **well))
    turned_down(watched, 50.0, "car-1", PlatformSide(status=401, problem="unauthenticated"))
    assert watched.told[-1].first.mode == "phone_side"
    said = {one.fact: one.sentence for one in watched.told[-1].facts}
    assert said["signed_out_alone"].endswith(
        f"of {others} requests for other cars just then 0 were told so"
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


def test_a_redirect_is_no_yes() -> None:
    """The app was sent elsewhere, and nothing was done."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    turned_down(watched, 50.0, "car-1", PlatformSide(status=302))
    said = {one.fact: one.sentence for one in watched.told[-1].facts}
    assert said["said_error"] == "the platform sent the app to another address (302)"
    assert said.keys().isdisjoint({"said_yes", "said_done", "yes_before_the_end"})


def test_what_becomes_of_the_car_says_nothing_of_a_request_that_was_not_read() -> None:
    """Neither that it loses its connection within seconds, nor that it stays away."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    turned_down(watched, 50.0, "car-1", PlatformSide(status=401, problem="unauthenticated"))
    watched.at(70.0).presence("car-1", WILL, retained=False)
    watched.at(120.0)
    watched.at(700.0)
    assert {"will_after", "still_away"} <= watched.facts()
    assert watched.told[-1].first.mode == "phone_side"
    assert watched.told[-1].first.probability > 0.7


def test_many_phones_that_are_signed_out_are_an_outage() -> None:
    """The first of them too, once the others are known; a car's retries are one phone's."""
    watched = Watched()
    side = PlatformSide(status=401, problem="unauthenticated")
    for second, car in ((30.0, "car-1"), (31.0, "car-2"), (32.0, "car-2"), (33.0, "car-3")):
        turned_down(watched, second, car, side)
    firsts = {told.attempt_id: told.first.mode for told in watched.told}
    assert firsts["of-car-2"] == "phone_side"
    assert firsts["of-car-3"] == "app_gateway_outage"
    watched.at(30.0 + LOOKED_AT_AGAIN_S[0] + 5.0)
    firsts = {told.attempt_id: told.first.mode for told in watched.told}
    assert set(firsts.values()) == {"app_gateway_outage"}


@pytest.mark.parametrize(
    ("status", "problem"), [(422, "idempotency-key-reused"), (404, "vehicle-unknown"), (400, None)]
)
def test_a_request_that_is_wrong_itself_is_no_outage(status: int, problem: str | None) -> None:
    """Who finds what is wrong with it is not down."""
    watched = Watched()
    turned_down(watched, 50.0, "car-1", PlatformSide(status=status, problem=problem))
    assert watched.told[-1].first.mode == "phone_side"
    assert "app_gateway_outage" not in {one.mode for one in watched.told[-1].modes}
