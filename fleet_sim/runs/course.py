"""The course of a future: when a mitigation acts, and on what, whoever plays the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from fleet_sim.faults import Fault
from fleet_sim.mitigations.acting import MitigationTargets, begin_mitigation, end_of_fault
from fleet_sim.mitigations.form import Mitigation
from fleet_sim.runs.injection import FaultStart, Injected, own_process, strikes_boxes
from fleet_sim.scenario.form import FaultEntry
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
    """Share of the well cars that are with customers when the load begins."""

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

    def begin(
        self, targets: MitigationTargets, *, load_starts_s: float, customers_from_s: float = 0.0
    ) -> None:
        """Schedule the mitigation, and that cars are away when the first customers come.

        Customers and faults have been started.
        """
        world, occupy = targets.fleet.world, targets.population.occupy
        for spec in targets.specs:
            if spec.vehicle_id not in targets.struck:  # nobody drives off with a struck car
                stream = world.stream(f"futures/away/{spec.vehicle_id}")
                if stream.uniform() < self.away:
                    for_s = stream.uniform() * RENTAL_S
                    world.later(customers_from_s, occupy, spec.vehicle_id, for_s)
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
