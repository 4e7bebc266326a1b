"""Every mode, injected in virtual time: a mode that is no longer named is noticed here."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bench.score.cases import RunCases, run_all
from bench.score.figures import figures_of, is_among
from bench.score.incidents import Incident, scored_faults

pytestmark = pytest.mark.long

SEEDS = (1_002, 1_003, 1_004, 1_005)
"""Nobody has tuned with them. Where a fault does not show on the first, the next is tried: not
every small fleet has cars that it can harm."""
LEAST_FIRST = 0.8


def test_modes_are_named() -> None:
    """Each is among the first three in at least half of its unlocks, and most are first."""
    runs = dict[str, RunCases]()
    for seed in SEEDS:
        unseen = [slug for slug in scored_faults() if slug not in runs]
        done = run_all((Incident((slug,), seed, is_short=True) for slug in unseen), jobs=2)
        for run in _without_errors(done):
            if any(case.labels for case in run.cases):
                runs[run.faults[0]] = run
    named = {slug for slug, run in runs.items() if _is_named(run)}
    assert named == set(scored_faults())
    healthy = _without_errors(run_all([Incident((), SEEDS[0], is_short=True)], jobs=1))
    figures = figures_of([*runs.values(), *healthy], None)
    assert figures["single"]["top1"] >= LEAST_FIRST
    assert figures["healthy_named"] <= figures["healthy"] / 1_000


def _is_named(run: RunCases) -> bool:
    cases = [case for case in run.cases if case.labels]
    return 2 * sum(is_among(case, case.last, 3) for case in cases) >= len(cases)


def _without_errors(runs: Iterable[RunCases]) -> list[RunCases]:
    listed = [*runs]
    assert [run.error for run in listed if run.error] == []
    return listed
