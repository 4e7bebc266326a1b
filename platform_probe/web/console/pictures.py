"""Geometry of the pictures: bars of hops, curves of growth and of voltage, in units of a viewBox.

Shapes stretch with the page. Words stand at places in percent, so that they do not stretch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from fleet_wire.contract.attempt import Stage
from platform_probe.tell.support.rows import Row
from platform_probe.tell.support.timeline import missing_stage

WIDE: Final = 1_000.0
HIGH: Final = 200.0
LEAST: Final = 4.0
"""A bar of no length is drawn as wide as that."""
MOST_POINTS: Final = 400
VALUE_TICKS: Final = 4
"""The most steps of an axis of values."""
TIME_TICKS: Final = 6
"""The most steps of an axis of times: their labels fit on a telephone."""
_MINUTE_S: Final = 60
_DAY_S: Final = 86_400
_TIME_STEPS_S: Final = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400, 172_800, 604_800, 1_209_600, 2_592_000,
)  # fmt: skip


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
        missed_s = max(_last_stage_before(attempt, missing), 0.0)
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


def _last_stage_before(attempt: Row, missing: Stage) -> float:
    """Return when the last stage before a missing one was reached, seconds; the answer aside."""
    aside = {Stage.INTENDED, Stage.API_ANSWERED}
    stages: list[Stage] = [each for each in Stage if each not in aside]
    before = stages[: stages.index(missing)]
    return max((attempt[f"{each}_s"] or 0.0 for each in before), default=0.0)


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis: its label, and where it stands, percent of the axis."""

    label: str
    percent: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points, as the path of an SVG, and what stands at its axes."""

    path: str
    area: str
    first_s: float
    last_s: float
    points: Sequence[tuple[float, float | None]]
    """(Unix seconds, value); None: not known yet, and not drawn."""
    value_ticks: Sequence[Tick]
    """Those of the axis of values, the lowest first; percent from the top."""

    def time_ticks(self, zone: tzinfo) -> Sequence[Tick]:
        """Return the ticks of the axis of times at round times of a zone."""
        span_s = self.last_s - self.first_s
        if span_s <= 0:
            return ()
        fits = (each for each in _TIME_STEPS_S if span_s <= TIME_TICKS * each)
        step_s = next(fits, _TIME_STEPS_S[-1])
        form = "%H:%M:%S" if step_s < _MINUTE_S else "%H:%M" if step_s < _DAY_S else "%d.%m."
        midnight = datetime.fromtimestamp(self.first_s, zone).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        first = math.ceil((self.first_s - midnight.timestamp()) / step_s)
        ticks = []
        for number in range(first, first + TIME_TICKS + 1):
            at = midnight + timedelta(seconds=number * step_s)
            if at.timestamp() <= self.last_s:
                percent = 100 * (at.timestamp() - self.first_s) / span_s
                ticks.append(Tick(at.strftime(form), percent))
        return ticks


def curve_of(
    points: Sequence[tuple[float, float]], *, steps: bool = False, from_zero: bool = False
) -> Curve | None:
    """Return a curve through (Unix seconds, value); None for fewer than two points.

    With `steps` a value holds until the next one. Surplus points are left out.
    """
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    every = -(-len(points) // MOST_POINTS)
    drawn = [*points[::every]]
    if drawn[-1] != points[-1]:
        drawn.append(points[-1])
    values = [value for _, value in drawn]
    is_whole = all(value == int(value) for value in values)
    low, high = (0.0 if from_zero else min(values)), max(values)
    step = _round_step(high - low, is_whole=is_whole)
    least, most = math.floor(low / step) * step, math.ceil(high / step) * step
    if most == least:
        most += step
    first_s, last_s = drawn[0][0], drawn[-1][0]
    span_s, height = (last_s - first_s) or 1.0, most - least
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
    steps_up = round(height / step)
    ticks = [
        Tick(f"{least + number * step:.6g}", 100 - 100 * number / steps_up)
        for number in range(steps_up + 1)
    ]
    return Curve(path, area, first_s, last_s, drawn, ticks)


def _round_step(height: float, *, is_whole: bool) -> float:
    """Return a step of 1, 2 or 5 times a power of ten, of which few are as high as that."""
    if height <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(height / VALUE_TICKS))
    step = next(each * power for each in (1, 2, 5, 10) if height <= VALUE_TICKS * each * power)
    return max(step, 1.0) if is_whole else step


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often what was said with a probability is right: points, and the same ticks on both axes.

    On the diagonal the two are equal.
    """

    path: str
    dots: Sequence[tuple[float, float, int]]
    """Percent from the left and from the top, and the number of labels."""
    ticks: Sequence[Tick]


def reliability_of(points: Sequence[tuple[float, float, int]]) -> Reliability | None:
    """Return a picture of (probability said, share right, labels); None without points."""
    if not points:
        return None
    dots = [(100 * said, 100 - 100 * right, labels) for said, right, labels in points]
    path = "L".join(f"{WIDE * x / 100:.1f} {HIGH * y / 100:.1f}" for x, y, _ in dots)
    return Reliability(f"M{path}", dots, [Tick(f"{each}", each) for each in range(0, 101, 25)])


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
