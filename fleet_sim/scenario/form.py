"""The form of a scenario: the fleet, the load, the faults, the expectations.

Every field's description goes into the JSON Schema that `fleet-sim schema` prints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.cars.radio_parameters import Technology
from fleet_sim.cars.spec import STREET, CarSpec, Traits
from fleet_sim.customers.arrivals import CustomerStage, TimesFile
from fleet_sim.customers.parameters import CustomerParameters
from fleet_sim.faults import FAULTS, Fault
from fleet_sim.platform.parameters import PlatformParameters
from fleet_sim.results.expectations import Condition
from fleet_sim.results.fleet_parts import BY, FleetParts
from fleet_wire.arrivals import LoadStage, arrival_times, total_duration_s
from fleet_wire.profiles.native import NATIVE
from fleet_wire.quantities import FrozenModel, PositiveSeconds, Seconds, Share
from fleet_wire.randomness import RandomStream

MAX_GROUP_CARS = 1_000_000
MAX_ID_LETTERS = 64
"""Longest id, as `fleet_wire.contract.topics.VEHICLE_ID` allows."""

Label = Annotated[str, Field(min_length=1, max_length=128)]
"""Text that goes on the wire as a `fleet_wire.contract.messages.Name`."""

_PATTERN = re.compile(r"(?P<prefix>[A-Za-z0-9_.-]*)(?P<number>\{(?::0?\d{0,2}d?)?\})?"
                      r"(?P<suffix>[A-Za-z0-9_.-]*)")  # fmt: skip


class Group(FrozenModel):
    """Cars that are alike."""

    name: Label = Field(description="names the group in selectors and in --set")
    count: int = Field(ge=1, le=MAX_GROUP_CARS, description="number of cars in this group")
    id: str = Field(
        "",
        max_length=80,
        description="vehicle ids, with {} or {:05d} for the car's number; default NAME-{:05d}",
    )
    first_index: int = Field(
        0,
        ge=0,
        le=10**9,
        description="number of the group's first car; by default 0, or after the last car of the"
        " group before with the same id",
    )
    region: Label = Field("default", description="where the cars stand, as a metric label")
    operator: Label = Field("default", description="whose mobile network they use")
    firmware: Label = Field("1.0.0", description="version of the box's software")
    hardware: Label = Field("tcu-1", description="model of the box")
    site: Label = Field(
        STREET, description="where in the region they stand; all but street is in the car's state"
    )
    box: BoxParameters = Field(
        default_factory=BoxParameters, description="the box's numbers, where they differ"
    )

    @model_validator(mode="before")
    @classmethod
    def _default_id(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("id") and "name" in values:
            return {**values, "id": f"{values['name']}-{{:05d}}"}
        return values

    @field_validator("id")
    @classmethod
    def _is_id_pattern(cls, pattern: str) -> str:
        if not pattern or _PATTERN.fullmatch(pattern) is None:
            raise ValueError(
                f"{pattern!r} makes no vehicle ids; expected A-Z a-z 0-9 _ . - and at most one"
                " number such as {} or {:05d}"
            )
        return pattern

    @property
    def traits(self) -> Traits:
        """The traits that distinguish its cars from other groups."""
        return Traits(
            group=self.name,
            region=self.region,
            operator=self.operator,
            firmware=self.firmware,
            hardware=self.hardware,
            site=self.site,
            technology=self.box.radio.technology.value,
        )

    @property
    def is_numbered(self) -> bool:
        """Whether the id pattern has a place for the number of the car."""
        return "{" in self.id

    def vehicle_ids(self, *, first: int = 0, step: int = 1) -> Iterator[str]:
        """Yield the vehicle id of every `step`-th car from the `first`, in order."""
        numbers = range(self.first_index + first, self.first_index + self.count, step)
        return map(self.id.format, numbers)

    def cars(self, *, doors_open: bool = True, first: int = 0, step: int = 1) -> Iterator[CarSpec]:
        """Yield these cars, in order; without `doors_open` nobody opens a door unasked."""
        traits, box = self.traits, self.box
        if not doors_open:
            box = box.model_copy(update={"door_opens": None})
        ids = self.vehicle_ids(first=first, step=step)
        return (CarSpec(vehicle_id, traits, box) for vehicle_id in ids)

    def has(self, vehicle_id: str) -> bool:
        """Return whether a car of this group has that id, without going through them all."""
        match = _PATTERN.fullmatch(self.id)
        assert match is not None  # noqa: S101 - the validator saw to it
        prefix, suffix = match["prefix"], match["suffix"]
        if not self.is_numbered:
            return vehicle_id == self.id
        number = vehicle_id[len(prefix) : len(vehicle_id) - len(suffix)]
        if not (number.isascii() and number.isdecimal() and len(number) <= MAX_ID_LETTERS):
            return False
        index = int(number) - self.first_index
        return 0 <= index < self.count and self.id.format(int(number)) == vehicle_id


class FleetForm(FrozenModel):
    """The cars of a run."""

    groups: tuple[Group, ...] = Field(min_length=1, description="groups of cars that are alike")
    profile: str = Field(
        NATIVE.name, min_length=1,
        description="what goes over the wire: native, ovms, saic, aws-iot, aws-shadow, or a file"
        " of yours, beside the scenario",
    )  # fmt: skip

    @field_validator("groups")
    @classmethod
    def _numbers_go_on(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        """Give groups that share an id one sequence of car numbers."""
        next_index: dict[str, int] = {}
        numbered = []
        for group in groups:
            is_free = group.id in next_index and "first_index" not in group.model_fields_set
            first = next_index[group.id] if is_free else group.first_index
            next_index[group.id] = first + group.count
            numbered.append(group.model_copy(update={"first_index": first}) if is_free else group)
        return tuple(numbered)

    @property
    def count(self) -> int:
        """How many cars there are."""
        return sum(group.count for group in self.groups)


class Selector(FrozenModel):
    """Which cars. A car must fit everything that is given; without anything all cars do."""

    group: Label | Annotated[tuple[Label, ...], Field(min_length=1)] | None = Field(
        None, description="name of a group, or names of several"
    )
    region: Label | None = Field(None, description="region of the cars")
    operator: Label | None = Field(None, description="operator of the cars")
    firmware: Label | None = Field(None, description="firmware of the cars")
    hardware: Label | None = Field(None, description="hardware of the cars")
    site: Label | None = Field(None, description="site of the cars")
    technology: Technology | None = Field(None, description="what their modems speak: lte, umts..")
    ids: tuple[str, ...] | None = Field(None, min_length=1, description="these vehicle ids")
    share: float = Field(
        1.0, gt=0, le=1, description="share of the fitting cars, drawn per car from the seed"
    )

    def wanted_traits(self) -> dict[str, tuple[str, ...]]:
        """Return what each of a car's traits must be one of."""
        asked = ((field.name, getattr(self, field.name)) for field in fields(Traits))
        return {
            name: value if isinstance(value, tuple) else (str(value),)
            for name, value in asked
            if value is not None
        }

    def fits(self, traits: Traits) -> bool:
        """Return whether cars with these traits match, whatever their ids and the share."""
        return all(getattr(traits, name) in values for name, values in self.wanted_traits().items())


