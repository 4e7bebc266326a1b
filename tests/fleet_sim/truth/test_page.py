"""The badges of a result; `results.txt` has its page and the tables on a terminal."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from fleet_sim.truth.grading import Grade
from fleet_sim.truth.page import badge_of


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({}, "not graded"),
        ({Grade.TRUE: 9, Grade.LATE: 1}, "90 % true"),
        ({Grade.TRUE: 3, Grade.STUCK: 1}, "75 % true"),
        ({Grade.FALSE_SUCCESS: 1}, "0 % true"),
    ],
)
def test_a_badge_says_the_share(counts: dict[Grade, int], text: str) -> None:
    """As a picture that stands by itself; better shares have another colour."""
    root = ET.fromstring(badge_of(counts))  # noqa: S314 - our own text
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")][1] == text
