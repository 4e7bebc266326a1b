"""The base class of faults, and the table of all of them.

To add one, declare its failure mode in `fleet_wire.modes`, and write a class with its parameters as
fields and `@register` above it, in a module of this package. Give it a test and a scenario. Nothing
else needs to know its name. docs/first-failure-mode.md is the tutorial.

pydantic reads the annotations of `Fault` again for each fault. Here they are no text that would be
compiled each time (no `from __future__ import annotations`): a quarter of what all faults cost.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, TypeVar

import msgspec
import simpy
from pydantic import BaseModel, ConfigDict

from fleet_sim.broker.control import BrokerControl, BrokerSettings
from fleet_sim.cars.box import Box
from fleet_sim.cars.failpoints import Failpoint
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import World
from fleet_sim.customers.failpoints import CustomerFailpoints
from fleet_sim.faults.drawing import Drawing, Draws, drawn_from
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.gateway import EmulatedPlatform
from fleet_sim.platform.operations import Request
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.mode import FailureMode, Layer
from fleet_wire.randomness import RandomStream

FaultProcess = Generator[simpy.Event, Any, None]
ValueT = TypeVar("ValueT")
AboutCarT = TypeVar("AboutCarT", Request, PlatformCommand)


class Strikes(Enum):
    """The target of a fault."""

    CAR = "car"
    """Each car by itself."""
    BROKER = "broker"
    """The broker, or what the cars have there together."""
    PLATFORM = "platform"
    """The emulated platform: its gateway, its bookings, its command service."""
    CUSTOMERS = "customers"
    """Customers and their phones, where a run has them."""


class Claim(Enum):
    """A resource of a car that only one fault at a time may use; the value says why."""

    SLEEP_TIMER = "a box has one modem and one sleep timer"
    RECONNECT_RULE = "a box has one rule for connecting again"
    BROKER_QUEUE = "a car has one queue at the broker"
    CLIENT_ID = "two clients with one id throw each other out already"
    CUT_OUT = "a box has one battery guard"
    DATA_PLAN = "a SIM has one data plan"


class Need(Enum):
    """A fault's requirement; the value completes "it needs ..."."""

    OWN_BROKER = "a broker whose settings we choose"
    PLATFORM = "the emulated platform"
    CUSTOMERS = "customers with phones"
    SHARED_ANSWERS = "a platform whose members share the cars' answers"


