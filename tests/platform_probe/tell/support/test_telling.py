"""What is told of a case beyond the record: the likeliest failure modes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.attempt import UNREAD, PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.catalogue import MODES
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.busy_store import make_busy_store
from tests.helpers.diagnoses import put_believed
from tests.helpers.english import ENGLISH
from tests.helpers.said_advice import OPEN_SINCE, UNREADABLE, advice_for
from tests.helpers.stores import ReadAnew, put_lines, put_unlocks, unlock

DIAGNOSIS = {
    "attempt_id": "attempt-17", "vehicle_id": "car-03", "at": 1_767_225_700.0, "revision": 1,
    "modes": [
        {"mode": "one_way_downlink", "probability": 0.9},
        {"mode": "half_open_tcp_nat", "probability": 0.06},
    ],
    "facts": [{"fact": "last_will", "sentence": "presence said offline at 23:59:55"}],
}  # fmt: skip


def test_diagnosis_is_told_where_there_is_one(tmp_path: Path) -> None:
    """The revision that holds: modes with how likely they are, and the sentences behind them."""
    make_busy_store(tmp_path)
    later = {**DIAGNOSIS, "revision": 2, "modes": DIAGNOSIS["modes"][:1]}  # type: ignore[index]
    put_lines(tmp_path, "diagnoses", map(msgspec.json.encode, (later, DIAGNOSIS)))
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-17"), 1_767_225_800.0)
    text = text_of(case, ENGLISH)
    assert "The car reports but does not hear us: almost certainly (90 %)." in text
    assert MODES["one_way_downlink"].engineer in text
    assert MODES["one_way_downlink"].now in text
    assert MODES["half_open_tcp_nat"].title not in text
    assert "  - presence said offline at 23:59:55" in text
    diagnosis = json_of(case, ENGLISH)["diagnosis"]
    assert (diagnosis["mode"], diagnosis["probability"]) == ("one_way_downlink", 0.9)
    assert diagnosis["facts"] == DIAGNOSIS["facts"]
    assert diagnosis["others"] == []
    assert len(diagnosis["revisions"]) == 2


@pytest.mark.parametrize(
    ("probability", "account", "told"),
    [(0.95, "customer-7", 1), (0.95, None, 0), (0.85, "customer-7", 0)],
)
def test_nobody_is_accused_lightly(
    tmp_path: Path, probability: float, account: str | None, told: int
) -> None:
    """Of an account only where there is one, and only where it is nearly certain."""
    put_unlocks(tmp_path, [unlock(7, platform=PlatformSide(account_id=account))])
    modes = [
        {"mode": "impossible_travel", "probability": probability},
        {"mode": "phone_side", "probability": 0.04},
    ]
    accusing = {**DIAGNOSIS, "attempt_id": "attempt-7", "modes": modes}
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(accusing)])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-7"), 1_767_225_800.0)
    title = MODES["impossible_travel"].title
    text = text_of(case, ENGLISH)
    assert text.lower().count(title) == told
    assert (title in str(json_of(case, ENGLISH))) is bool(told)
    unclear = f"It is not clear what it was; the likeliest: {MODES['phone_side'].title} (4 %)."
    assert text.count(unclear) == 1 - told


def test_where_only_somebody_is_suspected_nothing_is_told(tmp_path: Path) -> None:
    """Nor is any other mode."""
    put_unlocks(tmp_path, [unlock(7, platform=PlatformSide())])
    modes = [{"mode": "insider_or_support_unlock", "probability": 0.99}]
    accusing = {**DIAGNOSIS, "attempt_id": "attempt-7", "modes": modes}
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(accusing)])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-7"), 1_767_225_800.0)
    assert "It is not clear what it was." in text_of(case, ENGLISH)


def test_less_than_even_is_no_advice(tmp_path: Path) -> None:
    """What is told then is true whatever it was: the advice of the cause."""
    make_busy_store(tmp_path)
    unsure = {**DIAGNOSIS, "modes": [{"mode": "one_way_downlink", "probability": 0.4}]}
    put_lines(tmp_path, "diagnoses", [msgspec.json.encode(unsure)])
    case = look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-17"), 1_767_225_800.0)
    found = json_of(case, ENGLISH)
    assert found["do"] == f"{OPEN_SINCE} {advice_for(Cause.BOX_OFFLINE).do}"
    assert found["acts"] is None
    assert "does not hear us: perhaps (40 %)" in text_of(case, ENGLISH)


def test_a_car_whose_answer_could_not_be_read_was_not_silent(tmp_path: Path) -> None:
    """What came is told, and that the door may be open; no mode is, as nobody knows."""
    evidence = {"presence": "online", "unread": {"result": 2, "state": 1}}
    unread = unlock(1, cause=Cause.UNCLASSIFIED, reason=UNREAD, evidence=evidence)
    put_unlocks(tmp_path, [unread])
    text = text_of(
        look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-1"), 1_767_225_800.0), ENGLISH
    )
    assert "What the car sent after the command could not be read" in text
    assert "could not be read: result (2), state (1)" in text
    assert f"  {UNREADABLE.say}" in text
    assert f"  {UNREADABLE.do}" in text


def test_of_several_unlocks_it_is_said_which_is_told(tmp_path: Path) -> None:
    """The last that went wrong, with how many fit; the others with the mode of their diagnosis."""
    failed = unlock(1, cause=Cause.BOX_SILENT, vehicle_id="car-1")
    put_believed(tmp_path, failed, "one_way_downlink")
    put_unlocks(
        tmp_path,
        [
            unlock(2, cause=Cause.BOX_SILENT, vehicle_id="car-1"),
            unlock(3, vehicle_id="car-1"),
        ],
    )
    text = text_of(
        look_up(ReadAnew(tmp_path), UnlockQuery(vehicle="car-1"), 1_767_225_800.0), ENGLISH
    )
    assert "  attempt attempt-2, trace" in text
    assert "This is number 2 of 3 that fit, the last that went wrong; the others are listed" in text
    others = text[text.index("Other unlocks that fit") :]
    assert f"box_silent ({MODES['one_way_downlink'].title})" in others
    alone = text_of(
        look_up(ReadAnew(tmp_path), UnlockQuery(attempt="attempt-1"), 1_767_225_800.0), ENGLISH
    )
    assert "that fit" not in alone
