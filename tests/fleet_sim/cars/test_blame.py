"""What goes wrong for a while is reported to who did it."""

from __future__ import annotations

from fleet_sim.cars.blame import Blame
from tests.helpers.culprit import Seen, Suspect


def test_each_effect_is_reported_once_with_its_time_and_its_customer() -> None:
    """From the first thing that somebody did; and no effect ends before it began."""
    blame, early, late = Blame(), Suspect(), Suspect()
    blame.note(early, "cut", 1.0)
    blame.note(early, "cut again", 2.0)
    blame.note(late, "shut", 5.0)
    for _ in range(2):
        blame.report("car-1", 4.0, customer_id="jo")
    assert early.hits == [Seen("cut", None, (1.0, 4.0), "jo")]
    assert late.hits == [Seen("shut", None, (5.0, 5.0), "jo")]