class Hit(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hit"):
    """One time that a fault changed something; a line of `ground_truth.jsonl`.

    Times are seconds since the load began. With `until_s` the fault affected everything under way
    for the car from `at_s` until then; without, the one command, if there is one.
    """

    injection: int
    """Which line of type `injection` it belongs to, from 0."""
    fault: str
    vehicle_id: str
    what: str
    at_s: float
    until_s: float | None = None
    command_id: str | None = None
    customer_id: str | None = None
    """The customer whom it happened to: what was struck is this customer's, and no other's."""


class FaultWindow:
    """The time in which a fault strikes."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s

    @property
    def length_s(self) -> float:
        """Return how long it is open."""
        return self._length_s

    def closing(self, env: simpy.Environment) -> simpy.Event:
        """Return what to `yield` at its opening to wait until it closes."""
        return env.timeout(self._length_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Injection:
    """One fault of a scenario, on its cars (at least one). Implements `failpoints.Culprit`.

    Its process starts when the window opens.
    """

    world: World
    boxes: Sequence[Box]
    """The boxes of its cars; those of another process are not among them."""
    window: FaultWindow
    stream_of: Callable[[str], RandomStream]
    """Return this injection's own random stream of one car, by vehicle id."""
    number: int = 0
    fault: str = ""
    load_starts_s: float = 0.0
    """The simulated second from which `Hit` counts."""
    record: Callable[[Hit], None] = lambda _hit: None
    platform: EmulatedPlatform | None = None
    """There where the fault has `Need.PLATFORM`."""
    customers: CustomerFailpoints | None = None
    """There where the fault has `Need.CUSTOMERS`."""
    broker: BrokerControl | None = None
    """There where the fault has `Need.OWN_BROKER`."""
    cars: Sequence[CarSpec] = ()
    """Its cars, for a fault of the platform, which knows no boxes."""
    vehicle_ids: frozenset[str] = frozenset()
    """Their ids."""

    @property
    def env(self) -> simpy.Environment:
        """Return the environment in which the fault's processes run."""
        return self.world.env

    @property
    def duration_s(self) -> float:
        """Return the length of the window."""
        return self.window.length_s

    def wait(self, duration_s: float) -> simpy.Event:
        """Return what to `yield` to let time pass."""
        return self.world.env.timeout(duration_s)

    def whole_window(self) -> simpy.Event:
        """Return what to `yield` at the opening of the window to wait for its end."""
        return self.window.closing(self.env)

    def hit(
        self,
        vehicle_id: str,
        what: str,
        *,
        command_id: str | None = None,
        during_s: tuple[float, float] | None = None,
        customer_id: str | None = None,
    ) -> None:
        """Write down that the fault has changed something, see `failpoints.Culprit`."""
        at_s, until_s = (self.world.env.now, None) if during_s is None else during_s
        self.record(
            Hit(
                injection=self.number,
                fault=self.fault,
                vehicle_id=vehicle_id,
                what=what,
                at_s=round(at_s - self.load_starts_s, 6),
                until_s=None if until_s is None else round(until_s - self.load_starts_s, 6),
                command_id=command_id,
                customer_id=customer_id,
            )
        )


class Fault(BaseModel, ABC):
    """A way in which cars do not open. Its fields are the parameters a scenario may set."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,  # a run strikes with a few, and to build all took a tenth of their import
    )

    name: ClassVar[str]
    """The name in a scenario: the slug of its failure mode."""
    mode: ClassVar[FailureMode | None] = None
    """Its failure mode, which `register` finds by the name; None: it is none."""
    layer: ClassVar[Layer]
    """The layer of its mode: `fleet-sim faults` lists by it."""
    summary: ClassVar[str]
    """What happens, in a sentence: that of its mode for an engineer."""
    drawing: ClassVar[Drawing] = Drawing()
    """How incidents of it are drawn."""
    strikes: ClassVar[Strikes]
    claims: ClassVar[frozenset[Claim]] = frozenset()
    """The resources that no other fault may use on the same car at the same time."""
    needs: ClassVar[frozenset[Need]] = frozenset()
    """The requirements; a scenario that lacks one is refused when it is loaded."""

    @classmethod
    def conclusion(cls) -> str:
        """Return what a monitor should see of it: the cause of its mode, and the title."""
        return cls.summary if cls.mode is None else f"{cls.mode.cause or 'ok'}: {cls.mode.title}"

    @classmethod
    def drawn_severity(cls, stream: Draws, *, wider: float = 0.0) -> dict[str, Any]:
        """Draw the parameters whose severity varies; see `drawn_from` for `wider`."""
        drawn: dict[str, Any] = {}
        for parameter, span in cls.drawing.ranges.items():
            if isinstance(span, Mapping):
                drawn[parameter] = {
                    key: round(drawn_from(each, stream, wider=wider), 3)
                    for key, each in span.items()
                }
            else:
                value = drawn_from(span, stream, wider=wider)
                is_whole = cls.model_fields[parameter].annotation is int
                drawn[parameter] = round(value) if is_whole else round(value, 3)
        return drawn

    @property
    def acts_on(self) -> Strikes:
        """Return what it acts on with its parameters."""
        return self.strikes

    def broker_settings(self) -> BrokerSettings:
        """Return what a private broker is set to; who cannot do without has `Need.OWN_BROKER`."""
        return BrokerSettings()

    @abstractmethod
    def process(self, injection: Injection) -> FaultProcess:
        """Act from the opening of the window to its end, as a SimPy process."""


class CarFault(Fault):
    """A fault that strikes each car by itself."""

    strikes: ClassVar[Strikes] = Strikes.CAR

    @abstractmethod
    def strike(self, box: Box, injection: Injection, stream: RandomStream) -> FaultProcess:
        """Act on one car from the opening of the window, as a SimPy process.

        `stream` is the injection's own for this car.
        """

    def process(self, injection: Injection) -> FaultProcess:
        """Strike every car side by side, and end with the window."""
        for box in injection.boxes:
            stream = injection.stream_of(box.vehicle_id)
            injection.env.process(self.strike(box, injection, stream))
        yield injection.whole_window()


class PlatformFault(Fault):
    """A fault of the emulated platform. It strikes the requests that are about its cars."""

    strikes: ClassVar[Strikes] = Strikes.PLATFORM
    needs: ClassVar[frozenset[Need]] = frozenset({Need.PLATFORM})

    @abstractmethod
    def strike(
        self, platform: "TargetedPlatform", injection: Injection, stream: RandomStream
    ) -> FaultProcess:
        """Act on the platform from the opening of the window, as a SimPy process.

        `stream` is the injection's own.
        """

    def process(self, injection: Injection) -> FaultProcess:
        """Strike the platform, and end with the window."""
        assert injection.platform is not None  # noqa: S101 - the scenario was checked for its need
        struck = TargetedPlatform(injection.platform, injection)
        yield from self.strike(struck, injection, injection.stream_of("platform"))


class TargetedPlatform:
    """The platform, as far as requests and commands for the cars of an injection are concerned."""

    def __init__(self, platform: EmulatedPlatform, injection: Injection) -> None:
        self._platform = platform
        self._injection = injection

    def set_action(
        self, failpoint: Failpoint[ValueT, AboutCarT], action: Callable[[ValueT, AboutCarT], ValueT]
    ) -> AbstractContextManager[None]:
        """Return a context in which `action` decides at `failpoint`, for these cars."""
        vehicle_ids = self._injection.vehicle_ids

        def act_on_theirs(value: ValueT, about: AboutCarT) -> ValueT:
            is_theirs = about.vehicle_id in vehicle_ids
            return action(value, about) if is_theirs else value

        return self._platform.set_action(failpoint, act_on_theirs, by=self._injection)


FAULTS: dict[str, type[Fault]] = {}

FaultClass = TypeVar("FaultClass", bound=type[Fault])


def register(fault: FaultClass) -> FaultClass:
    """Enter a fault class under its name, beside the failure mode of that slug."""
    if fault.name in FAULTS:
        raise ValueError(f"two faults are called {fault.name!r}")
    mode = MODES.get(fault.name)
    if mode is not None:
        fault.mode, fault.layer, fault.summary = mode, mode.layer, mode.engineer
    elif not hasattr(fault, "summary"):
        raise ValueError(
            f"no failure mode has the slug {fault.name!r}: declare one (a package does so by an"
            " entry point of `unlockpath.modes`), or give the fault a `layer` and a `summary`"
        )
    FAULTS[fault.name] = fault
    return fault