def select(
    specs: Sequence[CarSpec], selector: Selector, stream_seed: int, name: str
) -> list[CarSpec]:
    """Return the cars that `selector` means, in their order.

    Each car draws from its own stream, named by `name` and its id, so that adding a car changes no
    other car's draw.
    """
    ids = None if selector.ids is None else frozenset(selector.ids)
    alike = {id(spec.traits): spec.traits for spec in specs}
    fits = {key: selector.fits(traits) for key, traits in alike.items()}
    fitting = (
        spec for spec in specs if fits[id(spec.traits)] and (ids is None or spec.vehicle_id in ids)
    )
    if selector.share == 1:
        return list(fitting)

    def drawn(spec: CarSpec) -> float:
        return RandomStream.named(stream_seed, f"select/{name}/{spec.vehicle_id}").uniform()

    return [spec for spec in fitting if drawn(spec) < selector.share]


class Load(FrozenModel):
    """Unlocks that are asked for over MQTT, without an app or an API."""

    stages: list[LoadStage] = Field(
        [], description="when they come, one stage after another; none only where customers come"
    )
    targets: Selector = Field(default_factory=Selector, description="cars that are unlocked")
    double_taps: Share = Field(
        0.0,
        description="share of unlocks that are a second tap on the car of the unlock before",
    )
    deadline_s: float = Field(
        20.0, gt=0, le=3600, description="the customer's patience; then the attempt ends as unknown"
    )
    command_ttl_s: float | None = Field(
        None, gt=0, le=86_400,
        description="life of a command, from issue to expiry; null: as long as deadline_s",
    )  # fmt: skip
    start_delay_s: float = Field(
        0.5, ge=0, le=60, description="between the probe being ready and load second 0"
    )

    @property
    def duration_s(self) -> float:
        """How long unlocks start."""
        return total_duration_s(self.stages)


