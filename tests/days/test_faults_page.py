"""Each fault of the catalogue, on a tenth of a fleet with customers, wakes somebody.

What stands on the phone first names the place: the region, operator, firmware or hardware that was
struck. Nobody was woken before, and no other place is accused.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.faults import FAULTS
from tests.helpers.faulty_tenth import BEGINS_S, CASES, Case, woken_by
from tests.helpers.inhibition import heard
from tests.helpers.judged import told

pytestmark = pytest.mark.long

TRAITS = ("region", "operator", "firmware", "hardware")
LONGEST_TITLE = 120
"""Letters that a phone shows of a notification, in two or three lines."""


def test_each_case_is_of_another_fault() -> None:
    """A fault may be added without one, until it is known whom it should wake."""
    faults = [case.fault for case in CASES]
    assert len(set(faults)) == len(faults) >= 15
    assert set(faults) <= set(FAULTS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
@pytest.mark.prometheus
def test_it_wakes_somebody_and_says_where(case: Case, tmp_path: Path) -> None:
    """Within the stated time, by a title with the place; the first page of all is one of these."""
    pages = woken_by(case, tmp_path)
    said = "\n".join(told(pages))
    named = [page for page in pages if case.place in page.title]
    assert named, f"nobody was told {case.place}:\n{said}"
    first_s = min(page.at_s for page in pages)
    assert min(page.at_s for page in named) == first_s >= BEGINS_S, said
    places = {page.labels[trait] for page in pages for trait in TRAITS if trait in page.labels}
    assert places == {case.place}, said
    unexplained = [page for page in heard(pages) if case.place not in page.title]
    assert not unexplained, told(unexplained)
    assert all(len(page.title) <= LONGEST_TITLE for page in pages), said
