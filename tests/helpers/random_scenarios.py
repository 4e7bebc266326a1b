"""Random scenarios that fit into a short run in virtual time, for hypothesis."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st

from fleet_sim.cars.distributions import LogNormal, Quantiles, Uniform
from fleet_sim.faults import FAULTS, Fault, Need
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from tests.helpers.shipped import yaml
from tests.helpers.virtual_runs import run_virtually

RANDOM_RUNS = settings(
    max_examples=settings().max_examples // 4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LOAD_S = 20
PARTS = yaml(Path(__file__).with_suffix(".yaml"))
"""What scenarios are made of: the file says how it is read."""


def drawn(part: Any) -> st.SearchStrategy[Any]:
    """Return what a part of the file may be."""
    if isinstance(part, list):
        if whole := re.fullmatch(r"(\d+)\.\.(\d+)", str(part[0])):
            return st.integers(int(whole[1]), int(whole[2]))
        return st.sampled_from(part)
    if not isinstance(part, dict):
        return st.just(part)
    each = {name: drawn(values) for name, values in part.items()}
    return st.fixed_dictionaries(
        {name: values for name, values in each.items() if not name.endswith("?")},
        optional={name[:-1]: values for name, values in each.items() if name.endswith("?")},
    )


def parameters_of(fault: type[Fault]) -> dict[str, Any]:
    """Return what the parameters of a fault may be, as a part of the file would say it."""
    found = dict(PARTS["faults"].get(fault.name, {}))
    schema = fault.model_json_schema().get("properties", {})
    for name, field in fault.model_fields.items():
        if isinstance(field.default, Uniform | LogNormal | Quantiles):
            found[f"{name}?"] = ["0..12"]
        elif (schema[name].get("minimum"), schema[name].get("maximum")) == (0, 1):
            found[f"{name}?"] = [0.0, 0.3, 1.0]
    return found


WITHOUT_PLATFORM = sorted(
    name for name, fault in FAULTS.items() if not fault.needs - {Need.OWN_BROKER}
)


@st.composite
def fault_entries(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """Draw a fault with a window and parameters that fit a short run."""
    name = draw(st.sampled_from(names))
    start_s = draw(st.integers(0, LOAD_S))
    return {
        "name": name,
        "target": draw(drawn(PARTS["target"])),
        "window": {"start_s": start_s, "end_s": draw(st.integers(start_s + 1, LOAD_S + 8))},
        "parameters": draw(drawn(parameters_of(FAULTS[name]))),
    }


def scenarios_of(names: list[str], *parts: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return scenarios of two groups of cars with some of these faults, and parts of the file."""
    groups = [{"name": name, "count": ["10..20"], "box": PARTS["box"]} for name in "ab"]
    return st.fixed_dictionaries(
        {
            "description": st.just("anything"),
            "fleet": st.fixed_dictionaries({"groups": st.tuples(*map(drawn, groups))}),
            "faults": st.lists(fault_entries(names), max_size=5),
            **{part: drawn(PARTS[part]) for part in parts},
        }
    )


scenarios = scenarios_of(WITHOUT_PLATFORM, "load")
"""Unlocks over MQTT."""
rentals = scenarios_of(sorted(FAULTS), "customers", "platform").map(
    lambda values: values | {"load": {"deadline_s": PARTS["load"]["deadline_s"]}}
)
"""Customers who rent, with a platform."""


class _LoggedErrors(logging.Handler):
    """Keeps what is logged as an error: a handler that raised closes its link, and is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.records.append(self.format(record))


@contextmanager
def nothing_logged_as_error() -> Iterator[None]:
    """Fail where something is logged as an error meanwhile."""
    errors = _LoggedErrors()
    logging.getLogger().addHandler(errors)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(errors)
    assert not errors.records


@contextmanager
def run_twice(values: dict[str, Any], seed: int) -> Iterator[tuple[Scenario, Path, Path]]:
    """Run a scenario twice in virtual time; give it, and the directories of both runs."""
    with nothing_logged_as_error(), tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        scenario = load_or_reject(values, directory)
        first, second = directory / "first", directory / "second"
        run_virtually(scenario, first, seed=seed)
        run_virtually(scenario, second, seed=seed)
        yield scenario, first, second


def load_or_reject(values: dict[str, Any], directory: Path) -> Scenario:
    """Return the scenario; one that is refused when loaded is not an example."""
    path = directory / "scenario.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    try:
        return load_scenario(path)
    except ConfigError as error:
        assume("overlaps" not in str(error))
        raise
