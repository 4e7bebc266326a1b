"""How incidents of a fault are drawn: its part of what a diagnosis is learned from and judged by.

A fault without a `Drawing` is drawn with its defaults, on single cars, each in its own window.
Faults of the platform strike all cars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

Range = tuple[float, float]
"""The lowest and the highest value."""

ANYTHING: Final = ("group", "region", "operator", "firmware", "hardware", "some")
"""All that struck cars may have in common."""
WHO_CALL: Final[Mapping[str, Any]] = {
    "patience": {"base_s": 25, "spread_s": 10},
    "calls_support": 1.0,
    "dials": {"base_s": 5, "spread_s": 5},
}
"""Customers who call support soon."""


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """The needs of a drawn incident so that its fault shows, and its ranges of severity."""

    ranges: Mapping[str, Range | Mapping[str, Range]] = {}
    """Ranges of parameters whose defaults do not show within minutes, or whose severity varies."""
    variants: Sequence[Mapping[str, Any]] = ({},)
    """Kinds of the fault, each as likely as the others; they go over `ranges`."""
    learned_variants: Sequence[Mapping[str, Any]] = ()
    """Other kinds for training incidents, rare ones among them; none: `variants`."""
    strikes_alike: Sequence[str] = ()
    """Traits of which struck cars always share one."""
    may_strike_alike: Sequence[str] = ()
    """Traits of which they may share one, where single cars are struck otherwise."""
    is_in_one_region: bool = False
    """Whether those that it strikes alike are in one region too."""
    needs_sleepers: bool = False
    """Whether it shows on sleeping boxes alone."""
    needs_old_modems: bool = False
    """Whether it shows on modems of an old technology alone."""
    needs_talkers: bool = False
    """Whether it strikes the boxes that report most: some report much more than others."""
    command_ttl_s: float | None = None
    """Life of a command that it needs to show."""
    heartbeat_from_s: int = 0
    """Shortest heartbeat interval of a fleet."""
    keepalive_from_s: int = 0
    """Shortest keepalive of a box."""
    customers: Mapping[str, Any] | None = None
    """Customers, where it shows on customers alone; None: on unlocks over MQTT too."""
    brought_out_by: tuple[str, Mapping[str, Any]] | None = None
    """Another fault with its parameters that brings it out, and harms nobody for long itself."""
    double_taps: float = 0.0
    """Share of customers who tap twice."""


class Draws(Protocol):
    """A source of numbers: a random stream, or one that goes through a range step by step."""

    def between(self, low: float, high: float) -> float:
        """Return a number from `low` on and below `high`."""
        ...


def drawn_from(span: Range, stream: Draws, *, wider: float) -> float:
    """Draw a number of a range, or of one that is wider by a share of its width at both ends.

    A share of a whole stays one, and nothing falls to half of the range's lower end.
    """
    low, high = span
    more = wider * (high - low)
    value = stream.between(max(low - more, low / 2), high + more)
    return min(value, 1.0) if high <= 1.0 else value
