"""Summarize many incidents: the figures under `detection` in `score.json`, and their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any, Final

from bench.score.detection import IncidentOutcome, QuietDay
from bench.score.towns import NOTICE_HELD_OUT_SEEDS
from fleet_wire.modes.catalogue import MODES

ENOUGH: Final = 5
"""Customers, or cars where nobody stands: fewer are no incident of the fleet."""


def figures_of(noticed: Sequence[IncidentOutcome]) -> dict[str, Any]:
    """Return the figures of incidents that were noticed, or were not."""
    done = [one for one in noticed if one.error is None]
    large = [one for one in done if is_large(one)]
    called = [one for one in large if one.first_call_at is not None]
    knowable = [one for one in called if is_knowable(one)]
    in_time = [one for one in called if is_in_time(one)]
    found = [one for one in large if one.opened]
    told = [one for one in done if one.faults and one.opened]
    healthy = [one for one in done if not one.faults]
    ratios = [one.unlocks / one.bound for one in found if one.bound and one.unlocks is not None]
    return {
        "before_first_call": _share(sum(one in in_time for one in knowable), len(knowable)),
        "before_first_call_of_all": _share(len(in_time), len(called)),
        "found": _share(len(found), len(large)),
        "delay_over_bound_in_runs": round(mean(ratios), 3) if ratios else None,
        "messages_per_problem": _share(sum(one.opened for one in told), len(told)),
        "title_cause": _share(sum(one.is_right for one in found), len(found)),
        "runs": {
            "incidents": len(large),
            "with_a_call": len(called),
            "called_before_it_could_be_known": len(called) - len(knowable),
            "of_these_told_before": sum(one in in_time for one in called if one not in knowable),
            "small": len(done) - len(large) - len(healthy),
            "healthy": len(healthy),
            "healthy_with_an_incident": sum(bool(one.opened) for one in healthy),
            "not_run": [f"{one.incident}: {one.error}" for one in noticed if one.error is not None],
        },
        "seeds": {
            "held_out": f"from {NOTICE_HELD_OUT_SEEDS}",
            "scored": sorted({one.incident.rpartition("/")[2] for one in done}),
        },
        "by_mode": {slug: row for slug in MODES if (row := _row(slug, done)) is not None},
        "late": [one.incident for one in knowable if one not in in_time],
        "not_found": [one.incident for one in large if not one.opened],
        "wrong_title": [f"{one.incident}: {one.title}" for one in found if not one.is_right],
        "several": [f"{one.incident}: {one.opened}" for one in told if one.opened > 1],
    }


def quiet_figures(days: Sequence[QuietDay], towns: Mapping[str, Any]) -> dict[str, Any]:
    """Return how often healthy days brought an alert: these, and those of `bench.detection`."""
    done = [one for one in days if one.error is None]
    alerts = sum(len(one.titles) for one in done)
    all_days = len(done) + towns.get("healthy_days", 0.0)
    all_alerts = alerts + towns.get("alerts", 0)
    return {
        "healthy_days": round(all_days, 1),
        "alerts": all_alerts,
        "false_alerts_per_30_days": round(all_alerts * 30.0 / all_days, 3) if all_days else None,
        "whole_model": {
            "days": len(done),
            "unlocks": sum(one.unlocks for one in done),
            "alerts": alerts,
            "titles": [f"{one.seed}: {title}" for one in done for title in one.titles],
            "not_run": [f"{one.seed}: {one.error}" for one in days if one.error is not None],
        },
    }


def is_large(one: IncidentOutcome) -> bool:
    """Return whether it harmed so many that it is an incident of the fleet."""
    return bool(one.faults) and one.harmed >= ENOUGH


def is_knowable(one: IncidentOutcome) -> bool:
    """Return whether a test could have known before the first call."""
    return _precedes(one.knowable_at, one.first_call_at)


def is_in_time(one: IncidentOutcome) -> bool:
    """Return whether an alert came before the first call."""
    return _precedes(one.opened_at, one.first_call_at)


def table_of(figures: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each mode."""
    yield (
        f"{'mode':34}{'large':>6}{'found':>6}{'called':>7}{'of these known':>15}{'told':>6}"
        f"{'early':>6}{'unlocks':>8}{'bound':>6}{'s':>6}{'title':>6}"
    )
    for slug, row in figures["by_mode"].items():
        yield (
            f"{slug:34}{row['large']:6}{row['found']:6}{row['called']:7}{row['knowable']:15}"
            f"{row['in_time']:6}{row['early']:6}{_number(row['unlocks']):>8}"
            f"{_number(row['bound']):>6}{_number(row['seconds']):>6}{row['right']:6}"
        )


def _row(slug: str, noticed: Sequence[IncidentOutcome]) -> dict[str, Any] | None:
    """Return what came of the incidents of one mode; None where there were none."""
    mine = [one for one in noticed if one.faults == (slug,)]
    if not mine:
        return None
    large = [one for one in mine if is_large(one)]
    called = [one for one in large if one.first_call_at is not None]
    knowable = [one for one in called if is_knowable(one)]
    compared = [one for one in large if one.bound and one.unlocks is not None]
    seconds = [
        one.opened_at - one.first_hit_at
        for one in large
        if one.opened_at is not None and one.first_hit_at is not None
    ]
    return {
        "runs": len(mine),
        "large": len(large),
        "found": sum(bool(one.opened) for one in large),
        "called": len(called),
        "knowable": len(knowable),
        "in_time": sum(map(is_in_time, knowable)),
        "early": sum(is_in_time(one) for one in called if one not in knowable),
        "unlocks": _mean([one.unlocks or 0 for one in compared]),
        "bound": _mean([one.bound or 0 for one in compared]),
        "seconds": _mean(seconds),
        "right": sum(one.is_right for one in large),
        "small_and_found": sum(bool(one.opened) for one in mine if one not in large),
    }


def _mean(numbers: Sequence[float]) -> float | None:
    return round(mean(numbers), 1) if numbers else None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _precedes(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one <= other


def _share(part: float, total: float) -> float | None:
    return round(part / total, 4) if total else None
