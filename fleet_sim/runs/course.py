"""The course of a future: when a mitigation acts, and on what, whoever plays the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from fleet_sim.faults import Fault
from fleet_sim.mitigations.acting import MitigationTargets, begin_mitigation, end_of_fault
from fleet_sim.mitigations.form import Mitigation
from fleet_sim.runs.injection import FaultStart, Injected, own_process, strikes_boxes
from fleet_sim.scenario.form import FaultEntry, Scenario
from fleet_wire.quantities import Seconds

DO_NOTHING: Final = "Do nothing"
RENTAL_S: Final = 2_400.0
"""A car is away with its customer for so long [E]."""


class Course(BaseModel):
    """What happens in a future besides its scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mitigation: Mitigation | None
    decision_s: Seconds
    """When on-call decides, in seconds of load."""
    away: float = Field(ge=0, le=1)
    """Share of the cars that are with customers when the load begins."""

    def entries(self) -> dict[str, Any]:
        """Return its entries of a manifest: what a person reads, and what makes it again."""
        title = DO_NOTHING if self.mitigation is None else self.mitigation.title
        return {"mitigation": title, "future": self.model_dump(mode="json", exclude_defaults=True)}

    def process_of(self, entry: FaultEntry, fault: Fault) -> FaultStart:
        """Return how a fault acts: ended early, where the mitigation ends it."""
        mitigation = self.mitigation
        if mitigation is None:
            return own_process(entry, fault)
        acts_at_s = self.decision_s + mitigation.after_s
        opens_s = entry.window.start_s
        return end_of_fault(mitigation, fault, opens_s=opens_s, acts_at_s=acts_at_s).process

    def before_decision(self, scenario: Scenario) -> object:
        """Return a value that is equal for courses of a scenario that differ after the decision."""
        mitigation = self.mitigation
        ending = None if mitigation is None else mitigation.ends
        if mitigation is None or ending is None:
            return None
        modes = {entry.name for entry in scenario.faults}.intersection(ending.modes)
        shape = (mitigation.after_s, ending.over_s, ending.reboots, *sorted(modes))
        return shape if modes else None

    def begin(self, targets: MitigationTargets, *, load_starts_s: float) -> None:
        """Have cars away with customers who came before; faults and customers have been started."""
        world, population = targets.fleet.world, targets.population
        for vehicle_id in (spec.vehicle_id for spec in targets.specs):
            stream = world.stream(f"futures/away/{vehicle_id}")
            if population.has(vehicle_id) and stream.uniform() < self.away:
                population.rent_out(vehicle_id, targets.platform.enter_booking, load_starts_s)

    def mitigate(self, targets: MitigationTargets, *, load_starts_s: float) -> None:
        """Schedule the mitigation, by the decision at the latest."""
        if self.mitigation is not None:
            acts_at_s = load_starts_s + self.decision_s + self.mitigation.after_s
            begin_mitigation(self.mitigation, targets, acts_at_s=acts_at_s)


def struck_cars(injected: Sequence[Injected]) -> frozenset[str]:
    """Return the cars that faults strike: a platform fails for whatever car is taken."""
    return frozenset(
        vehicle_id
        for each in injected
        if strikes_boxes(each.entry.fault())
        for vehicle_id in each.vehicle_ids
    )
