"""State that the boxes of a process share: time, seed, secret, counts, and the model's defects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import simpy
from simpy.events import NORMAL

from fleet_sim.cars.defects import Defects
from fleet_sim.cars.movements import OnMovement
from fleet_wire.links.link import Disconnected, LinkFactory
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from fleet_wire.randomness import RandomStream


class Due(msgspec.Struct):
    """A call to come, and of an event no more than SimPy looks at when it falls due.

    Most events of a run are such calls; a timeout with a callback takes several times as long. The
    stepper of an environment may make the call itself.
    """

    then: Callable[..., Any] | None
    """None: it was cancelled."""
    arguments: tuple[Any, ...]

    _ok: ClassVar = True
    """It cannot fail: what the call raises, the step does that makes it."""

    @property
    def callbacks(self) -> tuple[Callable[[Due], None], ...]:
        """Return what SimPy calls; it takes it away to say that this was done, which is all one."""
        return (_make,)

    @callbacks.setter
    def callbacks(self, _done: None) -> None: ...

    def cancel(self) -> None:
        """Cancel the call."""
        self.then = None
        self.arguments = ()


def _make(due: Due) -> None:
    """Make a call, unless it was cancelled."""
    if due.then is not None:
        due.then(*due.arguments)


class ModelEnvironment(simpy.Environment):
    """A SimPy environment that also makes calls to come, and tells the time in one call.

    Implements the broker model's `Scheduler` and the probe's `Timers`.
    """

    if not TYPE_CHECKING:  # the same as SimPy's, in half the time
        now = property(attrgetter("_now"))

    def now_s(self) -> float:
        """Return the simulated second."""
        return self._now

    def call_at(self, at_s: float, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` at a simulated moment that is not past, after what is due before; never now.

        It does what `schedule` does, in half the time.
        """
        due = Due(then, arguments)
        heappush(self._queue, (at_s, NORMAL, next(self._eid), due))  # type: ignore[misc] # it looks like an event
        return due

    def call_later(self, delay_s: float, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` after simulated time; never at once, even without a delay."""
        return self.call_at(self._now + delay_s if delay_s > 0 else self._now, then, *arguments)

    def call_soon(self, then: Callable[..., Any], *arguments: Any) -> Due:
        """Call `then` at this simulated instant, after what is due before it."""
        return self.call_at(self._now, then, *arguments)


@dataclass(slots=True)
class FleetCounts:
    """Counts that the boxes of a process share."""

    reachable: int = 0
    """Boxes with a connection and with coverage."""
    reachable_max: int = 0
    known: int = 0
    """Boxes that have been connected at least once: the broker has their session."""
    asleep: int = 0
    commands: int = 0
    executed: int = 0
    refused: int = 0
    redelivered: int = 0
    malformed: int = 0
    last_end: Disconnected | None = None
    """Why a connection has ended last, or could not be made."""
    last_end_of: str = ""
    """The box that had that end."""

    def add(self, others: FleetCounts, *, are_there: bool) -> None:
        """Count what other boxes have counted; those that are no longer there are nowhere now."""
        if are_there:
            self.reachable += others.reachable
            self.asleep += others.asleep
        self.reachable_max += others.reachable_max
        self.known += others.known
        self.commands += others.commands
        self.executed += others.executed
        self.refused += others.refused
        self.redelivered += others.redelivered
        self.malformed += others.malformed
        if self.last_end is None:
            self.last_end, self.last_end_of = others.last_end, others.last_end_of


@dataclass(slots=True)
class ClockStep:
    """How far the wall clock has been set since simulated second 0, in seconds."""

    by_s: float = 0.0


@dataclass(frozen=True, slots=True)
class World:
    """State that the boxes of a process share."""

    env: ModelEnvironment
    seed: int
    fleet_secret: str
    epoch_unix_s: float
    """Wall time at simulated second 0."""
    link_factory: LinkFactory
    profile: Profile = NATIVE
    """The profile of the wire."""
    counts: FleetCounts = field(default_factory=FleetCounts)
    defects: Defects = field(default_factory=Defects)
    clock_step: ClockStep = field(default_factory=ClockStep)
    """The changes since about `epoch_unix_s`."""
    has_traces: bool = True
    """Whether anybody reads traces. Without them all else stays as it is."""
    on_movement: OnMovement | None = None
    """Called with every movement of a lock, if there is a watch."""
    on_bad_certificate: Callable[[bool], None] | None = None
    """Called when a box rejects the broker's certificate under TLS. The argument is true for an
    expired certificate, and false for one that is not valid yet by the box's clock."""

    on_no_connection: Callable[[str, Disconnected], None] | None = None
    """Called with each box that could not connect, and why."""

    def unix_s_at(self, now_s: float) -> float:
        """Return the wall time at a simulated second, in Unix seconds."""
        return self.epoch_unix_s + self.clock_step.by_s + now_s

    def stream(self, name: str) -> RandomStream:
        """Return the random stream of this name."""
        return RandomStream.named(self.seed, name)

    def later(self, delay_s: float, then: Callable[..., None], *arguments: Any) -> None:
        """Call `then` after simulated time; at once, without an event, when there is no delay."""
        if delay_s <= 0:
            then(*arguments)
            return
        env = self.env
        env.call_at(env.now + delay_s, then, *arguments)
