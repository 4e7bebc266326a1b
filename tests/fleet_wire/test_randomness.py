"""The random streams: the same everywhere, for ever, and independent of each other."""

from __future__ import annotations

import sys
from statistics import fmean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.randomness import RandomStream

SEEDS = st.integers(-(2**63), 2**63)
NAMES = st.text(max_size=20)


def draws(seed: int, name: str, count: int) -> list[float]:
    """Return the first draws of a stream."""
    stream = RandomStream.named(seed, name)
    return [stream.uniform() for _ in range(count)]


@pytest.mark.parametrize(
    ("seed", "name", "expected"),
    [
        (0, "", [0.34397312238943767, 0.3604778767100598, 0.6105798312890964]),
        (7, "car-00001/radio", [0.7769132651167819, 0.5452887930140536, 0.8752455043036923]),
        (-1, "é", [0.4503895130471466, 0.06628062404789237, 0.07827394304798396]),
    ],
)
def test_known_answers(seed: int, name: str, expected: list[float]) -> None:
    """These numbers never change: every stored run depends on them."""
    assert draws(seed, name, 3) == expected


def test_known_answers_of_each_kind() -> None:
    """Each kind of draw takes one number, and makes this of it."""
    stream = RandomStream.named(7, "kinds")
    assert stream.between(10, 20) == 15.961945943818806
    assert stream.index(1000) == 233
    assert stream.exponential(2.0) == pytest.approx(1.7372315985077798, rel=1e-12)
    assert stream.normal() == pytest.approx(0.4803793655652069, rel=1e-12)
    assert stream.uniform() == 0.9053420573159748


@given(SEEDS, NAMES, NAMES)
def test_streams_do_not_influence_each_other(seed: int, name: str, other: str) -> None:
    """Drawing from one stream between the draws of another changes nothing."""
    alone = draws(seed, name, 3)
    stream, disturbance = RandomStream.named(seed, name), RandomStream.named(seed, other)
    mixed = []
    for _ in range(3):
        mixed.append(stream.uniform())
        disturbance.normal()
    assert mixed == alone


@given(SEEDS, NAMES)
def test_seeds_and_names_make_other_streams(seed: int, name: str) -> None:
    """Another seed or another name gives other draws."""
    mine = draws(seed, name, 2)
    assert draws(seed + 1, name, 2) != mine
    assert draws(seed, name + "x", 2) != mine


def test_draws_are_uniform() -> None:
    """20,000 draws fill ten bins evenly: chi squared of 9 degrees, far below its 0.1 % point."""
    counts = [0] * 10
    drawn = draws(1, "bins", 20_000)
    assert 0 <= min(drawn) < max(drawn) < 1
    for draw in drawn:
        counts[int(draw * 10)] += 1
    assert sum((count - 2000) ** 2 / 2000 for count in counts) < 27.9


def test_normal_and_exponential_have_their_moments() -> None:
    """Means and deviations of 20,000 draws are within five standard errors."""
    stream = RandomStream.named(1, "moments")
    normal = [stream.normal() for _ in range(20_000)]
    assert fmean(normal) == pytest.approx(0, abs=5 / 20_000**0.5)
    assert pstdev(normal) == pytest.approx(1, abs=5 / 40_000**0.5)
    exponential = [stream.exponential(3.0) for _ in range(20_000)]
    assert fmean(exponential) == pytest.approx(3, abs=5 * 3 / 20_000**0.5)


def test_a_stream_stays_small() -> None:
    """A stream holds one key and one integer: a fleet has many of them."""
    stream = RandomStream.named(1, "x")
    assert not hasattr(stream, "__dict__")
    assert sys.getsizeof(stream) <= 64


def test_draws_that_are_skipped_are_numbered_and_missing() -> None:
    """The next draw is the one behind them, and the number is that of the first."""
    stream, twin = RandomStream.named(7, "car"), RandomStream.named(7, "car")
    draws = [twin.uniform() for _ in range(4)]

    assert stream.uniform() == draws[0]
    assert stream.skip(2) == 1
    assert stream.uniform() == draws[3]


def test_happens_by_the_next_draw() -> None:
    """It does where the draw is below the share: always of all, and of none it takes one too."""
    for number in range(20):
        stream, twin = RandomStream.named(number, "car"), RandomStream.named(number, "car")
        assert stream.happens(0.5) is (twin.uniform() < 0.5)
        assert stream.happens(1.0)
        assert not stream.happens(0.0)
        twin.skip(2)
        assert stream.uniform() == twin.uniform()
