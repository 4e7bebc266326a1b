"""Unlocks diagnosed as a monitor hears of them, and again as more becomes known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import (
    Flag,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.contract.diagnosis import Diagnosis, RankedMode
from fleet_wire.contract.messages import (
    Phase,
    Reason,
    Result,
    Telemetry,
)
from platform_probe.judge.diagnosis.diagnosing import Diagnosing
from platform_probe.judge.diagnosis.open_unlocks import LOOKED_AT_AGAIN_S, MOST_OF_CAR
from platform_probe.judge.diagnosis.ranking import Ranking
from platform_probe.judge.diagnosis.records import concluded
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.records import COMPLAINT, attempt_of
from tests.helpers.watched import ONLINE, SENT, WILL, Watched


def test_a_failed_unlock_is_diagnosed() -> None:
    """The diagnosis names the unlock, its mode, and the cause as the record has it."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=True)
    refused = Result("c1", Phase.REFUSED, Reason.CAN_BUS_NO_ACK)
    watched.at(20.0).result("car-1", refused)
    failed = watched.ended(Cause.VEHICLE_FAILED, reason="can_bus_no_ack")
    watched.diagnosing.handle_record(failed)
    told = watched.told[0]
    assert told.first.mode == "can_bus_asleep_no_ack"
    assert told.cause is Cause.VEHICLE_FAILED
    assert (told.attempt_id, told.revision, told.after_s) == ("a1", 1, 20.0)
    assert told.first.weighed[0].is_seen


def test_data_is_compared_where_there_is_something_to_compare_with() -> None:
    """Modems that have used nothing yet are no measure: of nothing there are no times."""
    for usual, is_much in ((0, False), (1_000, True)):
        watched = Watched()
        for car in ("car-2", "car-3"):
            heartbeat = Telemetry(-80.0, 12.6, 1.0, data_used_bytes=usual)
            watched.at(1.0).telemetry(car, heartbeat)
        watched.diagnosing.telemetry("car-1", Telemetry(-80.0, 12.6, 1.0, data_used_bytes=9_000))
        watched.at(120.0)
        watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT))
        assert ("much_data" in {one.fact for one in watched.told[0].facts}) is is_much


def test_nothing_changes_after_ten_minutes() -> None:
    """What comes later belongs to another unlock."""
    watched = Watched()
    watched.at(20.0).handle_record(watched.ended(Cause.BOX_SILENT))
    for second in (*LOOKED_AT_AGAIN_S, LOOKED_AT_AGAIN_S[-1] + 30.0):
        watched.at(second + 1.0)
    number = len(watched.told)
    watched.at(700.0).presence("car-1", ONLINE, retained=False)
    watched.at(710.0)
    assert len(watched.told) == number
    assert watched.diagnosing.next_s() is None


def answer_once_more(watched: Watched, second: float) -> None:
    """Let the box say again that it has executed the command."""
    watched.at(second).handle_record(
        StrayAnswer(
            kind=StrayKind.DUPLICATE,
            vehicle_id="car-1",
            command_id="c1",
            phase="executed",
            at=watched.clock.wall_s,
            attempt_id="a1",
        )
    )


def test_one_that_went_well_and_looks_odd_is_diagnosed() -> None:
    """Told otherwise, or answered once more after its end."""
    watched = Watched()
    watched.at(20.0).handle_record(watched.ended(None, flags=(Flag.TOLD_OTHERWISE,)))
    assert len(watched.told) == 1
    doubtful = Watched()
    doubtful.at(20.0).handle_record(
        doubtful.ended(None, evidence={"broker_said": {"taken_over": 3}})
    )
    assert len(doubtful.told) == 1
    again = Watched()
    again.at(20.0).handle_record(again.ended(None))
    answer_once_more(again, 80.0)
    again.at(82.0)
    assert "executed_again" in {one.fact for one in again.told[0].facts}


def test_a_complaint_about_an_unlock_that_nobody_saw_is_diagnosed() -> None:
    """Under the complaint's own id."""
    watched = Watched()
    complaint = msgspec.structs.replace(COMPLAINT, at=watched.clock.wall_s)
    watched.at(5.0).handle_record(complaint)
    told = watched.told[0]
    assert told.attempt_id == complaint.complaint_id
    assert {"nothing_requested", "support_called"} <= {one.fact for one in told.facts}


