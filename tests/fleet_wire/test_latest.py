"""What is kept of what may be without end."""

from __future__ import annotations

from fleet_wire.latest import Latest

MOST = 10


def test_the_latest_are_kept_and_never_too_many() -> None:
    """At least half of what is allowed, the youngest; what is kept again is young again."""
    latest: Latest[int, str] = Latest(MOST)
    for number in range(1_000):
        latest.keep(number, str(number))
        latest.keep(0, "again and again")
        assert latest.get(max(number - MOST // 2 + 2, 0)) is not None
        assert sum(latest.get(each) is not None for each in range(1_000)) <= MOST
    assert latest.get(0) == "again and again"


def test_what_is_forgotten_is_gone() -> None:
    """Whether it was kept just now or long ago."""
    latest: Latest[int, str] = Latest(MOST)
    for number in range(MOST):
        latest.keep(number, str(number))
    for number in (MOST // 2 + 1, MOST - 1, -1):
        latest.forget(number)
        assert latest.get(number) is None
