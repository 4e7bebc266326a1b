"""Something found that is no share of unlocks: a wave, a silence, blindness, odd traffic."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from fleet_wire.contract.incident import IncidentKind
from fleet_wire.modes.catalogue import MODES
from platform_probe.detection.finding import Finding
from platform_probe.detection.traits import Key, named

EXAMPLES: Final = 10
MOST_KEPT: Final = 10_000


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
    detail: str = ""
    failed: int = 0
    total: int = 0
    expected: float = 0.0
    sure: float = 1.0
    cars: set[str] = field(default_factory=set)
    customers: set[str] = field(default_factory=set)
    examples: deque[str] = field(default_factory=lambda: deque(maxlen=EXAMPLES))
    is_over: bool = False
    is_new: bool = True
    is_changed: bool = True

    def note(
        self, now_s: float, *, car: str = "", customer: str | None = None, example: str = ""
    ) -> None:
        """Take another sign of it."""
        self.last_s = now_s
        self.is_changed = True
        if car and len(self.cars) < MOST_KEPT:
            self.cars.add(car)
        if customer is not None and len(self.customers) < MOST_KEPT:
            self.customers.add(customer)
        if example and example not in self.examples:
            self.examples.append(example)

    def finding(self, now_s: float, unix_offset_s: float) -> Finding:
        """Return what is known of it now."""
        return Finding(
            number=self.number,
            kind=self.kind,
            what=self.what,
            at=round(now_s + unix_offset_s, 3),
            since=round(self.since_s + unix_offset_s, 3),
            cohort=named(self.key),
            failed=self.failed,
            total=self.total,
            expected=self.expected,
            sure=self.sure,
            customers=frozenset(self.customers),
            cars=frozenset(self.cars),
            examples=tuple(reversed(self.examples)),
            modes={self.what: 1.0} if self.what in MODES else {},
            diagnosed=int(self.what in MODES),
            detail=self.detail,
            is_over=self.is_over,
        )
