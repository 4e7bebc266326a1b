"""What is told of a case beyond the record: the likeliest failure modes, and what is common."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import msgspec
import pytest

from fleet_wire.modes.catalogue import MODES
from platform_probe.store.reading import Source
from platform_probe.support.case import Shared, Wanted, look_up
from platform_probe.support.telling import is_more_often, json_of, text_of
from tests.helpers.busy_store import make_busy_store
from tests.helpers.stores import put_lines

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
    case = look_up(Source(tmp_path), Wanted(attempt="attempt-17"), 1_767_225_800.0)
    text = text_of(case, UTC)
    assert "   90 %  one_way_downlink: " in text
    assert MODES["one_way_downlink"].customer in text
    assert MODES["one_way_downlink"].now in text
    assert "half_open_tcp_nat" not in text
    assert "  - presence said offline at 23:59:55" in text
    assert json_of(case, UTC)["modes"] == DIAGNOSIS["modes"][:1]  # type: ignore[index]


@pytest.mark.parametrize(
    ("alike", "unlocks", "elsewhere", "expected"),
    [(9, 80, (1, 120), True), (9, 80, (13, 120), False), (9, 80, (0, 120), True),
     (9, 80, (0, 0), False)],
)  # fmt: skip
def test_what_is_common_is_told_where_it_says_something(
    alike: int,
    unlocks: int,
    elsewhere: tuple[int, int],
    expected: bool,  # noqa: FBT001
) -> None:
    """Clearly more often than elsewhere; where all are alike there is no elsewhere."""
    assert is_more_often(Shared("region", "centre", alike, unlocks, *elsewhere)) is expected
