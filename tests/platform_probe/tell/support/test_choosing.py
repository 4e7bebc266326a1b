"""Which of several presses is meant: the one that went wrong, though a later one opened the car."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt, PlatformSide
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.diagnosis import NOTHING_WRONG, RankedMode
from platform_probe.tell.support.choosing import AGAIN_S, ChoiceReason, Moment
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.english import ENGLISH
from tests.helpers.said_advice import in_english
from tests.helpers.stores import BEGIN_S, ReadAnew, put_lines, put_unlocks, unlock


def told_as(why: ChoiceReason) -> str:
    """Return why an unlock is shown, in English."""
    return in_english(f"choice.{why}")


def press(second: int, *, booking: str = "b", **changes: Any) -> Attempt:
    """Return a press of one customer so many seconds after the beginning."""
    its = {"booking_id": booking, "platform": PlatformSide(status=200, account_id="customer-1")}
    return unlock(second, car="car-1", **{**its, **changes})


def told(
    directory: Path, presses: Sequence[Attempt], believed: str | None = None, **wanted: Any
) -> tuple[dict[str, Any], str]:
    """Return what is told of presses, of which the first is believed to be of a mode."""
    put_unlocks(directory, presses)
    if believed is not None:
        made = diagnosis_of(
            RankedMode(believed, 0.9),
            vehicle_id="car-1",
            attempt_id=presses[0].attempt_id,
            outcome=Outcome.OK,
            cause=None,
        )
        put_lines(directory, "diagnoses", [msgspec.json.encode(made)])
    case = look_up(
        ReadAnew(directory), UnlockQuery(**(wanted or {"booking": "b"})), BEGIN_S + 900.0
    )
    return json_of(case, ENGLISH), text_of(case, ENGLISH)


@pytest.mark.parametrize("wanted", [{"booking": "b"}, {"customer": "customer-1"}])
def test_a_press_that_opened_and_is_diagnosed_is_told_and_not_the_next(
    tmp_path: Path, wanted: dict[str, str]
) -> None:
    """The car locked itself again, which its record did not know yet; then they pressed again."""
    found, text = told(tmp_path, [press(30), press(48), press(700)], "auto_relock", **wanted)
    assert found["attempt"]["attempt_id"] == "attempt-30"
    assert found["which"] == {"number": 1, "of": 3, "why": told_as(ChoiceReason.WENT_WRONG)}
    assert (
        "  This is number 1 of 3 that fit, the last that went wrong; the others are listed at the"
        " end, each with its --attempt.\n"
        "  The same customer pressed again 18.0 s later.\n"
    ) in text
    assert "--attempt attempt-48" in text


@pytest.mark.parametrize(
    ("presses", "meant", "why"),
    [
        ([press(30), press(48)], 30, ChoiceReason.PRESSED_AGAIN),
        ([press(30), press(48, booking="other")], 30, ChoiceReason.LAST),
        ([press(30), press(33 + round(AGAIN_S))], 33 + round(AGAIN_S), ChoiceReason.LAST),
        ([press(10, cause=Cause.BOX_BUSY), press(30), press(48)], 10, ChoiceReason.WENT_WRONG),
        ([press(10, booking="c", cause=Cause.BOX_BUSY), press(30), press(48)], 30, None),
    ],
)
def test_a_press_that_opened_went_wrong_where_they_pressed_again_soon(
    tmp_path: Path, presses: list[Attempt], meant: int, why: ChoiceReason | None
) -> None:
    """For the same booking, and not where another press of that is known to have failed."""
    asked = {"vehicle": "car-1"} if why is None else {"booking": "b"}
    found, _ = told(tmp_path, presses, **asked)
    assert found["attempt"]["attempt_id"] == f"attempt-{meant}"
    assert found["which"]["why"] == told_as(why or ChoiceReason.PRESSED_AGAIN)


@pytest.mark.parametrize("mode", [NOTHING_WRONG, "impossible_travel"])
def test_nobody_asks_about_what_only_looked_odd(tmp_path: Path, mode: str) -> None:
    """Nor about what makes their account suspicious."""
    found, _ = told(tmp_path, [press(30), press(500)], mode)
    assert found["attempt"]["attempt_id"] == "attempt-500"


def test_others_are_listed_with_what_they_are_believed_to_be(tmp_path: Path) -> None:
    """By the last revision, and not by the record, which was written before."""
    _, text = told(tmp_path, [press(30), press(48)], "auto_relock", attempt="attempt-48")
    assert "that fit" not in text
    found, text = told(
        tmp_path, [press(30), press(48), press(60, cause=Cause.BOX_BUSY)], "auto_relock"
    )
    assert found["attempt"]["attempt_id"] == "attempt-60"
    assert "opened (the car locked itself again)  --attempt attempt-30" in text


@pytest.mark.parametrize(
    ("at", "lasts_s", "number", "why"),
    [
        (60.0, 60.0, 3, ChoiceReason.NEAREST_WRONG),  # 00:01 is the whole minute
        (60.0, 1.0, 1, ChoiceReason.NEAREST_WRONG),  # and 00:01:00 is not
        (60.0, 0.0, 1, ChoiceReason.NEAREST_WRONG),
        (90.0, 60.0, 3, ChoiceReason.NEAREST),
        (160.0, 1.0, 5, ChoiceReason.NEAREST),
    ],
)
def test_of_those_that_failed_the_one_nearest_to_a_time_is_told(
    tmp_path: Path, at: float, lasts_s: float, number: int, why: ChoiceReason
) -> None:
    """One that opened is not, though it is nearer: that is said."""
    presses = [press(each, cause=Cause.BOX_OFFLINE) for each in (40, 95, 170)]
    presses += [press(each) for each in (70, 130)]
    found, text = told(tmp_path, presses, vehicle="car-1", at=Moment(BEGIN_S + at, lasts_s))
    assert found["which"] == {"number": number, "of": 5, "why": told_as(why)}
    assert f"  This is number {number} of 5 that fit, {told_as(why)}; the others are listed" in text


def test_what_was_before_a_time_does_not_fit(tmp_path: Path) -> None:
    """It is not counted, nor listed."""
    presses = [press(each, cause=Cause.BOX_OFFLINE) for each in (26, 51, 70)]
    found, text = told(tmp_path, presses, vehicle="car-1", since_s=BEGIN_S + 45.0)
    assert found["which"] == {"number": 2, "of": 2, "why": told_as(ChoiceReason.WENT_WRONG)}
    assert [each["attempt_id"] for each in found["others"]] == ["attempt-51"]
    assert "attempt-26" not in text
