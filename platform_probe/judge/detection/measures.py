"""What is counted of an unlock: in how many ways it may be hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fleet_wire.contract.attempt import Attempt, Flag, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.contract.problems import FIRST_ERROR_STATUS, PROBLEMS, is_generic
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.detection.evidence import RARE_SIZES, USUAL_SIZES, Mixture

SELDOM: Final = 0.005
"""What is expected no more often than that is looked for in larger changes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measure:
    """One way in which unlocks are hit."""

    name: str
    kind: IncidentKind
    share: float
    """The expected share of all unlocks before anything was learned [E].

    Failures have the service levels of docs/slo.md. Slow unlocks have 5 %, by the definition of
    slow.
    """
    budget: float
    """The part of all allowed false alarms that this measure may cause."""
    stage: Stage | None = None
    """The hop that is slow."""
    part_of: Measure | None = None
    """The measure of which it counts a part: one problem is found in either, and not in both."""
    mode: str | None = None
    """The failure mode that it counts."""

    @property
    def sizes(self) -> Mixture:
        """The sizes of change that are looked for."""
        return RARE_SIZES if self.share <= SELDOM else USUAL_SIZES

    @property
    def whole(self) -> Measure:
        """The measure of which it is a part, or itself."""
        return self if self.part_of is None else self.part_of

    @property
    def is_of_rare_mode(self) -> bool:
        """Whether it counts a failure mode that fleets hardly ever have."""
        return self.mode in RARE_MODES


FAILED: Final = Measure(name="failed", kind=IncidentKind.FAILURES, share=0.02, budget=0.24)
REFUSED: Final = Measure(name="refused", kind=IncidentKind.FAILURES, share=0.02, budget=0.05)
GENERIC: Final = Measure(name="generic", kind=IncidentKind.GENERIC_ERRORS, share=0.005, budget=0.05)
UNCLASSIFIED: Final = Measure(
    name="unclassified", kind=IncidentKind.UNCLASSIFIED, share=0.003, budget=0.03
)
LATE: Final = Measure(name="late", kind=IncidentKind.LATE_UNLOCKS, share=0.003, budget=0.03)
ODD: Final = Measure(name="odd", kind=IncidentKind.FAILURES, share=0.003, budget=0.05)
"""It opened, and the diagnosis says that something was wrong all the same."""
AGAIN: Final = Measure(name="again", kind=IncidentKind.FAILURES, share=0.01, budget=0.04)
"""It opened, as far as anybody knows, and its customer presses again."""
BLIND: Final = Measure(name="blind", kind=IncidentKind.MONITOR_BLIND, share=0.005, budget=0.02)
RARE: Final = 0.0007
"""Share of unlocks that fail of one thing that fleets hardly ever have [E]. In the towns of the
score, of which single cars are ill, a thing that no car is ill of has 0.02 % at most."""
ORDINARY: Final = frozenset({Cause.BOX_OFFLINE, Cause.BOX_ASLEEP, Cause.BOX_SILENT})
"""Most causes of any day, in garages and at night."""
_ELSEWHERE: Final = frozenset({Cause.API_REFUSED, Cause.NOT_OBSERVED, Cause.UNCLASSIFIED})
"""Causes that have measures of their own."""
OF_CAUSE: Final = {
    cause: Measure(
        name=f"failed_{cause}",
        kind=IncidentKind.FAILURES,
        share=RARE,
        budget=0.01,
        part_of=FAILED,
    )
    for cause in Cause
    if cause not in ORDINARY | _ELSEWHERE
}
"""A measure for each other cause: what hardly ever happens is noticed sooner than what does."""
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
_ORDINARY_MODES: Final = frozenset(
    {"no_coverage_garage", "slow_wake_client_timeout", "sms_wake_lost"}
)
"""Modes that cause failures on any day."""
OF_MODE: Final = {
    mode: Measure(
        name=f"failed_{mode}",
        kind=IncidentKind.FAILURES,
        share=0.01 if mode in _ORDINARY_MODES else RARE,
        budget=0.002,
        part_of=FAILED,
        mode=mode,
    )
    for mode in MODES
}
"""The same for the failure mode that the diagnosis names."""
RARE_MODES: Final = frozenset(MODES) - _ORDINARY_MODES
"""Modes that fleets hardly ever have."""
SLOW: Final = {
    stage.value: Measure(
        name=f"slow_{stage}", kind=IncidentKind.LATENCY, share=0.05, budget=0.01, stage=stage
    )
    for stage in Stage
    if stage is not Stage.INTENDED
}
"""A measure for each hop."""
MEASURES: Final = (
    FAILED, REFUSED, *OF_CAUSE.values(), *OF_PROBLEM.values(), *OF_MODE.values(), ODD, AGAIN,
    GENERIC, UNCLASSIFIED, LATE, BLIND, *SLOW.values(),
)  # fmt: skip
"""All of them; what is left of the budget is that of waves of lost cars and of silence."""
PROVED_LATER: Final = frozenset({ODD, AGAIN, LATE, *OF_MODE.values()})
"""What is known only after an unlock was counted, as one that opened for all that was known."""


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
        told = OF_PROBLEM.get(side.problem or "") if side else None
        return (REFUSED,) if told is None else (REFUSED, told)
    if cause is Cause.UNCLASSIFIED:
        hit: tuple[Measure, ...] = (FAILED, UNCLASSIFIED)
    else:
        hit = (FAILED, OF_CAUSE[cause]) if cause in OF_CAUSE else (FAILED,)
    return (*hit, GENERIC) if is_mute else hit
