"""Which cohort names a problem."""

from __future__ import annotations

import pytest

from platform_probe.judge.detection.naming import telling_part
from platform_probe.judge.detection.traits import Values, key_named

FLEET = (
    ("north", "a", "2", "tcu-3"), ("south", "a", "2", "tcu-3"), ("north", "b", "2", "tcu-3"),
    ("north", "c", "1", "tcu-3"), ("south", "c", "1", "tcu-4"), ("east", "d", "3", "tcu-3"),
)  # fmt: skip
"""Region, operator, firmware, hardware: operator a has one firmware, which b has as well."""


@pytest.mark.parametrize(
    ("cohort", "named"),
    [
        (
            {"region": "north", "operator": "a", "firmware": "2"},
            {"region": "north", "operator": "a"},
        ),
        ({"operator": "a", "firmware": "2"}, {"operator": "a"}),
        ({"operator": "b", "firmware": "2", "hardware": "tcu-3"}, {"operator": "b"}),
        ({"firmware": "1", "hardware": "tcu-3"}, {"firmware": "1", "hardware": "tcu-3"}),
        ({"region": "north", "firmware": "2"}, {"region": "north", "firmware": "2"}),
        ({"operator": "d", "firmware": "3"}, {"operator": "d", "firmware": "3"}),
        ({"firmware": "9"}, {"firmware": "9"}),
        ({}, {}),
    ],
)
def test_what_adds_nothing_does_not_name_a_cohort(
    cohort: dict[str, str], named: dict[str, str]
) -> None:
    """A firmware that all cars of an operator have, and others as well; of what is its own all."""
    kinds: list[Values] = [(*kind, None, None, None) for kind in FLEET]
    assert telling_part(key_named(cohort), kinds) == key_named(named)
    kinds.append(("north", "a", None, None, None, None, None))  # a call says no firmware
    assert telling_part(key_named(cohort), kinds) == key_named(named)
