"""Scenarios: loading one, and the JSON Schema of the form.

Checks that need more than one field run here, and every error names file, line and key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.customers.arrivals import DAY_S, HOUR_S, Profile, TimesFile
from fleet_sim.faults import FAULTS, Claim, Need
from fleet_sim.results.expectations import Condition, keys_of_parts, known_keys
from fleet_sim.results.fleet_parts import BY
from fleet_sim.scenario.form import (
    FaultEntry,
    FleetForm,
    Group,
    Scenario,
    Selector,
    Window,
)
from fleet_sim.scenario.times_file import read_times
from fleet_wire.arrivals import Burst, Constant, LoadStage, Poisson, Ramp, Times
from fleet_wire.config.errors import validated_model
from fleet_wire.config.file import Document, Loc, apply_overrides, load_document
from fleet_wire.contract.topics import NULL_BOXES, VEHICLE_ID
from fleet_wire.error_text import suggestion
from fleet_wire.errors import ConfigError
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.quantities import LONGEST_S

MAX_UNLOCKS = 5_000_000
"""Unlocks of one run: their times are decided in advance and held in memory."""
MAX_CUSTOMERS = 500_000
"""Customers of one run: each is a process, and writes a dozen lines."""

_SHORTHANDS = {"fleet.count": "fleet.groups.*.count"}
_DOTTED_KEYS = {"expect": frozenset(Condition.model_fields)}

Problem = tuple[Loc, str]
"""A location in the document, and the error there."""


Lacks = Mapping[Need, str]
"""The needs of faults that a run cannot meet, with the reason."""
ENDLESS_STAGES: Final = [{"kind": "burst", "count": 1, "duration_s": LONGEST_S}]
"""A load that nobody carries out, for those who only serve: windows of faults may be anywhere."""


def load_scenario(
    path: Path,
    overrides: Sequence[str] = (),
    *,
    lacks: Lacks = MappingProxyType({}),
    needs_load: bool = True,
) -> Scenario:
    """Return the scenario in the file `path`, with each `KEY=VALUE` of `overrides` set first.

    Besides full keys (`load.stages.0.rate_per_s=2`, `fleet.groups.city.count=500`) `fleet.count`
    sets the count of every group. `lacks` says what faults cannot have in the run to come.
    `needs_load` is set if somebody here unlocks cars. Otherwise a scenario needs no load or
    customers, and its faults last as long as cars or platform serve. Raises `ConfigError` with a
    line for everything that is wrong.
    """
    document = document_of(path, overrides)
    if not needs_load and not _has_load(document):
        document = document.with_value(("load", "stages"), ENDLESS_STAGES, "no load")
    return scenario_of(document, lacks=lacks)


def document_of(path: Path, overrides: Sequence[str] = ()) -> Document:
    """Return what the file `path` says, with each `KEY=VALUE` of `overrides` set, unchecked.

    Raises `ConfigError` for what is no YAML, and for an override that leads nowhere.
    """
    return apply_overrides(
        load_document(path), overrides, shorthands=_SHORTHANDS, dotted_keys=_DOTTED_KEYS
    )


def _has_load(document: Document) -> bool:
    load = document.values.get("load")
    has_stages = bool(load) and (not isinstance(load, dict) or "stages" in load)
    return has_stages or document.values.get("customers") is not None


def scenario_of(document: Document, *, lacks: Lacks = MappingProxyType({})) -> Scenario:
    """Return the scenario that a document holds.

    Raises `ConfigError` with a line for everything that is wrong.
    """
    scenario = _with_profile(document, _with_times(validated_model(document, Scenario), document))
    problems = [document.problem(loc, message) for loc, message in _problems(scenario, lacks)]
    problems += _parameter_problems(document, scenario)
    if problems:
        raise ConfigError(problems)
    return scenario


def _with_times(scenario: Scenario, document: Document) -> Scenario:
    """Return a scenario whose customers' arrivals stand in it, and no longer in files beside it."""
    customers = scenario.customers
    if customers is None:
        return scenario
    stages: list[Any] = []
    problems: list[str] = []
    for index, stage in enumerate(customers.stages):
        try:
            if isinstance(stage, TimesFile):
                stages.append(read_times(stage, document.path.parent))
            else:
                stages.append(stage)
        except ConfigError as error:
            at: Loc = ("customers", "stages", index, "path")
            problems += [document.problem(at, problem) for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return scenario.model_copy(
        update={"customers": customers.model_copy(update={"stages": stages})}
    )


def _with_profile(document: Document, scenario: Scenario) -> Scenario:
    """Return the scenario with its profile found, and with that profile's numbers in its boxes.

    A file that the scenario names lies beside it. Values that a group sets itself win. Raises
    `ConfigError`.
    """
    at: Loc = ("fleet", "profile")
    name = scenario.fleet.profile
    if name not in NAMES and document.line_of(at) is not None:
        name = str(document.path.parent / name)
    try:
        profile = load_profile(name, box=BoxParameters)
    except ConfigError as error:
        if Path(name).exists():
            raise  # the error is in the profile's own file
        raise ConfigError([document.problem(at, problem) for problem in error.problems]) from None
    groups = tuple(
        group.model_copy(update={"box": _with_numbers(group.box, profile.box_numbers)})
        for group in scenario.fleet.groups
    )
    if name not in NAMES:
        name = str(Path(name).resolve())
    fleet = scenario.fleet.model_copy(update={"groups": groups, "profile": name})
    return scenario.model_copy(update={"fleet": fleet})


def _with_numbers(box: BoxParameters, numbers: Mapping[str, Any]) -> BoxParameters:
    if not numbers:
        return box
    own = {key: getattr(box, key) for key in box.model_fields_set}
    return BoxParameters.model_validate({**numbers, **own})


def _problems(scenario: Scenario, lacks: Lacks) -> Iterator[Problem]:
    yield from _group_problems(scenario.fleet.groups)
    yield from _load_problems(scenario)
    yield from _selector_problems(scenario.load.targets, scenario.fleet, ("load", "targets"))
    if scenario.customers is not None:
        targets = scenario.customers.targets
        yield from _selector_problems(targets, scenario.fleet, ("customers", "targets"))
    for index, entry in enumerate(scenario.faults):
        at: Loc = ("faults", index)
        if entry.name not in FAULTS:
            yield (*at, "name"), f"unknown fault '{entry.name}'{suggestion(entry.name, [*FAULTS])}"
        yield from _selector_problems(entry.target, scenario.fleet, (*at, "target"))
        if scenario.load_duration_s:  # else that is what is wrong
            yield from _window_problems(entry.window, scenario.run_duration_s, (*at, "window"))
    yield from need_problems(scenario, lacks)
    yield from _claim_problems(scenario)
    yield from _expect_problems(scenario)


def _expect_problems(scenario: Scenario) -> Iterator[Problem]:
    keys = known_keys()
    if any(key.startswith("by.") for key in scenario.expect):
        keys += keys_of_parts(scenario.fleet_parts())
    for key in scenario.expect:
        if key not in keys:
            yield ("expect", key), f"no such key in summary.json{suggestion(key, keys)}"


def _group_problems(groups: Sequence[Group]) -> Iterator[Problem]:
    for index, group in enumerate(groups):
        at: Loc = ("fleet", "groups", index)
        if group.name in [other.name for other in groups[:index]]:
            yield (*at, "name"), f"a second group is called '{group.name}'"
        if group.count > 1 and not group.is_numbered:
            yield (
                (*at, "id"),
                f"'{group.id}' gives {group.count} cars one id; expected {{}} or {{:05d}} in it",
            )
            continue
        yield from (((*at, "id"), message) for message in _id_problems(group))
        for other in groups[:index]:
            if shared := _shared_id(other, group):
                message = (
                    f"car '{shared}' is also in group '{other.name}'; change id or first_index"
                    " (left out, the numbers of a shared id go on)"
                )
                yield (*at, "id"), message
                break


def _id_problems(group: Group) -> Iterator[str]:
    ends = dict.fromkeys(group.id.format(group.first_index + at) for at in (0, group.count - 1))
    for vehicle_id in ends:
        if VEHICLE_ID.fullmatch(vehicle_id) is None:
            yield (
                f"'{group.id}' gives the vehicle id {vehicle_id!r};"
                " expected 1 to 64 of A-Z a-z 0-9 _ . -"
            )
            return
        if vehicle_id.startswith(NULL_BOXES):
            yield f"ids that begin with '{NULL_BOXES}' are kept for the null boxes"
            return


def _shared_id(one: Group, other: Group) -> str | None:
    smaller, larger = sorted((one, other), key=lambda group: group.count)
    if not _can_share(smaller.id, larger.id):
        return None
    return next((one for one in smaller.vehicle_ids() if larger.has(one)), None)


def _can_share(pattern: str, other: str) -> bool:
    """Return whether the fixed beginnings of two id patterns let them make the same id."""
    begin, begin_of_other = pattern.partition("{")[0], other.partition("{")[0]
    return begin.startswith(begin_of_other) or begin_of_other.startswith(begin)


def _load_problems(scenario: Scenario) -> Iterator[Problem]:
    stages, customers = scenario.load.stages, scenario.customers
    if not stages and customers is None:
        yield ("load", "stages"), "needed: when cars are unlocked (or customers, who unlock them)"
    unlocks = sum(_expected_unlocks(stage) for stage in stages)
    if stages and not unlocks:
        yield ("load", "stages"), "no unlock would ever start; raise a rate or a duration"
    if unlocks > MAX_UNLOCKS:
        yield ("load", "stages"), f"about {unlocks:.0f} unlocks, at most {MAX_UNLOCKS} in one run"
    if customers is not None:
        come = sum(_expected_unlocks(stage) for stage in customers.known_stages)
        if not come:
            yield ("customers", "stages"), "no customer would ever come; raise a rate or a duration"
        if come > MAX_CUSTOMERS:
            message = f"about {come:.0f} customers, at most {MAX_CUSTOMERS} in one run"
            yield ("customers", "stages"), message


def _expected_unlocks(stage: LoadStage | Profile) -> float:
    match stage:
        case Profile():
            return stage.per_day * max(stage.duration_s, HOUR_S) / DAY_S
        case Poisson():
            return stage.rate_per_s * stage.duration_s
        case Constant():
            return round(stage.rate_per_s * stage.duration_s)
        case Ramp():
            return int((stage.from_rate_per_s + stage.to_rate_per_s) / 2 * stage.duration_s)
        case Burst():
            return stage.count
        case Times():
            return sum(at_s < stage.duration_s for at_s in stage.at_s)


def _selector_problems(selector: Selector, fleet: FleetForm, at: Loc) -> Iterator[Problem]:
    known = True
    for name, wanted in selector.wanted_traits().items():
        values = list(dict.fromkeys(getattr(group.traits, name) for group in fleet.groups))
        for value in wanted:
            if value not in values:
                known = False
                yield (*at, name), f"no cars with {name} '{value}'{suggestion(value, values)}"
    fitting = [group for group in fleet.groups if selector.fits(group.traits)]
    if known and not fitting:
        traits = " and ".join(
            f"{name} {' or '.join(map(repr, values))}"
            for name, values in selector.wanted_traits().items()
        )
        yield at, f"no car has {traits}"
    for index, vehicle_id in enumerate(selector.ids or ()):
        if not any(group.has(vehicle_id) for group in fleet.groups):
            yield (*at, "ids", index), f"no car has the id '{vehicle_id}'{_id_hint(fleet)}"
        elif fitting and not any(group.has(vehicle_id) for group in fitting):
            yield (*at, "ids", index), f"car '{vehicle_id}' does not fit the rest of the selector"


def _window_problems(window: Window, limit_s: float, at: Loc) -> Iterator[Problem]:
    run_ends = f"the run's end at {limit_s:g} s (load + deadline)"
    if window.end_s is not None and window.end_s > limit_s:
        yield (*at, "end_s"), f"{window.end_s:g} s is after {run_ends}"
    if window.end_s is None and window.start_s >= limit_s:
        yield (*at, "start_s"), f"{window.start_s:g} s is not before {run_ends}"


def need_problems(scenario: Scenario, lacks: Lacks) -> Iterator[Problem]:
    """Yield each fault that cannot have what it needs in the run to come."""
    if not scenario.has_platform:
        lacks = {Need.PLATFORM: "add `customers` (or `platform`)", **lacks}
    if scenario.customers is None:
        lacks = {Need.CUSTOMERS: "add `customers`", **lacks}
    if not scenario.has_platform or scenario.platform_parameters.shared_group is None:
        lacks = {Need.SHARED_ANSWERS: "set `platform.shared_group`", **lacks}
    for index, entry in enumerate(scenario.faults):
        for need in FAULTS[entry.name].needs if entry.name in FAULTS else ():
            if need in lacks:
                message = f"'{entry.name}' needs {need.value}: {lacks[need]}"
                yield ("faults", index, "name"), message


def _claim_problems(scenario: Scenario) -> Iterator[Problem]:
    """Find two faults that may claim the same of one car at once."""
    for index, entry in enumerate(scenario.faults):
        for earlier, other in enumerate(scenario.faults[:index]):
            shared = _claims(entry) & _claims(other)
            if (
                shared
                and entry.window.overlaps(other.window)
                and _may_share_cars(entry.target, other.target, scenario.fleet)
            ):
                why = " and ".join(sorted(claim.value for claim in shared))
                message = f"overlaps faults.{earlier}, on the same cars: {why}"
                yield ("faults", index, "window"), message
                break


def _claims(entry: FaultEntry) -> frozenset[Claim]:
    return FAULTS[entry.name].claims if entry.name in FAULTS else frozenset()


def _may_share_cars(one: Selector, other: Selector, fleet: FleetForm) -> bool:
    """Return whether a car can fit both; the share aside, which is drawn."""
    groups = [
        group for group in fleet.groups if one.fits(group.traits) and other.fits(group.traits)
    ]
    if one.ids is None and other.ids is None:
        return bool(groups)
    ids = set(one.ids or other.ids or ()) & set(other.ids or one.ids or ())
    return any(group.has(vehicle_id) for group in groups for vehicle_id in ids)


def _id_hint(fleet: FleetForm) -> str:
    group = fleet.groups[0]
    last = group.first_index + group.count - 1
    first_id, last_id = group.id.format(group.first_index), group.id.format(last)
    return f"; group '{group.name}' has '{first_id}' to '{last_id}'"


def _parameter_problems(document: Document, scenario: Scenario) -> Iterator[str]:
    for index, entry in enumerate(scenario.faults):
        if entry.name in FAULTS and entry.parameters:
            try:
                validated_model(document, FAULTS[entry.name], at=("faults", index, "parameters"))
            except ConfigError as error:
                yield from error.problems


def scenario_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a scenario file, with every fault's parameters."""
    models = [(model, "validation") for model in (Scenario, *FAULTS.values())]
    names, schema = models_json_schema(models)  # type: ignore[arg-type] # literal is widened
    definitions = schema["$defs"]
    entry = definitions["FaultEntry"]
    entry["properties"]["name"]["enum"] = list(FAULTS)
    entry["allOf"] = [
        {
            "if": {"properties": {"name": {"const": name}}},
            "then": {"properties": {"parameters": names[fault, "validation"]}},
        }
        for name, fault in FAULTS.items()
    ]
    definitions["Scenario"]["properties"]["expect"]["propertyNames"] = {
        "anyOf": [
            {"enum": [*known_keys()]},
            {"pattern": rf"^by\.({'|'.join(BY)})\..+\."},  # its labels are those of the fleet
        ]
    }
    for definition in definitions.values():
        definition.setdefault("description", "")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "unlockpath scenario",
        **names[Scenario, "validation"],
        "$defs": definitions,
    }
