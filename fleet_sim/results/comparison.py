"""Two runs side by side: what differs, by how much, and whether that could be chance.

The verdict uses the share that opened, the share that opened late, and the time to open. It covers
all unlocks, and each part of the fleet that both runs have. All these intervals hold together with
`CONFIDENCE`: each has a smaller chance of error, that of all divided by their number (Bonferroni).
So two runs of the same release are called different in one comparison of twenty at most, however
many parts there are. Causes are shown beside it and not judged: they say why.

A failed unlock counts as slower than all that opened. If a quantile of the time to open lies among
the failures of both runs, a lower one replaces it, see `judged_percent`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from fleet_sim.results.summary import Attempts, read_json
from fleet_sim.results.times import opens_after_s, quantile
from fleet_sim.results.uncertainty import Estimate, difference, share, time, z_of
from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError

CONFIDENCE = 0.95
PERCENTS = (50, 95)
"""Quantiles of the time to open that are judged."""


class Change(StrEnum):
    """The meaning of a difference for a customer."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    """It could be chance."""


Count = Annotated[int, msgspec.Meta(ge=0)]
Share = tuple[int, int]
"""How many, and of how many."""


class Tolerance(NamedTuple):
    """The largest difference that is of no concern, however sure it is."""

    share: float = 0.0
    """From 0 to 1."""
    time_s: float = 0.0


NOTHING_TOLERATED = Tolerance()


class Unlocks(msgspec.Struct, frozen=True):
    """How some unlocks ended, as `summary.json` has it."""

    total: Count
    by_cause: dict[str, Count]

    @property
    def opened_share(self) -> Share:
        """How many opened: those without a cause."""
        return max(self.total - sum(self.by_cause.values()), 0), self.total

    def ended_by(self, cause: str) -> Share:
        """How many ended by a cause."""
        return min(self.by_cause.get(cause, 0), self.total), self.total


class ComparedSummary(msgspec.Struct, frozen=True):
    """What is compared of a `summary.json`; older ones have no parts and no late unlocks."""

    attempts: Unlocks
    stray: dict[str, Count]
    by: dict[str, dict[str, Unlocks]] = {}

    @property
    def late(self) -> Share | None:
        """How many cars opened after their customer was told no; None where that is not said."""
        late = self.stray.get("late_unlock")
        return None if late is None else (min(late, self.attempts.total), self.attempts.total)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run that has ended, as far as it is compared."""

    directory: Path
    summary: ComparedSummary
    manifest: Mapping[str, Any]
    opens_s: Sequence[float]
    """Seconds to an open door of each unlock, ascending; infinite where it stayed shut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One number of both runs. Shares are from 0 to 1, times in seconds."""

    key: str
    """The key in `summary.json`."""
    is_time: bool = False
    is_judged: bool = True
    more_is_better: bool = False
    percent: int | None = None
    """The quantile that the verdict uses, for a time."""
    wanted_percent: int | None = None
    """The quantile that was wanted, for a time."""
    tolerated: float = 0.0
    """A difference up to here is of no concern."""
    a: Estimate
    b: Estimate

    @property
    def estimate(self) -> Estimate | None:
        """B - A, with its interval; None where the time is reached in neither run."""
        return difference(self.a, self.b)

    @property
    def change(self) -> Change:
        """Whether B is worse or better, beyond chance and by more than is tolerated."""
        estimate = self.estimate
        if estimate is None:
            return Change.SAME
        is_more = estimate.limits.low > self.tolerated
        if not is_more and estimate.limits.high >= -self.tolerated:
            return Change.SAME
        return Change.BETTER if is_more is self.more_is_better else Change.WORSE


@dataclass(frozen=True, slots=True)
class Judgement:
    """Differences between two results, with a verdict."""

    differences: list[Difference]
    interval_confidence: float
    """The confidence of each interval by itself."""

    @property
    def judged(self) -> list[Difference]:
        """The differences that the verdict uses."""
        return [each for each in self.differences if each.is_judged]

    @property
    def verdict(self) -> Change:
        """Whether B is worse in anything; if not, whether it is better in something."""
        changes = {each.change for each in self.judged}
        order = (Change.WORSE, Change.BETTER)
        return next((change for change in order if change in changes), Change.SAME)


@dataclass(frozen=True, slots=True)
class Comparison(Judgement):
    """Two runs compared."""

    a: ComparedRun
    b: ComparedRun


def read_compared_run(path: Path) -> ComparedRun:
    """Return the run in a directory, or that of a file in it. Raises `ConfigError`."""
    if not path.exists():
        raise ConfigError([f"{path}: no such directory"])
    directory = path if path.is_dir() else path.parent
    opens_s = array("d")
    for attempt in Attempts(directory / "attempts.jsonl"):
        if attempt.source is not Source.FLOOR and attempt.has_times:
            opens_s.append(opens_after_s(attempt.outcome, attempt.total_s))
    summary = _read_summary(directory / "summary.json")
    if not opens_s or not summary.attempts.total:
        raise ConfigError([f"{path}: no unlock in attempts.jsonl, so there is nothing to compare"])
    return ComparedRun(directory, summary, read_json(directory / "manifest.json"), sorted(opens_s))


