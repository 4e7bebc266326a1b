"""What a scenario promises, checked against the summary of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fleet_sim.results.expectations import Condition, check, known_keys
from fleet_sim.results.summary import RunFacts, summarize

SUMMARY = {
    "mode": "live",
    "seed": 7,
    "attempts": {"total": 10, "ok_share": 0.95, "by_cause": {"box_silent": 0}},
    "unlock": {"p95_s": None},
    "expect": [],
    "flag": True,
}


@pytest.mark.parametrize(
    ("bounds", "value", "expected"),
    [
        ({"min": 1}, 1, True),
        ({"min": 1}, 0.999, False),
        ({"max": 1}, 1, True),
        ({"max": 1}, 1.001, False),
        ({"min": 1, "max": 2}, 1.5, True),
        ({"min": 1, "max": 2}, 3, False),
        ({"equals": 0}, 0, True),
        ({"equals": 0}, 0.0, True),
        ({"equals": 0}, 1, False),
        ({"equals": 0}, False, False),
        ({"equals": True}, True, True),
        ({"equals": True}, 1, False),
        ({"equals": "live"}, "live", True),
        ({"equals": "live"}, "virtual", False),
        ({"equals": 1, "max": 0}, 1, False),
        ({"min": 0}, None, False),
        ({"max": 9}, None, False),
        ({"equals": 0}, None, False),
        ({"min": 0}, "5", False),
        ({"min": 0}, True, False),
        ({"min": 0}, {}, False),
        ({"max": 9}, float("nan"), False),
    ],
)
def test_condition_holds(bounds: dict[str, Any], value: Any, expected: bool) -> None:  # noqa: FBT001
    """Bounds are inclusive; what is missing, or no number, never holds."""
    assert Condition(**bounds).holds(value) is expected


@given(st.floats(allow_nan=False), st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_bounds_are_those_of_python(value: float, low: float, width: float) -> None:
    """A condition with both bounds is a chained comparison."""
    condition = Condition(min=low, max=low + width)
    assert condition.holds(value) == (low <= value <= low + width)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, "says nothing; expected min, max or equals"),
        ({"min": None}, "says nothing"),
        ({"min": 2, "max": 1}, "min 2 is above max 1"),
        ({"least": 1}, "Extra inputs"),
        ({"min": "x"}, "valid number"),
        ({"min": float("nan")}, "finite"),
        ({"max": float("inf")}, "finite"),
        ({"equals": [1]}, "equals"),
    ],
)
def test_impossible_conditions(bounds: dict[str, Any], message: str) -> None:
    """A condition that says nothing, or can never hold, is refused."""
    with pytest.raises(ValidationError, match=message):
        Condition(**bounds)


def test_conditions_in_words() -> None:
    """A person reads what was expected."""
    assert str(Condition(min=0.99)) == "at least 0.99"
    assert str(Condition(min=1, max=8)) == "at least 1 and at most 8"
    assert str(Condition(equals="live")) == "exactly live"
    assert str(Condition(equals=0)) == "exactly 0"


def test_check_gives_a_verdict_for_each_key_in_order() -> None:
    """Each expectation has its value and verdict, those that fail too."""
    expect = {
        "attempts.ok_share": Condition(min=0.99),
        "attempts.by_cause.box_silent": Condition(equals=0),
        "mode": Condition(equals="live"),
    }
    assert [(it.key, it.value, it.holds) for it in check(expect, SUMMARY)] == [
        ("attempts.ok_share", 0.95, False),
        ("attempts.by_cause.box_silent", 0, True),
        ("mode", "live", True),
    ]
    assert check({}, SUMMARY) == []


@pytest.mark.parametrize(
    "key", ["unlock.p95_s", "unlock.p99_s", "nothing", "attempts", "expect", "mode.x", "seed.x.y"]
)
def test_without_a_value_it_does_not_hold(key: str) -> None:
    """A key that the summary lacks, that is None or no single value, is a failed verdict."""
    (verdict,) = check({key: Condition(max=1e9)}, SUMMARY)
    assert verdict.value is None
    assert verdict.holds is False


def test_verdicts_are_json() -> None:
    """A verdict is an entry of `summary.json`, with the bounds that were given and no others."""
    (verdict,) = check({"seed": Condition(min=1, equals=7)}, SUMMARY)
    expected = {"key": "seed", "condition": {"min": 1.0, "equals": 7}, "value": 7, "holds": True}
    assert msgspec.json.decode(msgspec.json.encode(verdict.as_json())) == expected


def test_every_known_key_is_in_a_summary(tmp_path: Path) -> None:
    """The vocabulary is that of a real summary, and names single values only."""
    facts = RunFacts(
        seed=1,
        mode="live",
        broker="mosquitto",
        boxes_configured=1,
        boxes_connected_max=1,
        connect_rate_per_s=1.0,
        rss_bytes_per_box=1.0,
    )
    summary = summarize(tmp_path, facts)
    for key in known_keys():
        place: Any = summary
        for part in key.split("."):
            place = place[part]
        assert not isinstance(place, dict | list)
    assert {
        "seed",
        "attempts.total",
        "attempts.ok_share",
        "attempts.by_outcome.unknown",
        "attempts.by_cause.box_silent",
        "unlock.p95_s",
        "unlock_ok.p99_s",
        "stages.box_received.p50_s",
        "stray.late",
        "probe.dropped",
        "probe.schedule_lag_p99_s",
        "floor.p50_s",
        "boxes.connected_max",
        "connect.rate_per_s",
        "fleet.rss_bytes_per_box",
    } <= set(known_keys())


def test_a_label_may_hold_dots() -> None:
    """Firmware 2 and firmware 2.4 are two parts, and no key is in doubt."""
    parts = {"2": {"ok_share": 0.5}, "2.4": {"ok_share": 0.9}}
    for key, value in (("by.firmware.2.ok_share", 0.5), ("by.firmware.2.4.ok_share", 0.9)):
        (verdict,) = check({key: Condition(min=0)}, {"by": {"firmware": parts}})
        assert (verdict.value, verdict.holds) == (value, True)
    (verdict,) = check({"by.firmware.2.5.ok_share": Condition(min=0)}, {"by": {"firmware": parts}})
    assert (verdict.value, verdict.holds) == (None, False)
