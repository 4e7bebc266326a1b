"""The course of a future: when a mitigation acts, and on what, whoever plays the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fleet_sim.mitigations.acting import MitigationTargets, begin_mitigation
from fleet_sim.mitigations.fault_ending import EndableFaults
from fleet_sim.mitigations.form import Mitigation
from fleet_sim.runs.injection import Injected, strikes_boxes
from fleet_wire.quantities import FrozenModel, Seconds, Share

DO_NOTHING: Final = "Do nothing"
RENTAL_S: Final = 2_400.0
"""A car is away with its customer for so long [E]."""


class Course(FrozenModel):
    """What happens in a future besides its scenario."""

    mitigation: Mitigation | None
    decision_s: Seconds
    """When on-call decides, in seconds of load."""
    away: Share
    """Share of the cars that are with customers when the load begins."""

    def entries(self) -> dict[str, Any]:
        """Return its entries of a manifest: what a person reads, and what makes it again."""
        title = DO_NOTHING if self.mitigation is None else self.mitigation.title
        return {"mitigation": title, "future": self.model_dump(mode="json", exclude_defaults=True)}

    @property
    def acts_s(self) -> float:
        """Return when its mitigation begins to act, in seconds of load."""
        return self.decision_s + (0.0 if self.mitigation is None else self.mitigation.after_s)

    def may_begin_now(self, faults: EndableFaults) -> bool:
        """Return whether nothing so far would have been different with its mitigation."""
        ending = None if self.mitigation is None else self.mitigation.ends
        return ending is None or faults.may_end(ending)

    def begin(self, targets: MitigationTargets, *, load_starts_s: float) -> None:
        """Have cars away with customers who came before; faults and customers have been started."""
        world, population = targets.fleet.world, targets.population
        for vehicle_id in (spec.vehicle_id for spec in targets.specs):
            stream = world.stream(f"futures/away/{vehicle_id}")
            if vehicle_id in population.cars.boxes and stream.uniform() < self.away:
                population.rent_out(vehicle_id, targets.platform.enter_booking, load_starts_s)

    def mitigate(self, targets: MitigationTargets, *, load_starts_s: float) -> None:
        """Schedule the mitigation, before it acts."""
        if self.mitigation is not None:
            begin_mitigation(self.mitigation, targets, acts_at_s=load_starts_s + self.acts_s)


def struck_cars(injected: Sequence[Injected]) -> frozenset[str]:
    """Return the cars that faults strike: a platform fails for whatever car is taken."""
    return frozenset(
        vehicle_id
        for each in injected
        if strikes_boxes(each.entry.fault())
        for vehicle_id in each.vehicle_ids
    )
