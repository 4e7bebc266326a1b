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
    for number in (999, 997, -1):  # whether it was kept just now, before, or never
        latest.forget(number)
        assert latest.get(number) is None


def test_what_is_too_old_goes() -> None:
    """Whatever was kept less than the time ago is there, and nothing that is twice as old."""
    latest: Latest[int, str] = Latest(1_000_000, within_s=60.0)
    for now_s in range(1_000):
        latest.keep(now_s, str(now_s), float(now_s))
        kept = [latest.get(at_s) is not None for at_s in range(now_s + 1)]
        assert all(kept[-60:])
        assert not any(kept[:-120])
