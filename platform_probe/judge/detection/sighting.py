"""Something found that is no share of unlocks: a wave, a silence, blindness, odd traffic."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.detection.finding import Finding
from platform_probe.judge.detection.traits import Key, named

EXAMPLES: Final = 10
MOST_KEPT: Final = 10_000
MOST_DIAGNOSED: Final = 500
MODES_KEPT: Final = 3
LEAST_DIAGNOSED: Final = 3
"""The number of hits from which one diagnosis alone does not name them."""
SURE: Final = 0.6
"""The probability from which a mode counts for an unlock: odd looks often mean nothing [E]."""


@dataclass(slots=True, eq=False, kw_only=True)
class Sighting:
    """One of them, while it lasts."""

    number: int
    kind: IncidentKind
    what: str
    since_s: float
    last_s: float
    """When a sign of it was seen last."""
    key: Key = ()
    common: Key = ()
    """The traits that all cars of the cohort share."""
    failed: int = 0
    total: int = 0
    elsewhere_failed: int = 0
    elsewhere_total: int = 0
    expected: float = 0.0
    sure: float = 1.0
    cars: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    examples: deque[str] = field(default_factory=lambda: deque(maxlen=EXAMPLES))
    diagnosed: dict[str, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    """The diagnoses of unlocks of these cars, by attempt."""
    mode: str | None = None
    """The mode of the sighting itself, if no unlock shows it."""
    is_over: bool = False
    is_new: bool = True
    is_changed: bool = True

    def note(
        self, now_s: float, *, car: str = "", customer: str | None = None, example: str = ""
    ) -> None:
        """Note another sign of it."""
        self.last_s = now_s
        self.is_changed = True
        if car and len(self.cars) < MOST_KEPT:
            self.cars.add(car)
        if customer is not None and len(self.customers) < MOST_KEPT:
            self.customers.add(customer)
        if example and example not in self.examples:
            self.examples.append(example)

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Handle a diagnosis of an unlock of one of its cars; a good unlock says nothing of it."""
        if diagnosis.cause is None:
            return
        is_known = diagnosis.attempt_id in self.diagnosed
        if diagnosis.vehicle_id in self.cars and (is_known or len(self.diagnosed) < MOST_DIAGNOSED):
            self.diagnosed[diagnosis.attempt_id] = modes_of(diagnosis)
            self.is_changed = True

    def finding(self, now_s: float, unix_offset_s: float) -> Finding:
        """Return what is known of it now."""
        modes, diagnosed = summed(self.diagnosed.values()), len(self.diagnosed)
        by_itself = self.what if self.what in MODES else None if diagnosed else self.mode
        if by_itself is not None:
            modes, diagnosed = Counter({by_itself: 1}), 1
        else:
            diagnosed = max(diagnosed, min(len(self.cars), LEAST_DIAGNOSED))
        # All but odd traffic goes on without further signs until it is over.
        seen_s = self.last_s if self.kind is IncidentKind.SUSPICIOUS else now_s
        return Finding(
            number=self.number,
            kind=self.kind,
            what=self.what,
            at=round(now_s + unix_offset_s, 3),
            since=round(self.since_s + unix_offset_s, 3),
            last_at=round(seen_s + unix_offset_s, 3),
            cohort=named(self.key),
            common=named(self.common or self.key),
            failed=self.failed,
            total=self.total,
            elsewhere_failed=self.elsewhere_failed,
            elsewhere_total=self.elsewhere_total,
            expected=self.expected,
            sure=self.sure,
            customers=frozenset(self.customers),
            cars=frozenset(self.cars),
            examples=tuple(reversed(self.examples)),
            modes=modes,
            diagnosed=diagnosed,
            is_over=self.is_over,
        )


def modes_of(diagnosis: Diagnosis) -> tuple[tuple[str, float], ...]:
    """Return the likeliest modes of an unlock with their probabilities."""
    return tuple((one.mode, one.probability) for one in diagnosis.modes[:MODES_KEPT])


def summed(diagnosed: Iterable[tuple[tuple[str, float], ...]]) -> Counter[str]:
    """Return how many unlocks have which mode, each with its probabilities."""
    modes: Counter[str] = Counter()
    for of_one in diagnosed:
        for mode, probability in of_one:
            modes[mode] += probability  # type: ignore[assignment]
    return modes
