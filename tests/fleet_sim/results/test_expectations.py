"""What a scenario promises, checked against the summary of its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet_sim.results.expectations import Condition, check, known_keys
from fleet_sim.results.summary import summarize
from fleet_wire.modes.catalogue import TITLES
from tests.helpers.sample_run import sample_facts

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


def test_check_gives_a_verdict_for_each_key_in_order() -> None:
    """Each expectation has its value and verdict, and says in words what was expected.

    As JSON it has the bounds that were given and no others.
    """
    expect = {
        "attempts.ok_share": Condition(min=0.99, max=1),
        "attempts.by_cause.box_silent": Condition(equals=0),
        "mode": Condition(equals="live"),
    }
    verdicts = check(expect, SUMMARY)
    assert [(it.key, it.value, it.holds) for it in verdicts] == [
        ("attempts.ok_share", 0.95, False),
        ("attempts.by_cause.box_silent", 0, True),
        ("mode", "live", True),
    ]
    assert verdicts[2].as_json() == {
        "key": "mode", "condition": {"equals": "live"}, "value": "live", "holds": True
    }  # fmt: skip


@pytest.mark.parametrize(
    "key", ["unlock.p95_s", "unlock.p99_s", "nothing", "attempts", "expect", "mode.x", "seed.x.y"]
)
def test_without_a_value_it_does_not_hold(key: str) -> None:
    """A key that the summary lacks, that is None or no single value, is a failed verdict."""
    (verdict,) = check({key: Condition(max=1e9)}, SUMMARY)
    assert verdict.value is None
    assert verdict.holds is False


def test_every_known_key_is_in_a_summary(tmp_path: Path) -> None:
    """The vocabulary is that of a real summary, and names single values only."""
    summary = summarize(tmp_path, sample_facts())
    for key in known_keys():
        place: Any = summary
        for part in key.split("."):
            place = place[part]
        assert not isinstance(place, dict | list)
    some = {"seed", "attempts.by_cause.box_silent", "incidents.by_mode.generic_500"}
    some |= {"injected.untouched.not_ok", "injected.touched.by_cause.box_silent"}
    assert some | {f"diagnoses.by_mode.{name}" for name in TITLES} <= {*known_keys()}
