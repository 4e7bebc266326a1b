"""Traits that unlocks share, and the cohorts that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from fleet_wire.contract.attempt import Attempt
from platform_probe.cars.state import MAX_KINDS, Labels

TRAITS: Final = (
    "region", "operator", "firmware", "hardware", "site", "app_version", "endpoint", "api_release",
)  # fmt: skip
"""Traits by which unlocks differ."""
PAIRS: Final = (("region", "operator"), ("firmware", "hardware"), ("operator", "firmware"),
    ("region", "firmware"), ("app_version", "endpoint"))  # fmt: skip
"""Pairs that are watched as cohorts of their own: what hits one of its two alone dilutes. [E]"""

OF_KIND: Final = 4
"""The number of first `TRAITS` that describe a car's kind.

The others are its site, of which there are many, and its customer's app.
"""

Values = tuple[str | None, ...]
"""A value for each of `TRAITS`; None where it is not known."""
Key = tuple[tuple[int, str], ...]
"""A cohort: places in `TRAITS` with their values; empty: all."""

_PAIRS: Final = tuple((TRAITS.index(one), TRAITS.index(other)) for one, other in PAIRS)

_known: dict[Values, Values] = {}
"""Values that were seen, `MAX_KINDS` at most."""


def values_of(attempt: Attempt) -> Values:
    """Return what an unlock has in common with others: one object for all that are alike."""
    side = attempt.platform
    site = attempt.site or None
    if not side:
        return _interned_values((
            attempt.region, attempt.operator, attempt.firmware, attempt.hardware, site,
            None, None, None,
        ))  # fmt: skip
    return _interned_values((
        attempt.region, attempt.operator, attempt.firmware, attempt.hardware, site,
        side.app_version, side.endpoint, side.api_release,
    ))  # fmt: skip


def values_of_car(labels: Labels) -> Values:
    """Return the same of a car, by its labels."""
    return _interned_values((
        labels.region, labels.operator, labels.firmware, labels.hardware, labels.site,
        None, None, None,
    ))  # fmt: skip


def _interned_values(values: Values) -> Values:
    """Return one and the same object for equal values."""
    known = _known.get(values)  # a `lru_cache` takes three times as long
    if known is None:
        if len(_known) >= MAX_KINDS:
            _known.clear()
        known = _known[values] = values
    return known


def keys_of(values: Values) -> tuple[Key, ...]:
    """Return the cohorts that such unlocks belong to, `()` for all first, cars of one kind last."""
    singles = [((place, value),) for place, value in enumerate(values) if value is not None]
    pairs = [
        ((one, first), (other, second))
        for one, other in _PAIRS
        if (first := values[one]) is not None and (second := values[other]) is not None
    ]
    of_kind = tuple(one for (one,) in singles if one[0] < OF_KIND)
    return ((), *singles, *pairs, *([of_kind] if is_kind(of_kind) else []))


def is_kind(key: Key) -> bool:
    """Return whether a cohort is of cars that have more than a pair of traits in common."""
    return len(key) > 2  # noqa: PLR2004 - of a pair


def is_in(key: Key, values: Values) -> bool:
    """Return whether unlocks of these values belong to a cohort."""
    for place, value in key:  # noqa: SIM110 - for each hit: a generator takes 3 times it
        if values[place] != value:
            return False
    return True


def is_outside_cohort(key: Key, values: Values) -> bool:
    """Return whether unlocks of these values are known not to belong to a cohort.

    A car of which a trait of its kind is not known belongs to no cohort of it, nor elsewhere.
    """
    for place, value in key:
        known = values[place]
        if known != value and (known is not None or place >= OF_KIND):
            return True
    return False


def common_of(key: Key, known: Iterable[Values]) -> Key:
    """Return all that the unlocks of a cohort have in common, among the values that are known."""
    members = [values for values in known if is_in(key, values)]
    if not members:
        return key
    return tuple(
        (place, value)
        for place, value in enumerate(members[0])
        if value is not None and all(one[place] == value for one in members)
    )


def named(key: Key) -> dict[str, str]:
    """Return a cohort as value by trait."""
    return {TRAITS[place]: value for place, value in key}


def key_named(cohort: Mapping[str, str]) -> Key:
    """Return the cohort of value by trait."""
    return tuple(sorted((TRAITS.index(name), value) for name, value in cohort.items()))
