"""The cohorts that an unlock, or a car, is watched in."""

from __future__ import annotations

import msgspec

from platform_probe.cars.state import UNKNOWN_LABELS
from platform_probe.judge.detection.traits import keys_of, named, values_of, values_of_car
from tests.helpers.hand_made_boxes import state_of
from tests.helpers.stores import unlock


def test_a_site_is_watched_like_the_other_traits_of_a_car() -> None:
    """By itself: of one kind cars are whatever their site, of which there may be many."""
    attempt = unlock(1)
    there = msgspec.structs.replace(attempt, site="garage-p3")
    cohorts = [named(key) for key in keys_of(values_of(attempt))]
    assert not any("site" in cohort for cohort in cohorts)
    with_site = [named(key) for key in keys_of(values_of(there))]
    assert {"site": "garage-p3"} in with_site
    assert [one for one in with_site if "site" not in one] == cohorts


def test_a_lost_car_is_counted_at_its_site() -> None:
    """By what its state says."""
    state = state_of("a-1", is_locked=True)
    at_site = msgspec.structs.replace(state, site="garage-p3")
    here = {"site": "garage-p3"}
    assert here not in map(named, keys_of(values_of_car(UNKNOWN_LABELS.merged(state))))
    there = values_of_car(UNKNOWN_LABELS.merged(at_site))
    assert here in map(named, keys_of(there))
