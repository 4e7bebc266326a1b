"""Two runs side by side: what differs, by how much, and whether that could be chance.

Judged are the share that opened, of all unlocks and of each part of the fleet that both runs have,
the share that opened late, and the time to open. All these intervals hold together with
`CONFIDENCE`: each has a smaller chance of error, that of all divided by their number (Bonferroni).
So two runs of the same release are called different in one comparison of twenty at most, however
many parts there are. Causes are shown beside it and not judged: they say why.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from fleet_sim.results.summary import JsonLines, read_json
from fleet_sim.results.times import opens_after_s
from fleet_sim.results.uncertainty import Estimate, difference, share, time, z_of
from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError

CONFIDENCE = 0.95
PERCENTS = (50, 95)
"""Quantiles of the time to open that are judged."""


class Change(StrEnum):
    """What a difference means for a customer."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    """It could be chance."""


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run that has ended, as far as it is compared."""

    directory: Path
    summary: Mapping[str, Any]
    manifest: Mapping[str, Any]
    opens_s: Sequence[float]
    """Seconds to an open door of each unlock, ascending; infinite where it stayed shut."""

    @property
    def unlocks(self) -> int:
        """How many unlocks there were."""
        total: int = self.summary["attempts"]["total"]
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One number of both runs. Shares are from 0 to 1, times in seconds."""

    key: str
    """The key in `summary.json`."""
    is_time: bool = False
    is_judged: bool = True
    more_is_better: bool = False
    a: Estimate
    b: Estimate

    @property
    def estimate(self) -> Estimate | None:
        """B - A, with its interval; None where the time is reached in neither run."""
        return difference(self.a, self.b)

    @property
    def change(self) -> Change:
        """Whether B is worse or better, beyond chance."""
        estimate = self.estimate
        if estimate is None or estimate.limits.low <= 0 <= estimate.limits.high:
            return Change.SAME
        is_more = estimate.limits.low > 0
        return Change.BETTER if is_more is self.more_is_better else Change.WORSE


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs compared."""

    a: ComparedRun
    b: ComparedRun
    differences: list[Difference]
    interval_confidence: float
    """Of each interval by itself."""

    @property
    def judged(self) -> list[Difference]:
        """What the verdict rests on."""
        return [each for each in self.differences if each.is_judged]

    @property
    def verdict(self) -> Change:
        """Whether B is worse in anything; if not, whether it is better in something."""
        changes = {each.change for each in self.judged}
        order = (Change.WORSE, Change.BETTER)
        return next((change for change in order if change in changes), Change.SAME)


def read_compared_run(path: Path) -> ComparedRun:
    """Return the run in a directory, or that of a file in it. Raises `ConfigError`."""
    if not path.exists():
        raise ConfigError([f"{path}: no such directory"])
    directory = path if path.is_dir() else path.parent
    summary = read_json(directory / "summary.json")
    if not isinstance(summary.get("attempts"), dict):
        raise ConfigError([f"{path}: not the directory of a run that has ended: no summary.json"])
    opens_s = array("d")
    for attempt in JsonLines(directory / "attempts.jsonl", Attempt):
        if attempt.source is not Source.FLOOR and attempt.has_times:
            opens_s.append(opens_after_s(attempt.outcome, attempt.total_s))
    if not opens_s:
        raise ConfigError([f"{path}: no unlock in attempts.jsonl, so there is nothing to compare"])
    return ComparedRun(directory, summary, read_json(directory / "manifest.json"), sorted(opens_s))


def compare_runs(a: ComparedRun, b: ComparedRun) -> Comparison:
    """Return what differs from A to B."""
    parts = list(_shared_parts(a, b))
    judged = 1 + _has_late_unlocks(a, b) + len(PERCENTS) + len(parts)
    confidence = 1 - (1 - CONFIDENCE) / judged
    z = z_of(confidence)
    differences = [
        _of_shares("attempts.ok_share", _opened(a), _opened(b), z, more_is_better=True),
        *(
            _of_shares(f"{key}.ok_share", _of_part(one), _of_part(other), z, more_is_better=True)
            for key, one, other in parts
        ),
        *_late_unlocks(a, b, z),
        *_times(a, b, z),
        *_causes(a, b, z),
    ]
    return Comparison(a, b, differences, confidence)