def test_what_an_earlier_process_wrote_is_known_and_its_word_stands() -> None:
    """Unlocks before the restart count for those after it; nothing is told of them again."""
    before = Watched()
    before.at(20.0).handle_record(before.ended(Cause.BOX_SILENT))
    watched = Watched()
    earlier = before.ended(Cause.BOX_SILENT, attempt_id="a0")
    watched.at(100.0).take_up([earlier])
    watched.diagnosing.continue_revisions(before.told)
    watched.at(161.0)
    assert watched.told == []
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_SILENT, trace_id="b" * 32))
    assert "fails_again" in watched.facts()
    assert watched.told[-1].revision == before.told[-1].revision + 1


def test_a_call_about_what_the_monitor_may_have_missed_is_given_no_mode() -> None:
    """That no unlock is known says nothing of the phone then."""
    watched = Watched()
    complaint = msgspec.structs.replace(COMPLAINT, at=watched.clock.wall_s, missed=True)
    watched.at(5.0).handle_record(complaint)
    assert watched.told == []


@pytest.mark.parametrize(
    ("outcome", "probability", "cause"),
    [
        (Outcome.UNKNOWN, 0.95, Cause.VEHICLE_FAILED),
        (Outcome.UNKNOWN, 0.85, Cause.BOX_OFFLINE),
        (Outcome.REFUSED, 0.95, Cause.BOX_OFFLINE),
    ],
)
def test_a_sure_mode_sets_the_cause(outcome: Outcome, probability: float, cause: Cause) -> None:
    """The stages alone said another. A refusal says why itself, so its cause stands."""
    failed = msgspec.structs.replace(attempt_of(cause=Cause.BOX_OFFLINE), outcome=outcome)
    mode = RankedMode("can_bus_asleep_no_ack", probability)
    expected = outcome if cause is Cause.BOX_OFFLINE else CAUSES[cause].outcome
    assert concluded(failed, mode) == (expected, cause)


def test_memory_is_bounded() -> None:
    """Cars above the limit are forgotten, the first one first."""
    watched = Watched()
    diagnosing = Diagnosing(
        shipped_ranking(),
        clock=watched.clock,
        tell=watched.told.append,
        max_cars=10,
    )
    for car in range(100):
        diagnosing.presence(f"car-{car}", ONLINE, retained=False)
    assert len(diagnosing.cars) == 10


def test_a_car_that_is_asked_for_without_end_costs_no_more_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of its unlocks is held against the last of the others, and not against all."""
    watched = Watched()
    scores, asked = Ranking.scores, list[int]()

    def counted(self: Ranking, *seen: Any, **but: Any) -> tuple[float, ...]:
        asked[-1] += 1
        return scores(self, *seen, **but)

    monkeypatch.setattr(Ranking, "scores", counted)
    for number in range(3 * MOST_OF_CAR):
        asked.append(0)
        watched.at(20.0 + number).handle_record(
            watched.ended(Cause.BOX_SILENT, attempt_id=f"attempt-{number}", stages=SENT)
        )
    assert 1 < asked[1] < asked[MOST_OF_CAR - 1]
    assert len({*asked[2 * MOST_OF_CAR :]}) == 1


def test_the_last_revision_is_handed_on_once() -> None:
    """Ten minutes after the unlock began, or when nothing more comes: whoever counts gets it."""
    watched, settled = Watched(), list[Diagnosis]()
    watched.diagnosing.on_settled = settled.append
    watched.at(20.0).handle_record(watched.ended(Cause.BOX_SILENT))
    watched.at(LOOKED_AT_AGAIN_S[-2] + 1.0)
    assert settled == []
    watched.at(LOOKED_AT_AGAIN_S[-1] + 1.0)
    assert settled == watched.told[-1:]
    watched.at(700.0).handle_record(
        watched.ended(Cause.BOX_SILENT, attempt_id="a2", command_id="c2")
    )
    watched.diagnosing.flush()
    assert [one.attempt_id for one in settled] == ["a1", "a2"]


def test_a_fleet_that_connects_for_the_first_time_is_not_back() -> None:
    """Cars that were not known are new: only those come back that had been heard of."""
    for is_known in (False, True):
        watched = Watched()
        cars = [f"car-{car}" for car in range(40)]
        for car in cars if is_known else ():
            watched.at(1.0).presence(car, WILL, retained=True)
        for car in cars:
            watched.at(20.0).presence(car, ONLINE, retained=False)
        for car in cars[2:]:
            others = watched.ended(None, attempt_id=f"of-{car}", vehicle_id=car)
            watched.at(90.0).handle_record(others)
        watched.at(100.0).presence("car-1", WILL, retained=False)
        watched.at(120.0)
        watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE))
        assert ("many_came_back" in watched.facts()) is is_known
