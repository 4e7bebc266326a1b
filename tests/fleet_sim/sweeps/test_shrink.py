"""The search for the smallest scenario, without runs."""

from __future__ import annotations

from typing import Any

from fleet_sim.sweeps.shrink import Smaller, Values, shrunk

WHOLE: Values = {
    "description": "two of each",
    "fleet": {
        "groups": [
            {"name": "north", "count": 40, "region": "north"},
            {"name": "south", "count": 60, "region": "south", "box": {"heartbeat_s": 5}},
        ]
    },
    "load": {"stages": [{"kind": "constant", "rate_per_s": 8.0, "duration_s": 32.0}]},
    "faults": [
        {"name": "one", "window": {"start_s": 8.0}},
        {"name": "two", "window": {"start_s": 4.0, "end_s": 16.0}, "target": {"region": "south"}},
    ],
}


def _search(needs: Any) -> tuple[Values, list[Values], list[str]]:
    tried: list[Values] = []
    steps: list[str] = []

    def still_shows(values: Values) -> bool:
        tried.append(values)
        try:
            return bool(needs(values))
        except KeyError:  # what it needs is gone
            return False

    def on_smaller(step: Smaller) -> None:
        steps.append(step.what)

    return shrunk(WHOLE, still_shows, on_smaller), tried, steps


def _names(entries: list[Values]) -> list[str]:
    return [entry["name"] for entry in entries]


def test_only_what_is_needed_stays() -> None:
    """The second fault and the second group; their number is as small as it may be."""
    found, _, _ = _search(
        lambda it: (
            "two" in _names(it["faults"])
            and "south" in _names(it["fleet"]["groups"])
            and it["fleet"]["groups"][-1]["count"] >= 7
            and it["load"]["stages"][0]["duration_s"] >= 4
        )
    )
    assert _names(found["faults"]) == ["two"]
    [group] = found["fleet"]["groups"]
    assert group == {"name": "south", "count": 7}
    [stage] = found["load"]["stages"]
    assert stage["duration_s"] == 4.0
    assert found["description"] == WHOLE["description"]


def test_nothing_is_tried_twice_and_the_whole_is_left_alone() -> None:
    """Each try is a run; the last group stays, and what was given is not changed."""
    before = str(WHOLE)
    found, tried, steps = _search(lambda _: False)
    assert found == WHOLE
    assert str(WHOLE) == before
    assert steps == []
    texts = [str(values) for values in tried]
    assert len(texts) == len(set(texts)) > 10
    found, tried, _ = _search(lambda _: True)
    assert all(values["fleet"]["groups"] for values in tried if "groups" in values["fleet"])
    assert found.get("faults", []) == []


def test_times_at_which_unlocks_start_end_with_their_stage() -> None:
    """What would start after the end goes; then as many as are not needed."""
    stage = {"kind": "times", "at_s": [1.0, 2.0, 9.0, 14.0], "duration_s": 16.0}
    whole: Values = {**WHOLE, "load": {"stages": [stage]}}
    tried: list[Values] = []

    def still_shows(values: Values) -> bool:
        stages = values.get("load", {}).get("stages")
        if not stages or not {"at_s", "duration_s"} <= stages[0].keys():
            return False
        tried.append(stages[0])
        return 2.0 in stages[0]["at_s"]

    found = shrunk(whole, still_shows, lambda _: None)
    (left,) = found["load"]["stages"]
    assert left["at_s"] == [2.0]
    assert left["duration_s"] == 4.0
    assert all(max(each["at_s"]) < each["duration_s"] for each in tried)
