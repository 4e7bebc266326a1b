"""The finding: something that is not as it was, with its numbers.

Incidents are made of findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import IncidentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found, as far as it is known now; the same `number` again replaces it."""

    number: int
    kind: IncidentKind
    what: str
    """The name of the measure that was counted."""
    at: float
    """When this was known, Unix seconds."""
    since: float
    """When it began, Unix seconds."""
    last_at: float
    """When it was seen last, Unix seconds: the last unlock that it hit began then, or all that was
    lost was back. That it is over is known later."""
    cohort: Mapping[str, str]
    """Whom, value by trait; empty: nothing in common."""
    common: Mapping[str, str] = field(default_factory=dict)
    """All that these have in common as far as is known, what also all others have included."""
    same: tuple[Mapping[str, str], ...] = ()
    """All names of the cohort: conjunctions of traits that hold these unlocks and no others."""
    failed: int
    """How many were hit."""
    total: int
    """The number of unlocks, or of cars where these are lost."""
    elsewhere_failed: int = 0
    elsewhere_total: int = 0
    expected: float = 0.0
    """The share that was expected."""
    sure: float = 0.0
    """1 minus the probability of a false alarm as good as this."""
    customers: frozenset[str] = frozenset()
    cars: frozenset[str] = frozenset()
    examples: tuple[str, ...] = ()
    """Attempt ids, the latest first."""
    causes: Mapping[Cause, int] = field(default_factory=Counter)
    modes: Mapping[str, float] = field(default_factory=Counter)
    """How many of those that were diagnosed have which mode, by probability."""
    diagnosed: int = 0
    """How many were diagnosed.

    It is at least half of those with a cause, and three, so that the first of many diagnoses does
    not name them all.
    """
    is_over: bool = False
    """It is as it was before."""

    @property
    def share(self) -> float:
        """Which part was hit."""
        return self.failed / self.total if self.total else 0.0
