"""When unlocks start."""

from __future__ import annotations

from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fleet_wire.arrivals import (
    Burst,
    Constant,
    LoadStage,
    Poisson,
    Ramp,
    Times,
    arrival_times,
    total_duration_s,
)
from fleet_wire.randomness import RandomStream

RATES = st.floats(0, 50)
DURATIONS = st.floats(0.01, 20)
STAGES = st.one_of(
    st.builds(Constant, rate_per_s=RATES, duration_s=DURATIONS),
    st.builds(Poisson, rate_per_s=RATES, duration_s=DURATIONS),
    st.builds(Ramp, from_rate_per_s=RATES, to_rate_per_s=RATES, duration_s=DURATIONS),
    st.builds(Burst, count=st.integers(1, 50), over_s=st.floats(0, 30), duration_s=DURATIONS),
    st.builds(Times, at_s=st.lists(st.floats(0, 30), min_size=1, max_size=9), duration_s=DURATIONS),
)


def stream() -> RandomStream:
    """Return a stream with a fixed seed."""
    return RandomStream.named(1, "arrivals")


@pytest.mark.parametrize(
    ("stage", "times"),
    [
        (Constant(rate_per_s=4, duration_s=1.5), [0, 0.25, 0.5, 0.75, 1.0, 1.25]),
        # arrival n at sqrt(n), 16 in all
        (Ramp(from_rate_per_s=0, to_rate_per_s=8, duration_s=4), [n**0.5 for n in range(16)]),
        (Ramp(from_rate_per_s=2, to_rate_per_s=2 + 1e-13, duration_s=2), [0, 0.5, 1.0, 1.5]),
        (Burst(count=4, over_s=2, duration_s=9), [0, 0.5, 1.0, 1.5]),
        (Burst(count=3, duration_s=9), [0, 0, 0]),
        (Times(at_s=[3, 1, 1, 5], duration_s=5), [1, 1, 3]),  # what is past the stage is cut
        (Poisson(rate_per_s=2, duration_s=3), [1.3863378491845515]),  # of this seed, for ever
    ],
    ids=lambda one: getattr(one, "kind", ""),
)
def test_times_of_each_kind(stage: LoadStage, times: list[float]) -> None:
    """Evenly, along a ramp, at once or over a while, at given times, and at random."""
    assert stage.times(stream()) == pytest.approx(times, rel=1e-12)


def test_poisson_has_its_rate_and_spread() -> None:
    """Counts per second of 100 s at 50 a second: mean and variance both near 50."""
    times = Poisson(rate_per_s=50, duration_s=100).times(stream())
    counts = [0] * 100
    for at_s in times:
        counts[int(at_s)] += 1
    assert fmean(counts) == pytest.approx(50, abs=5 * 50**0.5 / 10)
    assert 25 < pvariance(counts) < 100


@given(st.lists(STAGES, min_size=1, max_size=4), st.integers(0, 2**32))
def test_arrivals_ascend_within_the_load(stages: list[LoadStage], seed: int) -> None:
    """Whatever the stages: in order, from 0, before the end, and the same for the same seed."""
    times = arrival_times(stages, RandomStream.named(seed, "load"))
    assert times == sorted(times)
    assert all(0 <= at_s <= total_duration_s(stages) for at_s in times)
    assert times == arrival_times(stages, RandomStream.named(seed, "load"))


@given(RATES, RATES, DURATIONS)
def test_ramp_has_as_many_as_its_area(first: float, last: float, duration_s: float) -> None:
    """The number of arrivals is the mean rate times the duration, rounded down."""
    ramp = Ramp(from_rate_per_s=first, to_rate_per_s=last, duration_s=duration_s)
    assert len(ramp.times(stream())) == int((first + last) / 2 * duration_s)


def test_stages_follow_each_other() -> None:
    """A stage begins where the one before ends, arrivals or not."""
    stages: list[LoadStage] = [
        Constant(rate_per_s=0, duration_s=5),
        Poisson(rate_per_s=0, duration_s=5),
        Burst(count=1, duration_s=5),
        Constant(rate_per_s=1, duration_s=2),
    ]
    assert arrival_times(stages, stream()) == [10, 15, 16]
    assert total_duration_s(stages) == 17


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "comb", "duration_s": 1},
        {"kind": "constant", "rate_per_s": -1, "duration_s": 1},
        {"kind": "constant", "rate_per_s": 1, "duration_s": 0},
        {"kind": "constant", "rate_per_s": 1, "duration_s": float("inf")},
        {"kind": "poisson", "rate_per_s": float("nan"), "duration_s": 1},
        {"kind": "ramp", "from_rate_per_s": 1, "duration_s": 1},
        {"kind": "burst", "count": 0, "duration_s": 1},
        {"kind": "times", "at_s": [], "duration_s": 1},
        {"kind": "times", "at_s": [-1], "duration_s": 1},
        {"kind": "constant", "rate_per_s": 1, "duration_s": 1, "rate": 2},
    ],
)
def test_impossible_stages_are_refused(values: dict[str, object]) -> None:
    """What makes no sense is no stage."""
    with pytest.raises(ValidationError):
        TypeAdapter[LoadStage](LoadStage).validate_python(values)


def test_the_length_of_a_load_is_the_same_on_every_python() -> None:
    """To the last bit, where the next stage would begin: it decides what a run does."""
    stages: list[LoadStage] = [Constant(rate_per_s=0, duration_s=0.1)] * 10
    after = Times(at_s=[0.0], duration_s=1.0)
    arrivals = arrival_times([*stages, after], RandomStream.named(1, "load"))
    assert [total_duration_s(stages)] == arrivals
    assert total_duration_s(stages) == 0.9999999999999999