Count = tuple[int, int]
"""How many, and of how many."""


def _of_shares(
    key: str, a: Count, b: Count, z: float, *, more_is_better: bool = False, is_judged: bool = True
) -> Difference:
    return Difference(
        key=key,
        a=share(*a, z),
        b=share(*b, z),
        more_is_better=more_is_better,
        is_judged=is_judged,
    )


def _opened(run: ComparedRun) -> Count:
    return run.summary["attempts"]["by_outcome"]["ok"], run.unlocks


def _has_late_unlocks(*runs: ComparedRun) -> bool:
    """Return whether all say how many opened late; older runs do not."""
    return all("late_unlock" in run.summary["stray"] for run in runs)


def _late_unlocks(a: ComparedRun, b: ComparedRun, z: float) -> Iterator[Difference]:
    if _has_late_unlocks(a, b):
        of_a, of_b = (
            (min(run.summary["stray"]["late_unlock"], run.unlocks), run.unlocks) for run in (a, b)
        )
        yield _of_shares("stray.late_unlock", of_a, of_b, z)


def _times(a: ComparedRun, b: ComparedRun, z: float) -> Iterator[Difference]:
    for percent in PERCENTS:
        yield Difference(
            key=f"unlock.p{percent}_s",
            is_time=True,
            a=time(a.opens_s, percent, z),
            b=time(b.opens_s, percent, z),
        )


def _shared_parts(
    a: ComparedRun, b: ComparedRun
) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each part in which both runs had unlocks, of kinds that have several.

    A part with the numbers of one of another kind is the same groups again, and left out.
    """
    seen: list[Any] = []
    for name, of_a in a.summary.get("by", {}).items():
        of_b = b.summary.get("by", {}).get(name, {})
        shared = [(label, of_a[label], of_b[label]) for label in of_a if label in of_b]
        new = [
            (f"by.{name}.{label}", *both)
            for label, *both in shared
            if both not in seen and all(part["total"] for part in both)
        ]
        if max(len(of_a), len(of_b)) > 1:
            yield from new
            seen += [both for _, *both in new]


def _of_part(part: Mapping[str, Any]) -> Count:
    return part["total"] - sum(part["by_cause"].values()), part["total"]


def _causes(a: ComparedRun, b: ComparedRun, z: float) -> Iterator[Difference]:
    for cause in Cause:
        of_a, of_b = (run.summary["attempts"]["by_cause"].get(cause, 0) for run in (a, b))
        if of_a or of_b:
            key = f"attempts.by_cause.{cause.value}"
            yield _of_shares(key, (of_a, a.unlocks), (of_b, b.unlocks), z, is_judged=False)


def setups(a: ComparedRun, b: ComparedRun) -> dict[str, tuple[Any, Any]]:
    """Return in what the two runs were set up differently: keys of the scenario, mode and seed."""
    of_a, of_b = dict(_setup(a.manifest)), dict(_setup(b.manifest))
    keys = [*of_a, *(key for key in of_b if key not in of_a)]
    return {key: (of_a.get(key), of_b.get(key)) for key in keys if of_a.get(key) != of_b.get(key)}


def _setup(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in ("mode", "seed", "code"):
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
        "verdict": comparison.verdict.value,
        "confidence": CONFIDENCE,
        "interval_confidence": comparison.interval_confidence,
        "setups": {key: list(values) for key, values in setups(comparison.a, comparison.b).items()},
        "differences": [_entry(each) for each in comparison.differences],
    }


def _entry(each: Difference) -> dict[str, Any]:
    estimate = each.estimate
    return {
        "key": each.key,
        "judged": each.is_judged,
        "change": each.change.value,
        "a": _finite(each.a.value),
        "b": _finite(each.b.value),
        "difference": None if estimate is None else _finite(estimate.value),
        "low": None if estimate is None else _finite(estimate.limits.low),
        "high": None if estimate is None else _finite(estimate.limits.high),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
