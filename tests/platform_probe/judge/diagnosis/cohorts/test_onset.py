"""When the rate of failures changed."""

from __future__ import annotations

from platform_probe.judge.diagnosis.cohorts.counts import Count
from platform_probe.judge.diagnosis.cohorts.onset import onset_of


def count(at: float, failures: int) -> Count:
    """Return one attempt."""
    return Count(at=at, values=("a",), failures=failures)


def test_the_change_is_where_the_likelihood_is_greatest() -> None:
    """One failure in ten, then nine in ten, from the 100th second on."""
    counts = [count(float(n), int((n % 10 == 0) is (n < 100))) for n in range(200)]
    begin = onset_of(list(reversed(counts)))
    assert begin is not None
    assert 100.0 <= begin.at <= 101.0
    assert begin.earliest <= 100.0 <= begin.latest


def test_a_gap_makes_the_begin_uncertain() -> None:
    """It may have begun at any time since the last attempt that opened."""
    counts = [count(float(n), 0) for n in range(20)] + [count(500.0 + n, 1) for n in range(10)]
    begin = onset_of(counts)
    assert begin is not None
    assert begin.at == 500.0
    assert begin.earliest <= 19.0


def test_what_never_changes_or_gets_better_has_no_begin() -> None:
    """All fail alike; or the first half does; or there is nothing."""
    assert onset_of([count(float(n), 1) for n in range(10)]) is None
    assert onset_of([count(float(n), int(n < 5)) for n in range(10)]) is None
    assert onset_of([]) is None


def test_what_grows_began_with_its_first_failures() -> None:
    """One in ten fails from the 100th second on, and nearly all from the 200th on."""
    counts = [count(float(n), int(n >= 200 or (n >= 100 and n % 10 == 0))) for n in range(300)]
    begin = onset_of(counts)
    assert begin is not None
    assert begin.at == 100.0
    assert begin.earliest <= 99.0
    assert begin.latest < 200.0


def test_what_was_over_meanwhile_is_another_time() -> None:
    """Half an hour that was bad in the morning is no begin of what is bad now."""
    counts = [count(float(n), int(100 <= n < 130 or n >= 400)) for n in range(460)]
    begin = onset_of(counts)
    assert begin is not None
    assert begin.at == 400.0
