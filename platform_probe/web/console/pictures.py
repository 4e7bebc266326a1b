"""Geometry of the pictures: bars of hops, curves of growth and of voltage, in units of a viewBox.

Pictures carry no words: these stand beside them as text, so that they can be read at any width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fleet_wire.contract.attempt import Stage
from platform_probe.support.rows import Row
from platform_probe.support.timeline import missing_stage

WIDE: Final = 1_000.0
HIGH: Final = 200.0
LEAST: Final = 4.0
"""A bar of no length is drawn as wide as that."""
MOST_POINTS: Final = 400


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of an unlock: from the stage before it to its own."""

    stage: str
    from_s: float
    until_s: float
    kind: str
    """How it is drawn: `reached`, `longest`, or `missing` for the one waited for in vain."""
    x: float
    width: float

    @property
    def took_s(self) -> float:
        """Its length, seconds."""
        return self.until_s - self.from_s


def hops_of(attempt: Row) -> list[Hop]:
    """Return the hops of an unlock in order of time, the missing one last."""
    stages = [stage for stage in Stage if stage is not Stage.INTENDED]
    reached = sorted(
        (attempt[f"{stage}_s"], stages.index(stage), stage)
        for stage in stages
        if attempt[f"{stage}_s"] is not None
    )
    spans: list[tuple[str, float, float, str]] = []
    before_s = 0.0
    for at_s, _, stage in reached:
        spans.append((stage.value, before_s, max(at_s, before_s), "reached"))
        before_s = max(at_s, before_s)
    missing = missing_stage(attempt)
    if missing is not None:
        missed_s = max(_before(attempt, missing), 0.0)
        spans.append((missing.value, missed_s, max(attempt["total_s"], missed_s), "missing"))
    whole_s = max([attempt["total_s"], *(span[2] for span in spans)]) or 1.0
    longest = max((span[2] - span[1] for span in spans), default=0.0)
    return [
        Hop(
            stage,
            from_s,
            until_s,
            "longest" if kind == "reached" and until_s - from_s == longest else kind,
            _within(WIDE * from_s / whole_s, WIDE - LEAST),
            max(WIDE * (until_s - from_s) / whole_s, LEAST),
        )
        for stage, from_s, until_s, kind in spans
    ]


def _before(attempt: Row, missing: Stage) -> float:
    """Return when the last stage before a missing one was reached, seconds; the answer aside."""
    aside = {Stage.INTENDED, Stage.API_ANSWERED}
    stages: list[Stage] = [each for each in Stage if each not in aside]
    before = stages[: stages.index(missing)]
    return max((attempt[f"{each}_s"] or 0.0 for each in before), default=0.0)


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, as the path of an SVG, and what stands at its axes."""

    path: str
    area: str
    least: float
    most: float
    first_s: float
    last_s: float
    points: Sequence[tuple[float, float | None]]
    """(Unix seconds, value); None: not known yet, and not drawn."""


def curve_of(
    points: Sequence[tuple[float, float]], *, steps: bool = False, from_zero: bool = False
) -> Curve | None:
    """Return a curve through (Unix seconds, value); None for fewer than two points.

    With `steps` a value holds until the next one. Of too many points some are left out.
    """
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    every = -(-len(points) // MOST_POINTS)
    drawn = [*points[::every]]
    if drawn[-1] != points[-1]:
        drawn.append(points[-1])
    values = [value for _, value in drawn]
    least, most = (0.0 if from_zero else min(values)), max(values)
    first_s, last_s = drawn[0][0], drawn[-1][0]
    span_s, height = (last_s - first_s) or 1.0, (most - least) or 1.0
    path, before_y = "", 0.0
    for at_s, value in drawn:
        x, y = WIDE * (at_s - first_s) / span_s, HIGH - HIGH * (value - least) / height
        if not path:
            path = f"M{x:.1f} {y:.1f}"
        else:
            path += f"L{x:.1f} {before_y:.1f}" if steps else ""
            path += f"L{x:.1f} {y:.1f}"
        before_y = y
    area = f"{path}L{WIDE:.1f} {HIGH:.1f}L0 {HIGH:.1f}Z"
    return Curve(path, area, least, most, first_s, last_s, drawn)


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a whole as a bar, with the interval in which it is known."""

    percent: float
    width: float
    low: float
    high: float


def share_of(hits: int, tries: int) -> Share | None:
    """Return a share with Wilson's interval, 95 %; None where there were no tries."""
    if tries <= 0:
        return None
    z2 = 1.959964**2  # of 95 % of a normal distribution
    middle = (hits + z2 / 2) / (tries + z2)
    half = (z2**0.5) * ((hits * (tries - hits) / tries + z2 / 4) ** 0.5) / (tries + z2)
    return Share(
        100 * hits / tries,
        WIDE * hits / tries,
        WIDE * max(middle - half, 0.0),
        WIDE * min(middle + half, 1.0),
    )


def _within(value: float, most: float) -> float:
    return max(0.0, min(value, most))
