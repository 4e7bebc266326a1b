"""By which name a cohort is called."""

from __future__ import annotations

import pytest

from platform_probe.judge.diagnosis.cohorts.names import in_order, names_of

KINDS = [
    ("hill", "blue", "5.2.2", "tcu-8"),
    ("hill", "red", "5.1.0", "tcu-7"),
    ("port", "blue", "5.1.0", "tcu-7"),
]
"""Of region, operator, firmware and hardware: the first has several names of its own."""
NAMES = ({"firmware": "5.2.2"}, {"hardware": "tcu-8"}, {"region": "hill", "operator": "blue"})


def test_names_hold_the_same_unlocks_and_no_more_than_it_takes() -> None:
    """Each trait alone, or two that are needed both; none with one too many."""
    own = frozenset({(0, "hill"), (1, "blue")})
    assert names_of(own, KINDS) == [{(2, "5.2.2")}, {(3, "tcu-8")}, own]
    port, as_well = names_of(frozenset({(0, "port")}), KINDS)[:2]
    assert port == {(0, "port")}
    assert len(as_well) == 2
    assert names_of(frozenset(), KINDS) == [frozenset()]


@pytest.mark.parametrize(
    ("mode", "first"),
    [
        ("no_coverage_garage", NAMES[2]),
        ("bad_firmware_cohort", NAMES[0]),
        ("tls_cert_expired", NAMES[0]),
        (None, NAMES[0]),
    ],
)
def test_that_by_which_a_mode_can_strike_is_said_first(
    mode: str | None, first: dict[str, str]
) -> None:
    """A garage knows no firmware; where the mode does not say, names stay as they are."""
    assert in_order(NAMES, mode)[0] == first
    assert in_order(NAMES[::-1], "bad_firmware_cohort")[0] in NAMES[:2]
    assert in_order(NAMES, "bad_firmware_cohort") == [*NAMES[:2]]
