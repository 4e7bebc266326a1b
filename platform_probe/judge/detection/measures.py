"""What is counted of an unlock: in how many ways it may be hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet_wire.contract.attempt import Attempt, PlatformSide, Stage
from fleet_wire.contract.causes import CAUSES, Cause
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.contract.problems import FIRST_ERROR_STATUS, PROBLEMS, is_generic
from platform_probe.judge.detection.evidence import RARE_SIZES, USUAL_SIZES, Mixture
from platform_probe.judge.detection.traits import TRAITS, Key

SELDOM: Final = 0.005
"""What is expected no more often than that is looked for in larger changes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measure:
    """One way in which unlocks are hit."""

    name: str
    kind: IncidentKind
    share: float
    """The expected share of all unlocks before anything was learned [E].

    Failures have the levels of the shipped rules.
    """
    budget: float
    """The part of all allowed false alarms that this measure may cause."""
    stage: Stage | None = None
    """The hop that is slow."""
    part_of: Measure | None = None
    """The measure of which it counts a part: one unlock is hit in both, and explained by either."""

    @property
    def spreads_by(self) -> frozenset[str]:
        """The traits that its failures can have in common."""
        return _BEFORE_THE_CAR if self in _ASKED else _ALL

    def spread(self, key: Key) -> Key:
        """Return a cohort by the traits alone by which a problem of this measure can spread."""
        return tuple((place, value) for place, value in key if TRAITS[place] in self.spreads_by)

    @property
    def sizes(self) -> Mixture:
        """The sizes of change that are looked for."""
        return RARE_SIZES if self.share <= SELDOM else USUAL_SIZES

    @property
    def main_measure(self) -> Measure:
        """The measure of which it is a part, or itself."""
        return self if self.part_of is None else self.part_of


FAILED: Final = Measure(name="failed", kind=IncidentKind.FAILURES, share=0.02, budget=0.24)
REFUSED: Final = Measure(name="refused", kind=IncidentKind.FAILURES, share=0.02, budget=0.05)
LATE: Final = Measure(name="late", kind=IncidentKind.LATE_UNLOCKS, share=0.003, budget=0.06)
GENERIC: Final = Measure(name="generic", kind=IncidentKind.GENERIC_ERRORS, share=0.005, budget=0.05)
"""It opened, and its customer was told of an error that explains nothing."""
AGAIN: Final = Measure(name="again", kind=IncidentKind.FAILURES, share=0.01, budget=0.08)
"""It opened, as far as anybody knows, and its customer presses again."""
BLIND: Final = Measure(name="blind", kind=IncidentKind.MONITOR_BLIND, share=0.005, budget=0.02)
RARE: Final = 0.0007
"""Share of unlocks that are lost after a stage after which fleets hardly ever lose any [E]. In the
towns of the score, of which single cars are ill, a thing that no car is ill of has 0.02 % at most.
"""
ORDINARY: Final = frozenset({Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT})
"""Most causes of any day, in garages and at night."""
AWAY: Final = "away"
"""The stage of a command for a box that is not there: it has the ordinary causes."""
_ELSEWHERE: Final = frozenset({Cause.API_REFUSED, Cause.NOT_OBSERVED})
"""Causes that have measures of their own."""
STAGE_OF: Final = {
    cause: AWAY if cause in ORDINARY else CAUSES[cause].phase
    for cause in Cause
    if cause not in _ELSEWHERE
}
"""The stage at which an unlock of each cause was lost."""
LOST: Final = {
    stage: Measure(
        name=f"lost_{stage}",
        kind=IncidentKind.FAILURES,
        share=FAILED.share if stage == AWAY else RARE,
        budget=0.02,
        part_of=FAILED,
    )
    for stage in dict.fromkeys(STAGE_OF.values())
}
"""A measure for each stage: what hardly ever happens is noticed sooner than what does."""
TOLD: Final = Measure(
    name="told_otherwise", kind=IncidentKind.FAILURES, share=RARE, budget=0.02, part_of=FAILED
)
"""It opened, and the platform told otherwise or did not notice it."""
OF_PROBLEM: Final = {
    slug: Measure(
        name=f"refused_{slug}",
        kind=IncidentKind.FAILURES,
        share=0.005,
        budget=0.002,
        part_of=REFUSED,
    )
    for slug in PROBLEMS
}
"""The same for the problem that a refused customer is shown."""
SLOW: Final = {
    stage.value: Measure(
        name=f"slow_{stage}", kind=IncidentKind.LATENCY, share=0.005, budget=0.01, stage=stage
    )
    for stage in Stage
    if stage is not Stage.INTENDED
}
"""A measure for each hop."""
MEASURES: Final = (
    FAILED, REFUSED, *LOST.values(), *OF_PROBLEM.values(), TOLD, AGAIN, GENERIC, LATE, BLIND,
    *SLOW.values(),
)  # fmt: skip
"""All of them; what is left of the budget is that of waves of lost cars and of silence."""


_ASKED: Final = frozenset({LOST["request"], LOST["publish"], GENERIC})
"""What happens before a command is on its way to a car."""
_ALL: Final = frozenset(TRAITS)
_BEFORE_THE_CAR: Final = frozenset({"region", "app_version", "endpoint", "api_release"})
"""A broker or a platform may serve a region, and knows no operator, firmware or car park."""


def hit_measures(attempt: Attempt) -> tuple[Measure, ...]:
    """Return how an unlock is hit, slowness aside."""
    cause, side = attempt.cause, attempt.platform
    if cause is None:
        return _measures_of_answer(side) if side else ()
    if cause is Cause.NOT_OBSERVED:
        return (BLIND,)
    if cause is Cause.API_REFUSED:
        told = OF_PROBLEM.get(side.problem or "") if side else None
        return (REFUSED,) if told is None else (REFUSED, told)
    return FAILED, LOST[STAGE_OF[cause]]


def _measures_of_answer(side: PlatformSide) -> tuple[Measure, ...]:
    """Return how an unlock that opened is hit: its customer was told otherwise, or nothing."""
    is_error = side.status is not None and side.status >= FIRST_ERROR_STATUS
    if side.status is not None and is_error and is_generic(side.status, side.problem):
        return (GENERIC,)
    is_missed = side.outcome not in (None, "executed")
    return (FAILED, TOLD) if is_error or is_missed else ()
