"""Check a scenario's expectations against the summary of its run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleet_sim.results.fleet_parts import FleetParts
from fleet_sim.results.summary import empty_summary


class Condition(BaseModel):
    """Bounds on one value of the summary. All that are given must hold."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"minProperties": 1}, allow_inf_nan=False
    )

    min: float | None = Field(None, description="the value must be at least this")
    max: float | None = Field(None, description="the value must be at most this")
    equals: bool | int | float | str | None = Field(
        None, description="the value must be exactly this"
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Condition:
        if self.min is None and self.max is None and self.equals is None:
            raise ValueError("says nothing; expected min, max or equals")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: this can never hold")
        return self

    def holds(self, value: Any) -> bool:
        """Return whether `value` is within the bounds; what is missing or no number never is."""
        if self.equals is not None and not _is_equal(value, self.equals):
            return False
        if self.min is None and self.max is None:
            return True
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


def _is_equal(value: Any, expected: Any) -> bool:
    return isinstance(value, bool) is isinstance(expected, bool) and bool(value == expected)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one expectation held. `value` is None where the summary has no such key."""

    key: str
    condition: Condition
    value: Any
    holds: bool

    def as_json(self) -> dict[str, Any]:
        """Return the entry under `expect` in `summary.json`."""
        return {
            "key": self.key,
            "condition": self.condition.model_dump(mode="json", exclude_none=True),
            "value": self.value,
            "holds": self.holds,
        }


def check(expect: Mapping[str, Condition], summary: Mapping[str, Any]) -> list[Verdict]:
    """Return a verdict for each key of `expect`, in its order.

    A key that the summary lacks, or for which it has None, is a failed verdict with value None.
    """
    return [_verdict(key, condition, summary) for key, condition in expect.items()]


def _verdict(key: str, condition: Condition, summary: Mapping[str, Any]) -> Verdict:
    value = value_at(summary, key)
    if isinstance(value, Mapping | list):
        value = None
    return Verdict(key, condition, value, holds=condition.holds(value))


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """Return what stands at a dotted key, None where nothing does; a label may hold dots."""
    if key in values:
        return values[key]
    inner = (
        value_at(value, key.removeprefix(f"{name}."))
        for name, value in values.items()
        if isinstance(value, Mapping) and key.startswith(f"{name}.")
    )
    return next((found for found in inner if found is not None), None)


@cache
def known_keys() -> tuple[str, ...]:
    """Return every key that an expectation may use; names of the fleet's parts stay open."""
    return _keys(empty_summary())


def keys_of_parts(fleet: FleetParts) -> tuple[str, ...]:
    """Return every key an expectation may be about one part of a fleet."""
    return _keys(empty_summary(fleet)["by"], "by.")


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value of nested mappings under its dotted key; a label may hold dots itself."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _keys(values: Mapping[str, Any], prefix: str = "") -> tuple[str, ...]:
    return tuple(key for key, value in leaves(values, prefix) if not isinstance(value, list))
