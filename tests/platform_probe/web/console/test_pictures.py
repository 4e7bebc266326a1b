"""Curves: their axes have round ticks, at round times of the zone."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from platform_probe.web.console.pictures import (
    TIME_TICKS,
    Curve,
    curve_of,
    reliability_of,
)

DAY_S = 86_400.0


def curve(*values: float, span_s: float = 600.0, from_zero: bool = False) -> Curve:
    """Return a curve through values at equal distances, from midnight on."""
    step_s = span_s / (len(values) - 1)
    made = curve_of(
        [(number * step_s, value) for number, value in enumerate(values)], from_zero=from_zero
    )
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ((0.0, 2.0), ["0", "1", "2"]),
        ((0.0, 0.0), ["0", "1"]),
        ((0.0, 343.0), ["0", "100", "200", "300", "400"]),
        ((0.0, 0.031), ["0", "0.01", "0.02", "0.03", "0.04"]),
    ],
)
def test_values_have_round_ticks(values: tuple[float, ...], labels: list[str]) -> None:
    """From zero on, in steps of 1, 2 or 5 times a power of ten; whole for what is counted."""
    assert [tick.label for tick in curve(*values, from_zero=True).value_ticks] == labels


def test_an_axis_of_voltages_begins_near_the_lowest() -> None:
    """It need not begin at zero."""
    ticks = curve(11.83, 12.61).value_ticks
    assert [tick.label for tick in ticks] == ["11.8", "12", "12.2", "12.4", "12.6", "12.8"]
    assert (ticks[0].percent, ticks[-1].percent) == (100.0, 0.0)


@pytest.mark.parametrize(
    ("span_s", "labels"),
    [
        (56.0, ["00:00:00", "00:00:10", "00:00:20", "00:00:30", "00:00:40", "00:00:50"]),
        (600.0, ["00:00", "00:02", "00:04", "00:06", "00:08", "00:10"]),
        (6 * 3_600.0, ["00:00", "01:00", "02:00", "03:00", "04:00", "05:00", "06:00"]),
        (5 * DAY_S, ["01.01.", "02.01.", "03.01.", "04.01.", "05.01.", "06.01."]),
    ],
)
def test_times_have_round_ticks(span_s: float, labels: list[str]) -> None:
    """With seconds in a minute, with days in a week."""
    ticks = curve(1.0, 2.0, span_s=span_s).time_ticks(UTC)
    assert [tick.label for tick in ticks] == labels
    assert len(ticks) <= TIME_TICKS + 1
    assert (ticks[0].percent, max(tick.percent for tick in ticks) <= 100.0) == (0.0, True)


def test_ticks_are_round_in_the_zone() -> None:
    """Not in UTC: half an hour east of it, hours are full at half past."""
    ticks = curve(1.0, 2.0, span_s=4 * 3_600.0).time_ticks(timezone(timedelta(minutes=30)))
    assert [tick.label for tick in ticks] == ["01:00", "02:00", "03:00", "04:00"]
    assert ticks[0].percent == pytest.approx(100 / 8)


def test_the_chart_has_the_diagonal_of_true_probabilities() -> None:
    """A point on it was right as often as it said; without labels there is no chart."""
    chart = reliability_of([(0.25, 0.25, 8), (1.0, 0.5, 2)])
    assert chart is not None
    assert chart.dots == [(25.0, 75.0, 8), (100.0, 50.0, 2)]
    assert chart.path == "M250.0 150.0L1000.0 100.0"
    assert [tick.percent for tick in chart.ticks] == [0, 25, 50, 75, 100]
    assert reliability_of([]) is None
