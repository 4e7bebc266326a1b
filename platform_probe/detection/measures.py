"""What is counted of an unlock: in how many ways it may be hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet_wire.contract.attempt import Attempt, Flag, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.contract.problems import FIRST_ERROR_STATUS, is_generic


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measure:
    """One way in which unlocks are hit."""

    name: str
    kind: IncidentKind
    share: float
    """Expected of all unlocks before anything was learned [E]: the service levels of docs/slo.md
    for those that fail, 5 % of those that are slow by what is called slow."""
    budget: float
    """Of all false alarms that are allowed, so many may be of this measure."""
    least: int = 5
    """So many must be hit, of three cars: fewer are too few to say."""
    stage: Stage | None = None
    """The hop that is slow."""


FAILED: Final = Measure(name="failed", kind=IncidentKind.FAILURES, share=0.02, budget=0.5)
REFUSED: Final = Measure(name="refused", kind=IncidentKind.FAILURES, share=0.02, budget=0.1)
GENERIC: Final = Measure(name="generic", kind=IncidentKind.GENERIC_ERRORS, share=0.005, budget=0.08)
UNCLASSIFIED: Final = Measure(
    name="unclassified", kind=IncidentKind.UNCLASSIFIED, share=0.003, budget=0.04
)
LATE: Final = Measure(
    name="late", kind=IncidentKind.LATE_UNLOCKS, share=0.003, budget=0.04, least=3
)
ODD: Final = Measure(name="odd", kind=IncidentKind.FAILURES, share=0.01, budget=0.06)
"""It opened, and the diagnosis says that something was wrong all the same."""
BLIND: Final = Measure(name="blind", kind=IncidentKind.MONITOR_BLIND, share=0.005, budget=0.04)
SLOW: Final = {
    stage.value: Measure(
        name=f"slow_{stage}", kind=IncidentKind.LATENCY, share=0.05, budget=0.02, stage=stage
    )
    for stage in Stage
    if stage is not Stage.INTENDED
}
"""A measure for each hop."""
MEASURES: Final = (FAILED, REFUSED, ODD, GENERIC, UNCLASSIFIED, LATE, BLIND, *SLOW.values())
"""All of them; what is left of the budget is that of waves of lost cars and of silence."""


def hit_measures(attempt: Attempt) -> tuple[Measure, ...]:
    """Return how an unlock is hit, slowness aside."""
    cause, side = attempt.cause, attempt.platform
    is_mute = False
    if side and side.status is not None and side.status >= FIRST_ERROR_STATUS:
        is_mute = is_generic(side.status, side.problem)
    if cause is None:
        if is_mute:
            return (GENERIC,)
        return (FAILED,) if Flag.TOLD_OTHERWISE in attempt.flags else ()
    if cause is Cause.NOT_OBSERVED:
        return (BLIND,)
    if cause is Cause.API_REFUSED:
        return (REFUSED,)
    hit = (FAILED, UNCLASSIFIED) if cause is Cause.UNCLASSIFIED else (FAILED,)
    return (*hit, GENERIC) if is_mute else hit