def _read_summary(path: Path) -> ComparedSummary:
    try:
        return msgspec.json.decode(path.read_bytes(), type=ComparedSummary)
    except OSError as error:
        raise ConfigError(
            [f"{path.absolute()}: {error.strerror}; is it the directory of a run that has ended?"]
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: not the summary of a run: {error}"]) from None


def judged_percent(a: Sequence[float], b: Sequence[float], percent: int) -> int:
    """Return which quantile of two runs' ascending times to open is judged for a wanted one.

    It is the wanted one if either run reaches it. Otherwise it is as far up among the unlocks of
    the run that opened fewer: of 80 % that opened, p76 stands for p95.
    """
    if any(quantile(times, percent) is not None for times in (a, b)):
        return percent
    opened = min(sum(map(math.isfinite, times)) / len(times) for times in (a, b))
    return max(math.floor(percent * opened), 1)


def compare_runs(
    a: ComparedRun, b: ComparedRun, *, tolerance: Tolerance = NOTHING_TOLERATED
) -> Comparison:
    """Return what differs from A to B."""
    one, other = a.summary, b.summary
    shares: list[tuple[str, Share, Share]] = [
        ("attempts.ok_share", one.attempts.opened_share, other.attempts.opened_share),
        *_common_fleet_parts(one, other),
    ]
    has_late = one.late is not None and other.late is not None
    judged = len(shares) + has_late + len(PERCENTS)
    confidence = 1 - (1 - CONFIDENCE) / judged
    z = z_of(confidence)
    of_shares = partial(Difference, tolerated=tolerance.share)
    differences = [
        of_shares(key=key, a=share(*of_a, z), b=share(*of_b, z), more_is_better=True)
        for key, of_a, of_b in shares
    ]
    if one.late is not None and other.late is not None:
        late = share(*one.late, z), share(*other.late, z)
        differences.append(of_shares(key="stray.late_unlock", a=late[0], b=late[1]))
    differences += [_times(a, b, percent, z, tolerance) for percent in PERCENTS]
    return Comparison([*differences, *_causes(one, other, z)], confidence, a, b)


def _times(
    a: ComparedRun, b: ComparedRun, wanted: int, z: float, tolerance: Tolerance
) -> Difference:
    percent = judged_percent(a.opens_s, b.opens_s, wanted)
    return Difference(
        key=f"unlock.p{wanted}_s",
        is_time=True,
        percent=percent,
        wanted_percent=wanted,
        tolerated=tolerance.time_s,
        a=time(a.opens_s, percent, z),
        b=time(b.opens_s, percent, z),
    )


def _common_fleet_parts(
    a: ComparedSummary, b: ComparedSummary
) -> Iterator[tuple[str, Share, Share]]:
    """Yield what opened of each part in which both had unlocks, of kinds that have several.

    A part with the numbers of one of another kind is the same groups again, and left out.
    """
    seen: list[tuple[Unlocks, Unlocks]] = []
    for kind, of_a in a.by.items():
        of_b = b.by.get(kind, {})
        if max(len(of_a), len(of_b)) > 1:
            both = {label: (of_a[label], of_b[label]) for label in of_a if label in of_b}
            new = {
                label: pair
                for label, pair in both.items()
                if pair not in seen and all(part.total for part in pair)
            }
            for label, (one, other) in new.items():
                yield f"by.{kind}.{label}.ok_share", one.opened_share, other.opened_share
            seen += new.values()


def _causes(a: ComparedSummary, b: ComparedSummary, z: float) -> Iterator[Difference]:
    for cause in Cause:
        of_a, of_b = a.attempts.ended_by(cause), b.attempts.ended_by(cause)
        if of_a[0] or of_b[0]:
            yield Difference(
                key=f"attempts.by_cause.{cause.value}",
                a=share(*of_a, z),
                b=share(*of_b, z),
                is_judged=False,
            )


def setups(a: ComparedRun, b: ComparedRun) -> dict[str, tuple[Any, Any]]:
    """Return in what the two runs were set up differently: keys of the scenario, mode and seed."""
    of_a, of_b = dict(_setup(a.manifest)), dict(_setup(b.manifest))
    keys = [*of_a, *(key for key in of_b if key not in of_a)]
    return {key: (of_a.get(key), of_b.get(key)) for key in keys if of_a.get(key) != of_b.get(key)}


def _setup(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("mode", "seed", "code", "future"):
        yield from _leaves(manifest.get(key), key)
    scenario = manifest.get("scenario")
    for key, value in (scenario if isinstance(scenario, dict) else {}).items():
        if key not in ("description", "seed", "expect"):
            yield from _leaves(value, key)


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{key}.{number}")
    else:
        yield key, value


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain JSON values; what is infinite is None."""
    return {
        "a": str(comparison.a.directory),
        "b": str(comparison.b.directory),
        "setups": {key: list(values) for key, values in setups(comparison.a, comparison.b).items()},
        **judgement_as_json(comparison),
    }


def judgement_as_json(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as plain JSON values; what is infinite is None."""
    return {
        "verdict": judgement.verdict.value,
        "confidence": CONFIDENCE,
        "interval_confidence": judgement.interval_confidence,
        "differences": [_entry(each) for each in judgement.differences],
    }


def _entry(each: Difference) -> dict[str, Any]:
    estimate = each.estimate
    return {
        "key": each.key,
        "judged": each.is_judged,
        "change": each.change.value,
        "percent": each.percent,
        "tolerated": each.tolerated,
        "a": _finite(each.a.value),
        "b": _finite(each.b.value),
        "difference": None if estimate is None else _finite(estimate.value),
        "low": None if estimate is None else _finite(estimate.limits.low),
        "high": None if estimate is None else _finite(estimate.limits.high),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
