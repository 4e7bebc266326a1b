"""Every stack's fleet answers commands, and the results are told."""

from __future__ import annotations

import math

import pytest

from bench.measure import Measurement, Plan, measure, quantile
from bench.probe_run import ProbeMeasurement
from bench.results import Results, goals, render
from bench.stacks import STACKS

pytestmark = pytest.mark.long

_SMALL = Plan(boxes=20, rate_per_s=250.0, closed_loop_s=0.1, open_loop_s=0.2)


@pytest.mark.broker
@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.compiler] if kind == "c" else []) for kind in STACKS],
)
async def test_every_stack_answers_every_command(kind: str) -> None:
    """Twenty boxes of each stack answer all commands of both loads."""
    measurement = await measure(kind, _SMALL)
    assert measurement.boxes == 20
    assert measurement.lost == 0
    assert measurement.round_trips_per_s > 0
    assert measurement.p50_ms <= measurement.p99_ms


def _measurement(kind: str, **changed: float) -> Measurement:
    values: dict[str, float] = {
        "boxes": 10_000,
        "connects_per_s": 8_000.0,
        "connect_cpu_us": 100.0,
        "kib_per_box": 5.0,
        "kib_per_box_loaded": 5.5,
        "round_trips_per_s": 9_000.0,
        "cpu_us_at_most": 30.0,
        "rate_per_s": 2_000.0,
        "cpu_us": 40.0,
        "broker_cpu_us": 50.0,
        "p50_ms": 0.2,
        "p99_ms": 0.5,
        "lost": 0,
    }
    return Measurement(kind=kind, **(values | changed))  # type: ignore[arg-type]


def _probe_measurement() -> ProbeMeasurement:
    return ProbeMeasurement(
        boxes=10_000,
        rate_per_s=2_000.0,
        sent=20_000,
        ok=19_999,
        not_ok_by_cause={"box_silent": 1},
        dropped=0,
        lag_p99_ms=1.0,
        lag_max_ms=2.0,
        round_trip_p50_ms=1.0,
        round_trip_p99_ms=2.5,
        state_p99_ms=2.6,
        cpu_us=100.0,
        probe_cpu_us=250.0,
        c_answered_share=1.0,
        c_round_trip_p50_ms=0.2,
        c_round_trip_p99_ms=0.5,
    )


def _results() -> Results:
    return Results(
        {"cores": "2 of something"},
        {
            "bare": [_measurement("bare"), _measurement("bare", connects_per_s=10_000.0)],
            "bare3": [_measurement("bare3", cpu_us=50.0), _measurement("bare3", cpu_us=50.0)],
            "full": [_measurement("full", cpu_us=80.0), _measurement("full", cpu_us=80.0)],
        },
        [_probe_measurement()],
    )


def test_results_are_told_with_their_verdicts() -> None:
    """Medians with the least and the most of the rounds; goals are judged on ratios of one round.

    A full box at twice the CPU of the bare one misses its goal. What three messages take above one
    is the contract's doing, and only compared. A run of one stack has no ratios.
    """
    text = render(_results())
    for part in ("2 of something", "9,000", "8,000..10,000", "MISSED"):
        assert part in text
    by_title = {goal.title: goal for goal in goals(_results())}
    assert not by_title["CPU, open loop: full / bare, same packets"].holds
    assert by_title["CPU, 64 in flight: full / bare, same packets"].holds
    assert by_title["connect rate, full / bare, no state"].values == [1.0, 0.8]
    assert by_title["connect rate, full / bare, same packets"].holds
    assert by_title["real probe at 2,000/s: p99 / that of a driver in C"].values == [5.0]
    assert by_title["full box, KiB, loaded"].holds
    assert not by_title["real probe at 2,000/s: not ok"].holds
    compared = by_title["CPU, open loop: full / bare, one answer"]
    assert (compared.values, compared.verdict) == ([2.0, 2.0], ("", ""))
    assert goals(Results({}, {"paho": [_measurement("paho")]}, [])) == []


def test_quantile_is_a_measured_value() -> None:
    """The quantile is the smallest value with enough at or below it; of nothing it is no number."""
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
    assert math.isnan(quantile([], 0.5))
