"""Unlocks diagnosed as a monitor hears of them, and again as more becomes known."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.contract.diagnosis import Diagnosis, RankedMode
from platform_probe.judge.diagnosis import diagnosing, open_unlocks
from platform_probe.judge.diagnosis.accounts import is_not_yours
from platform_probe.judge.diagnosis.case import Case
from platform_probe.judge.diagnosis.observed import Earlier, observe
from platform_probe.judge.diagnosis.open_unlocks import LOOKED_AT_AGAIN_S, MOST_OF_CAR
from platform_probe.judge.diagnosis.ranking import Ranking
from platform_probe.judge.diagnosis.records import concluded
from tests.helpers.records import attempt_of
from tests.helpers.watched import HEARTBEAT, ONLINE, SENT, WILL, Watched


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


def looks_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the id of an unlock whenever it is looked at."""
    looked: list[str] = []

    def counted(case: Case, earlier: Earlier) -> None:
        looked.append(case.record.attempt_id)
        observe(case, earlier)

    monkeypatch.setattr(diagnosing, "observe", counted)
    return looked


def test_a_car_that_has_opened_since_has_news_of_its_next_unlock_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The failed one is looked at once more at last."""
    looked, watched = looks_at(monkeypatch), Watched()
    watched.at(20.0).handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    watched.at(40.0).presence("car-1", WILL, retained=False)
    watched.at(50.0).presence("car-1", ONLINE, retained=False)
    watched.at(55.0).handle_record(
        watched.ended(None, attempt_id="a2", command_id="c2", trace_id="b" * 32)
    )
    watched.at(60.0)
    before = len(looked)
    for second in range(70, 590, 10):
        watched.at(second).presence("car-1", (WILL, ONLINE)[second // 10 % 2], retained=False)
    watched.at(599.0)
    assert len(looked) == before
    watched.at(700.0)
    assert looked[before:] == ["a1"]


def test_unlocks_above_the_limit_are_closed_early_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has a diagnosis, and the oldest ones have their last."""
    monkeypatch.setattr(open_unlocks, "MAX_OPEN", 3)
    watched, settled = Watched(), list[Diagnosis]()
    watched.diagnosing.on_settled = settled.append
    for number in range(5):
        watched.at(20.0 + number).handle_record(
            watched.ended(Cause.BOX_SILENT, attempt_id=f"a{number}", stages=SENT)
        )
    assert {one.attempt_id for one in watched.told} == {f"a{number}" for number in range(5)}
    assert [one.attempt_id for one in settled] == ["a0", "a1"]
    assert watched.diagnosing.closed_early == 2
    watched.at(700.0)
    assert len(settled) == 5
    assert watched.diagnosing.closed_early == 2


def test_the_last_revision_is_handed_on_once() -> None:
    """Ten minutes after the unlock began, or when nothing more comes: whoever counts gets it."""
    watched, settled = Watched(), list[Diagnosis]()
    watched.diagnosing.on_settled = settled.append
    watched.at(20.0).handle_record(watched.ended(Cause.BOX_SILENT))
    watched.at(LOOKED_AT_AGAIN_S[-2] + 1.0)
    assert settled == []
    watched.at(LOOKED_AT_AGAIN_S[-1] + 1.0)
    assert settled == watched.told[-1:]
    assert watched.diagnosing.next_s() is None
    watched.at(700.0).handle_record(
        watched.ended(Cause.BOX_SILENT, attempt_id="a2", command_id="c2")
    )
    watched.diagnosing.flush()
    assert [one.attempt_id for one in settled] == ["a1", "a2"]


def test_a_heartbeat_that_the_broker_retained_is_no_sign_of_life() -> None:
    """Nobody knows when it was sent."""
    watched = Watched()
    watched.at(1.0).on_message("car-1", HEARTBEAT, is_retained=True)
    assert "car-1" not in watched.diagnosing.cars


@pytest.mark.parametrize(
    ("status", "problem", "is_theirs"),
    [
        (403, "booking-of-another", True),
        (403, "vehicle-not-booked", True),
        (404, "vehicle-unknown", True),
        (404, "booking-unknown", True),
        (403, None, True),
        (404, "NO_SUCH_CAR", True),
        (403, "vehicle-too-far", False),
        (404, "route-unknown", False),
        (409, "booking-not-started", False),
        (409, "booking-ended", False),
        (422, "idempotency-key-reused", False),
        (429, "too-many-requests", False),
        (200, None, False),
        (None, None, False),
    ],
)
def test_refusals_of_what_is_not_ones_own(
    status: int | None, problem: str | None, *, is_theirs: bool
) -> None:
    """Whose a car is the statuses 403 and 404 say, unless their type says something else."""
    assert is_not_yours(PlatformSide(status=status, problem=problem)) is is_theirs
