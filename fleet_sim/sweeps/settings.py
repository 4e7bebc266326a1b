"""The settings of a sweep with their runs: what the report's words and plots are made from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet_sim.results import readable
from fleet_sim.sweeps.plan import Values, label_of
from fleet_sim.sweeps.point import PointRecord


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of swept values, and its runs in the order of their seeds."""

    values: Values
    records: list[PointRecord]

    @property
    def label(self) -> str:
        """The setting in words."""
        return label_of(self.values)

    @property
    def ended_records(self) -> list[PointRecord]:
        """The runs that did not fail."""
        return [record for record in self.records if record.error is None]

    def verdicts(self, key: str) -> list[Mapping[str, Any]]:
        """Return the verdict of each run on the expectation `key`."""
        return [one for record in self.records for one in record.expect if one["key"] == key]

    def holding(self) -> tuple[int, int]:
        """Return in how many runs every expectation held, and how many were judged."""
        judged = [record.expect_holds for record in self.ended_records if record.expect]
        return sum(map(bool, judged)), len(judged)

    def spread(self, key: str) -> tuple[float | None, float | None, float | None]:
        """Return least, median and greatest of a measurement over the runs.

        A quantile that a run did not reach, None, is above all that were reached.
        """
        values = [record.measured.get(key) for record in self.ended_records] or [None]
        values.sort(key=lambda value: math.inf if value is None else value)
        return values[0], values[(len(values) - 1) // 2], values[-1]

    def bounds(self, key: str) -> dict[str, float]:
        """Return the numbers that an expectation holds `key` to, by `min`, `max` or `equals`.

        Taken of one run, as all of a setting have the same.
        """
        conditions = [one["condition"] for one in self.verdicts(key)[:1]]
        return {
            name: bound
            for condition in conditions
            if isinstance(condition, Mapping)
            for name, bound in condition.items()
            if isinstance(bound, int | float) and not isinstance(bound, bool)
        }


def expected_keys(settings: Sequence[Setting]) -> list[str]:
    """Return the keys that any run had an expectation on, in the scenario's order."""
    keys: dict[str, None] = {}
    for setting in settings:
        for record in setting.records[:1]:
            keys.update(dict.fromkeys(one["key"] for one in record.expect))
    return [*keys]


def varying_keys(settings: Sequence[Setting]) -> list[str]:
    """Return the swept keys that have more than one value."""
    keys = settings[0].values if settings else {}
    return [key for key in keys if len({setting.values[key] for setting in settings}) > 1]


def measured_values(settings: Sequence[Setting], key: str) -> set[float | None]:
    """Return every value that a run measured, None for a run that has none."""
    return {record.measured.get(key) for setting in settings for record in setting.ended_records}


def number(text: str) -> float | None:
    """Return the number that a swept value is, None for a value that is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def measurement_text(key: str, value: float | None) -> str:
    """Return a measurement as people read it: a share, a time, or a count."""
    if key.endswith("_share"):
        return readable.share(value)
    return readable.duration(value) if key.endswith("_s") else readable.count(value)


def spread_words(setting: Setting, key: str) -> str:
    """Return least, median and greatest over the runs of a setting; one word where they agree."""
    texts = [measurement_text(key, value) for value in setting.spread(key)]
    return texts[0] if len({*texts}) == 1 else " · ".join(texts)
