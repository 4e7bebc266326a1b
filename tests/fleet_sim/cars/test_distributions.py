"""The distributions that a delay may have."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fleet_sim.cars.distributions import Delay, LogNormal, Offset, Quantiles, Uniform
from fleet_wire.randomness import RandomStream

DELAY: TypeAdapter[Uniform | LogNormal | Quantiles] = TypeAdapter(Delay)


def draws(delay: Uniform | LogNormal | Quantiles, count: int) -> list[float]:
    """Return sorted draws."""
    stream = RandomStream.named(1, "draws")
    return sorted(delay.sample_s(stream) for _ in range(count))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, Uniform(base_s=2.0)),
        (0.5, Uniform(base_s=0.5)),
        ({"base_s": 1, "spread_s": 2}, Uniform(base_s=1.0, spread_s=2.0)),
        ({"median_s": 5, "sigma": 0.8}, LogNormal(median_s=5.0, sigma=0.8)),
        ({"quantiles": [[0, 1], [1, 3]]}, Quantiles(quantiles=((0.0, 1.0), (1.0, 3.0)))),
    ],
)
def test_a_delay_has_four_forms(value: Any, expected: object) -> None:
    """Each form is read, and what is dumped is read again."""
    delay = DELAY.validate_python(value)
    assert delay == expected
    assert DELAY.validate_json(DELAY.dump_json(delay)) == expected


@pytest.mark.parametrize("value", [-60, {"base_s": -60.0}, {"base_s": -2, "spread_s": 4}])
def test_only_an_offset_may_be_below_0(value: Any) -> None:
    """A clock may be behind; nothing takes less than no time."""
    offset = TypeAdapter(Offset).validate_python(value)
    assert offset.sample_s(RandomStream.named(1, "draws")) < 2
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        DELAY.validate_python(value)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], "expected points from"),
        ([[0, 1]], "expected points from"),
        ([[0.1, 1], [1, 2]], "expected points from"),
        ([[0, 1], [0.9, 2]], "expected points from"),
        ([[0, 1], [0.5, 2], [0.5, 3], [1, 4]], r"\[0.5, 3\] after \[0.5, 2\]"),
        ([[0, 1], [0.5, 3], [1, 2]], r"\[1, 2\] after \[0.5, 3\]"),
        ([[0, 0], [1, 2]], "greater than 0"),
        ([[0, 1], [1.5, 2]], "less than or equal to 1"),
        ([[0, 1, 2], [1, 2]], "at most 2 items"),
    ],
)
def test_quantiles_ascend_from_0_to_1(points: list[list[float]], expected: str) -> None:
    """Points that are no quantile function are refused, and the message names them."""
    with pytest.raises(ValidationError, match=expected):
        Quantiles.model_validate({"quantiles": points})


POINTS = st.lists(
    st.tuples(st.floats(0.01, 0.99), st.floats(1e-3, 1e3)), max_size=6, unique_by=lambda it: it[0]
)


@given(POINTS, st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_quantiles_never_fall(inner: list[tuple[float, float]], shares: list[float]) -> None:
    """A larger share has no smaller value, and all values lie between the first and the last."""
    seconds = sorted([1e-3, 1e3, *(value for _, value in inner)])
    points = tuple(zip([0.0, *sorted(share for share, _ in inner), 1.0], seconds, strict=True))
    quantiles = Quantiles(quantiles=points)
    values = [quantiles.at_s(share) for share in sorted(shares)]
    assert all(later >= earlier * (1 - 1e-9) for earlier, later in pairwise(values))
    assert 1e-3 * (1 - 1e-9) <= values[0] <= values[-1] <= 1e3 * (1 + 1e-9)
