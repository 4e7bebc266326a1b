"""Faults on running boxes: requests of `fleet-sim inject`, and their answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.runs.injection import Injected, Injector
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.scenario.form import FaultEntry, Scenario
from fleet_sim.scenario.loading import ENDLESS_STAGES, Lacks, scenario_of
from fleet_wire.config.file import Document, apply_overrides
from fleet_wire.errors import ConfigError

LONGEST_S = 7 * 86_400.0
"""A week: what lasts longer is no drill, and belongs into a scenario."""


class DrillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault, for some time; `target` and `parameters` hold KEY=VALUE as on a command line."""

    fault: str
    for_s: float
    target: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()


class DrillReply(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a drill request: the affected cars, or why there is no drill."""

    problems: tuple[str, ...] = ()
    injection: int | None = None
    """Its number in `ground_truth.jsonl`."""
    struck: int = 0
    boxes: int = 0
    """Number of this process's boxes."""


NOT_YET = DrillReply(problems=("the boxes are still connecting; try again when they serve",))


class Drills:
    """Takes requests for the boxes of one process, also while they still connect."""

    def __init__(self, scenario: Scenario, driver: LiveDriver, *, lacks: Lacks, boxes: int) -> None:
        self._scenario = scenario
        self._driver = driver
        self._lacks = lacks
        self._boxes = boxes
        self.injector: Injector | None = None
        """There when the boxes serve; windows count from the start of its load."""

    def answer(self, request: DrillRequest) -> DrillReply:
        """Begin a drill, or say what is wrong with it: it is checked as a scenario's fault is."""
        injector = self.injector
        if injector is None:
            return NOT_YET
        now_s = self._driver.now_s() - injector.load_starts_s
        try:
            entry = self._check_fault(request, injector, now_s)
        except ConfigError as error:
            return DrillReply(problems=tuple(error.problems))
        with self._driver.present():
            injected = injector.inject(
                entry, start_s=round(now_s, 6), end_s=round(now_s + request.for_s, 6)
            )
        return DrillReply(
            injection=len(injector.injected) - 1,
            struck=len(injected.vehicle_ids),
            boxes=self._boxes,
        )

    def _check_fault(self, request: DrillRequest, injector: Injector, now_s: float) -> FaultEntry:
        """Return the fault of a scenario in which it stands beside what is at work already.

        Raises `ConfigError`.
        """
        if not 0 < request.for_s <= LONGEST_S:
            raise ConfigError([f"--for: expected more than 0 s and at most {LONGEST_S:.0f} s"])
        at_work = [
            (number, each)
            for number, each in enumerate(injector.injected)
            if each.end_s > now_s and each.start_s - now_s < LONGEST_S
        ]
        drill = {
            "name": request.fault,
            "target": {},
            "window": {"start_s": 0.0, "end_s": request.for_s},
            "parameters": {},
        }
        document = Document(
            path=Path("inject"),
            values={
                **self._scenario.model_dump(mode="json", exclude={"expect"}),
                "load": {"stages": ENDLESS_STAGES},
                "faults": [*(_from_now(each, now_s) for _, each in at_work), drill],
            },
            lines={},
        )
        at = f"faults.{len(at_work)}."
        overrides = [f"{at}target.{text}" for text in request.target]
        overrides += [f"{at}parameters.{text}" for text in request.parameters]
        try:
            scenario = scenario_of(apply_overrides(document, overrides), lacks=self._lacks)
        except ConfigError as error:
            others = [f"injection {number}, {each.entry.name}" for number, each in at_work]
            problems = [_as_typed(problem, at, others) for problem in error.problems]
            raise ConfigError(problems) from None
        return scenario.faults[-1]


def how_to_drill(control: Path) -> str:
    """Return what to type for a drill on boxes that listen on a socket."""
    return f"fleet-sim inject FAULT --for TIME --control {control} holds a drill"


def _from_now(injected: Injected, now_s: float) -> dict[str, Any]:
    """Return a fault as a scenario that begins now would have it."""
    window = {
        "start_s": max(injected.start_s - now_s, 0.0),
        "end_s": min(injected.end_s - now_s, LONGEST_S),
    }
    return {**injected.entry.model_dump(mode="json"), "window": window}


def _as_typed(problem: str, at: str, others: Sequence[str]) -> str:
    """Return what is wrong with the words of the command line that brought it.

    `others` names the faults at work, in their order.
    """
    return (
        re.sub(
            r"overlaps faults\.(\d+)", lambda found: f"overlaps {others[int(found[1])]}", problem
        )
        .replace(f"--set {at}target.", "--target ")
        .replace(f"--set {at}parameters.", "--set ")
        .replace(f"inject: {at}name: ", "")
        .replace(f"inject: {at}window: ", "")
        .replace(at, "")
    )
