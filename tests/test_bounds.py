"""Every number that a user can write is finite and bounded, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from pydantic import BaseModel

from fleet_sim.faults import FAULTS
from fleet_sim.scenario.form import Scenario
from platform_probe.settings.monitor import ProbeSettings

FORMS: dict[str, type[BaseModel]] = {"scenario": Scenario, "settings": ProbeSettings, **FAULTS}
ONLY_COMPARED = ("Condition",)
"""The bounds of an expectation: any finite number may be compared with."""


def unbounded(schema: Any, at: str) -> Iterator[str]:
    """Yield each place in a JSON Schema that takes a number without a least or a greatest."""
    if isinstance(schema, list):
        for index, each in enumerate(schema):
            yield from unbounded(each, f"{at}.{index}")
    elif isinstance(schema, dict):
        has_bounds = {"minimum", "exclusiveMinimum"} & schema.keys() and "maximum" in schema
        if schema.get("type") in ("number", "integer") and not has_bounds:
            yield at
        for key, each in schema.items():
            if key not in ONLY_COMPARED:
                yield from unbounded(each, f"{at}.{key}")


def test_every_number_has_bounds() -> None:
    """fleet_wire.quantities has those of durations; a count says its own."""
    found = [unbounded(form.model_json_schema(), name) for name, form in FORMS.items()]
    assert [*chain.from_iterable(found)] == []
