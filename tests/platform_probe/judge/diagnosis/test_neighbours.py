"""Other unlocks at the time."""

from __future__ import annotations

from fleet_wire.contract.causes import Cause
from platform_probe.judge.diagnosis.neighbours import (
    ALL,
    ENOUGH,
    Neighbours,
)

A = (("operator", "a"),)
B = (("operator", "b"),)


def test_those_who_fail_alike_are_counted_by_what_they_have_in_common() -> None:
    """A failure of another family is none of theirs, and one taken back counts no longer."""
    neighbours = Neighbours()
    for _ in range(4):
        neighbours.add_unlock(100.0, Cause.BOX_OFFLINE, A)
        neighbours.add_unlock(100.0, None, B)
    neighbours.add_unlock(100.0, Cause.API_FAILED, A)
    compared = neighbours.compare(130.0, Cause.BOX_SILENT, A)
    assert compared[A[0]].inside == (4, 5)
    assert compared[A[0]].outside == (0, 4)
    assert compared[ALL].inside == (4, 9)
    neighbours.take_back(100.0, Cause.BOX_OFFLINE, A)  # so that nobody is his own neighbour
    assert neighbours.compare(130.0, Cause.BOX_SILENT, A)[ALL].inside == (3, 8)


def test_neighbours_are_the_nearest_where_there_are_enough() -> None:
    """Failures of minutes ago had a reason of their own; in a small fleet they are all there is."""
    neighbours = Neighbours()
    for number in range(10):
        neighbours.add_unlock(400.0 + number, Cause.BOX_OFFLINE, A)
    assert neighbours.compare(800.0, Cause.BOX_OFFLINE, A)[ALL].inside == (10, 10)
    for _ in range(ENOUGH):
        neighbours.add_unlock(800.0, None, A)
    assert neighbours.compare(800.0, Cause.BOX_OFFLINE, A)[ALL].inside == (0, ENOUGH)


def test_a_wave_is_what_comes_within_two_minutes() -> None:
    """Half minutes on both sides count."""
    neighbours = Neighbours()
    for second in (0.0, 100.0, 110.0, 130.0, 400.0):
        neighbours.will(second, after_command=False)
    assert neighbours.wills_around(115.0) == 3


def test_those_that_are_back_are_none_that_were_lost_later() -> None:
    """Of three that were lost together two are back at least; five more have come and gone."""
    neighbours = Neighbours()
    for second in (100.0, 110.0, 120.0, *range(400, 405)):
        neighbours.will(second, after_command=False)
    for second in (200.0, 210.0, *range(500, 505)):
        neighbours.online(second)
    assert neighbours.back_of_those_lost(110.0) == 2
