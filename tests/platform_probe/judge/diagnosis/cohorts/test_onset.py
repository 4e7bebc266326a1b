"""When the rate of failures changed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from platform_probe.judge.diagnosis.cohorts.counts import Count
from platform_probe.judge.diagnosis.cohorts.onset import onset_of


def counts_of(failures: Iterable[tuple[float, bool]]) -> list[Count]:
    """Return attempts at some times, of which some fail."""
    return [Count(at=at, values=("a",), failures=int(fails)) for at, fails in failures]


@pytest.mark.parametrize(
    ("failures", "begin_at", "earliest", "latest"),
    [
        pytest.param(
            [(n, (n % 10 == 0) is (n < 100)) for n in range(200)], 100, 100, 110,
            id="one in ten, then nine in ten",
        ),
        pytest.param(
            [*((n, False) for n in range(20)), *((500 + n, True) for n in range(10))], 500, 19, 510,
            id="at any time since the last attempt that opened",
        ),
        pytest.param(
            [(n, n >= 200 or (n >= 100 and n % 10 == 0)) for n in range(300)], 100, 99, 199,
            id="what grows began with its first failures",
        ),
        pytest.param(
            [(n, 100 <= n < 130 or n >= 400) for n in range(460)], 400, 400, 410,
            id="half an hour of the morning is another time",
        ),
    ],
)  # fmt: skip
def test_the_change_is_where_the_likelihood_is_greatest(
    failures: list[tuple[float, bool]], begin_at: float, earliest: float, latest: float
) -> None:
    """In whatever order the attempts are; with what it may have been as well."""
    begin = onset_of(counts_of(reversed(failures)))
    assert begin is not None
    assert begin_at <= begin.at <= begin_at + 1.0
    assert begin.earliest <= earliest
    assert begin.at <= begin.latest <= latest


def test_what_never_changes_or_gets_better_has_no_begin() -> None:
    """All fail alike; or the first half does; or there is nothing."""
    assert onset_of(counts_of((n, True) for n in range(10))) is None
    assert onset_of(counts_of((n, n < 5) for n in range(10))) is None
    assert onset_of([]) is None
