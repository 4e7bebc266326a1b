"""Faults of a future: a mitigation may end them early, also after they have begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import simpy

from fleet_sim.faults import Fault, Injection
from fleet_sim.faults.registry import CarFault, FaultProcess, FaultWindow
from fleet_sim.mitigations.form import FaultEnding

BATCHES: Final = 10
"""Groups in which cars get well again: enough for a smooth roll-out [E]."""


class EndableWindow(FaultWindow):
    """A window that can be closed early until somebody has asked for its length."""

    def __init__(self, length_s: float, env: simpy.Environment) -> None:
        super().__init__(length_s)
        self.is_length_known = False
        self._env = env
        self.opened_s = env.now
        self._closing: simpy.Event | None = None

    @property
    def length_s(self) -> float:
        """Return how long it is open. It does not close at another time from now on."""
        self.is_length_known = True
        return self._length_s

    def closing(self, env: simpy.Environment) -> simpy.Event:
        """Return what to `yield` at its opening to wait until it closes."""
        if self._closing is None:
            self._closing = env.event()
            self._close_in_time()
        return self._closing

    def end_early(self, length_s: float) -> None:
        """Close it so long after its opening, if not earlier."""
        self._length_s = min(length_s, self._length_s)
        if self._closing is not None:
            self._close_in_time()

    def _close_in_time(self) -> None:
        left_s = self.opened_s + self._length_s - self._env.now
        timeout = self._env.timeout(max(left_s, 0.0))
        timeout.callbacks.append(self._close)

    def _close(self, _timeout: simpy.Event) -> None:
        if self._closing is not None and not self._closing.triggered:
            self._closing.succeed()


class _Batch(NamedTuple):
    """Cars of a fault that get well together; a platform's fault is one batch."""

    injection: Injection
    window: EndableWindow


class _EarlyEnd(NamedTuple):
    """A mitigation that ends a fault."""

    ending: FaultEnding
    acts_at_s: float
    """The simulated second at which it begins to act."""


@dataclass(slots=True)
class _EndableFault:
    """A fault that strikes its cars in batches, each with a window of its own."""

    fault: Fault
    batches: list[_Batch] = field(default_factory=list)
    """The batches, once its window is open."""
    mitigated: _EarlyEnd | None = None

    def process(self, injection: Injection) -> FaultProcess:
        """Strike as the fault does, until it is ended."""
        self.batches = [*self._batches(injection)]
        self._end_windows()
        for batch in self.batches:
            injection.env.process(self.fault.process(batch.injection))
        self._reboot_boxes()
        yield injection.whole_window()

    def end_early(self, end: _EarlyEnd) -> None:
        """End it for one batch of cars after the other."""
        self.mitigated = end
        self._end_windows()
        self._reboot_boxes()

    def _batches(self, injection: Injection) -> Iterator[_Batch]:
        if not isinstance(self.fault, CarFault):
            window = EndableWindow(injection.duration_s, injection.env)
            yield _Batch(replace(injection, window=window), window)
            return
        for number in range(min(BATCHES, len(injection.boxes))):
            boxes = injection.boxes[number::BATCHES]
            ids = frozenset(box.vehicle_id for box in boxes)
            window = EndableWindow(injection.duration_s, injection.env)
            yield _Batch(
                replace(injection, boxes=boxes, vehicle_ids=ids, window=window),
                window,
            )

    def _end_windows(self) -> None:
        if self.mitigated is None:
            return
        ending, acts_at_s = self.mitigated
        for number, batch in enumerate(self.batches, start=1):
            first_s = max(acts_at_s - batch.window.opened_s, 0.0)
            batch.window.end_early(first_s + ending.over_s * number / len(self.batches))

    def _reboot_boxes(self) -> None:
        if self.mitigated is not None and self.mitigated.ending.reboots:
            for batch in self.batches:
                batch.injection.env.process(_reboot_at_end(batch.injection))


def _reboot_at_end(injection: Injection) -> FaultProcess:
    """Reboot the boxes of an injection when its window closes."""
    yield injection.whole_window()
    for box in injection.boxes:
        box.power.reboot(by=injection)


class EndableFaults:
    """All faults of a future."""

    def __init__(self) -> None:
        self._faults: list[_EndableFault] = []

    def process_of(self, fault: Fault) -> Callable[[Injection], FaultProcess]:
        """Return how a fault acts: until its window closes, or a mitigation ends it."""
        endable = _EndableFault(fault)
        self._faults.append(endable)
        return endable.process

    def end_early(self, ending: FaultEnding, *, acts_at_s: float) -> None:
        """End the faults of some modes; one that begins later never strikes.

        Ask `may_end` first where faults have begun.
        """
        for each in self._faults_of(ending):
            each.end_early(_EarlyEnd(ending, acts_at_s))

    def may_end(self, ending: FaultEnding) -> bool:
        """Return whether the past would have been the same if all knew the end."""
        return not any(
            batch.window.is_length_known
            for each in self._faults_of(ending)
            for batch in each.batches
        )

    def _faults_of(self, ending: FaultEnding) -> Iterator[_EndableFault]:
        return (each for each in self._faults if each.fault.name in ending.modes)