class Customers(CustomerParameters):
    """People who rent cars with an app, over the API of the emulated platform."""

    stages: list[Annotated[CustomerStage | TimesFile, Field(discriminator="kind")]] = Field(
        min_length=1, description="when they come, one stage after another"
    )
    targets: Selector = Field(default_factory=Selector, description="cars that they rent")

    @property
    def known_stages(self) -> list[CustomerStage]:
        """The stages, once the files among them have been read: before, they are left out."""
        return [stage for stage in self.stages if not isinstance(stage, TimesFile)]

    @property
    def duration_s(self) -> float:
        """How long customers come."""
        return total_duration_s(self.known_stages)

    def times_s(self, stream: RandomStream) -> list[float]:
        """Return when each of them comes, in seconds of load."""
        return arrival_times(self.known_stages, stream)


class Window(FrozenModel):
    """The start and the end of a window, in seconds since the load began."""

    start_s: Seconds = Field(description="opens")
    end_s: PositiveSeconds | None = Field(
        None, description="closes; at most load duration + deadline, and by default then"
    )

    @model_validator(mode="after")
    def _is_ahead(self) -> Window:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"ends at {self.end_s:g} s, not after its start at {self.start_s:g} s")
        return self

    def overlaps(self, other: Window) -> bool:
        """Return whether both are open at some time."""
        opens_s = max(self.start_s, other.start_s)
        return all(window.end_s is None or opens_s < window.end_s for window in (self, other))


class FaultEntry(FrozenModel):
    """A fault of the catalogue, on some cars, for some time."""

    name: str = Field(description="the fault; `fleet-sim faults` lists them")
    target: Selector = Field(default_factory=Selector, description="cars that it strikes")
    window: Window = Field(description="when, in load seconds")
    parameters: dict[str, Any] = Field(default_factory=dict, description="the fault's own")

    def fault(self) -> Fault:
        """Return the fault with its parameters. Both were checked when the scenario was loaded."""
        return FAULTS[self.name].model_validate(self.parameters)


class Scenario(FrozenModel):
    """One run: who, what, when, and what must come of it."""

    description: str = Field(min_length=1, description="what it shows, in a sentence")
    seed: int | None = Field(
        None, ge=0, le=2**63 - 1, description="of all that is random; drawn and printed if absent"
    )
    fleet: FleetForm
    load: Load = Field(default_factory=Load, description="unlocks over MQTT; beside customers none")
    customers: Customers | None = Field(None, description="people who rent cars with an app")
    platform: PlatformParameters | None = Field(
        None, description="the emulated platform, where it differs; customers have one in any case"
    )
    faults: tuple[FaultEntry, ...] = Field((), description="what goes wrong")
    expect: dict[str, Condition] = Field(
        default_factory=dict, description="bounds on keys of summary.json; the run is their test"
    )

    @property
    def has_platform(self) -> bool:
        """Whether the platform is emulated."""
        return self.customers is not None or self.platform is not None

    @property
    def platform_parameters(self) -> PlatformParameters:
        """The numbers of the emulated platform."""
        return self.platform or PlatformParameters()

    @property
    def load_duration_s(self) -> float:
        """How long unlocks start, or customers come."""
        of_customers_s = 0.0 if self.customers is None else self.customers.duration_s
        return max(self.load.duration_s, of_customers_s)

    @property
    def run_duration_s(self) -> float:
        """Seconds from the start of the load until the last attempt has ended at the latest."""
        return self.load_duration_s + self.load.deadline_s

    def end_s(self, window: Window) -> float:
        """Return when a window closes, in load seconds: one without an end does with the run."""
        return self.run_duration_s if window.end_s is None else window.end_s

    def cars(self, shard: tuple[int, int] = (1, 1)) -> list[CarSpec]:
        """Return every car, in the order of the groups.

        If the scenario has customers, they open doors by hand.

        A `shard` (K, N) has every N-th car from the K-th, across all groups.
        """
        doors_open = self.customers is None
        number, total = shard
        specs: list[CarSpec] = []
        before = 0
        for group in self.fleet.groups:
            first = (number - 1 - before) % total
            specs += group.cars(doors_open=doors_open, first=first, step=total)
            before += group.count
        return specs

    def fleet_parts(self) -> FleetParts:
        """Return the groups as results tell them apart."""
        groups = self.fleet.groups

        @cache
        def group_of(vehicle_id: str) -> int | None:
            numbers = (number for number, it in enumerate(groups) if it.has(vehicle_id))
            return next(numbers, None)

        labels = [{name: getattr(group.traits, name) for name in BY} for group in groups]
        return FleetParts(labels, group_of)

    def resolved(self) -> dict[str, Any]:
        """Return the scenario as plain JSON values, complete with every default."""
        values = self.model_dump(mode="json")
        for entry, dumped in zip(self.faults, values["faults"], strict=True):
            dumped["parameters"] = entry.fault().model_dump(mode="json")
        for condition in values["expect"].values():
            for bound in [bound for bound, value in condition.items() if value is None]:
                del condition[bound]
        return values
