"""Tests of what the report counts before it draws."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results.injected import InjectedFault
from fleet_sim.results.report_data import (
    PlottedUnlock,
    RunData,
    bucket_width_s,
    histogram,
    lanes,
    log_seconds,
    quantile_line,
    read_run,
    thin,
    time_ticks,
)
from fleet_wire.contract.causes import Cause, Outcome
from tests.helpers.sample_run import make_attempt, write_lines


@given(st.lists(st.sampled_from(Outcome), max_size=300), st.integers(min_value=4, max_value=100))
def test_thinning_keeps_to_the_limit_and_favours_failures(
    outcomes: list[Outcome], limit: int
) -> None:
    """Never above the limit, everything when it fits, all failures while they fit in half of it."""
    points = [
        PlottedUnlock(float(number), 1.0, outcome, None, f"car-{number}")
        for number, outcome in enumerate(outcomes)
    ]
    kept = thin(points, limit)
    assert len(kept) <= limit
    assert set(kept) <= set(points)
    if len(points) <= limit:
        assert set(kept) == set(points)
    bad = [point for point in points if point.outcome is not Outcome.OK]
    if len(bad) <= limit // 2:
        assert set(bad) <= set(kept)


@given(st.floats(min_value=1, max_value=1e7), st.integers(min_value=5, max_value=60))
def test_bucket_widths_fit(span_s: float, at_most: int) -> None:
    """There are never more buckets than asked for; a day is cut into half hours."""
    assert span_s / bucket_width_s(span_s, at_most=at_most) <= at_most
    assert bucket_width_s(86_400, at_most=48) == 1800


@given(st.lists(st.floats(min_value=1e-5, max_value=1e4), min_size=1))
def test_histogram_loses_nothing(values: list[float]) -> None:
    """Every value falls into a bin between the limits that were made for them."""
    low, high = log_seconds(values)
    assert low < math.log10(min(values)) <= math.log10(max(values)) < high
    assert sum(histogram(values, low, high, 50)) == len(values)


FAULTS = st.lists(
    st.builds(
        InjectedFault,
        fault=st.text("abcdef_", min_size=1, max_size=40),
        start_s=st.floats(min_value=0, max_value=50),
        end_s=st.just(60.0),
    ),
    max_size=12,
)


@given(FAULTS)
def test_labels_do_not_cover_each_other(faults: list[InjectedFault]) -> None:
    """Each fault has a label, and on one line each begins after the one before has ended."""
    data = RunData(points=[], cars={}, faults=faults, lost=[], samples=[], manifest={})
    placed = lanes(data)
    assert len(placed) == len(faults)
    for lane in {lane for _, lane in placed}:
        on_line = [fault for fault, place in placed if place == lane]
        for left, right in pairwise(on_line):
            assert left.start_s + len(left.fault) * 0.0065 * data.end_s <= right.start_s


@pytest.mark.parametrize(("end_s", "last"), [(60.0, None), (900.0, "14 min"), (86_400.0, "24 h")])
def test_long_runs_have_ticks_in_minutes_and_hours(end_s: float, last: str | None) -> None:
    """A run of a day is read in hours, not in tens of thousands of seconds."""
    ticks = time_ticks(end_s)
    assert (ticks["ticktext"][-1] if "ticktext" in ticks else None) == last


def test_the_latest_unlock_that_did_not_end_well_can_be_looked_up(tmp_path: Path) -> None:
    """Whatever the order of the lines, and however often the car opened since."""
    ends = [(1, 10.0, Cause.BOX_BUSY), (2, 30.0, Cause.RESULT_LOST), (3, 20.0, Cause.BOX_SILENT)]
    attempts = [make_attempt(number, at_s=at_s, cause=cause) for number, at_s, cause in ends]
    at_once = msgspec.structs.replace(make_attempt(4, at_s=0.0), total_s=0.0)
    write_lines(tmp_path / "attempts.jsonl", [*attempts, make_attempt(4, at_s=40.0), at_once])
    data = read_run(tmp_path)
    (car,) = data.cars.values()
    assert data.points[0].total_s == 1e-5, "logarithms need some time"
    assert car.latest_not_ok == (attempts[1].started_at, "unknown", "result_lost", f"{2:032x}")


def test_a_quantile_line_has_gaps() -> None:
    """A bucket in which too few opened has no quantile: a refusal is not a fast unlock."""
    points = [
        PlottedUnlock(0.5, 0.1, Outcome.REFUSED, Cause.BOX_BUSY, "car-1"),
        PlottedUnlock(0.6, 3.0, Outcome.OK, None, "car-2"),
        PlottedUnlock(4.5, 2.0, Outcome.OK, None, "car-3"),
    ]
    assert quantile_line(points, 50, 2) == ([1.0, 3.0, 5.0], [3.0, None, 2.0])
    assert quantile_line(points, 95, 2) == ([1.0, 3.0, 5.0], [None, None, 2.0])
