"""The figures of a score: how often the right mode was named, and how sure one may be of it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from bench.score.cases import LabelledCase, RunCases, TimedDiagnosis
from bench.score.incidents import Loss
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource, Fact
from fleet_wire.modes.lookalikes import WIRES, alike_on, class_of, number_of_classes

BINS: Final = 10
THREE: Final = 3


def names_right_mode(case: LabelledCase, named: str, said: TimedDiagnosis) -> bool:
    """Return whether a mode, or one that looks the same from what was told, touched the unlock."""
    return not equivalent_modes(named, said).isdisjoint(case.labels)


def equivalent_modes(named: str, said: TimedDiagnosis) -> frozenset[str]:
    """Return the modes that count as one with this one, where these sources were there."""
    return class_of(named, frozenset(map(EvidenceSource, said.told))).slugs


def is_among(case: LabelledCase, said: TimedDiagnosis | None, first: int) -> bool:
    """Return whether the right mode, or one that looks the same, is among the first ones."""
    return said is not None and any(
        names_right_mode(case, name, said) for name, _ in said.modes[:first]
    )


def is_named(case: LabelledCase, said: TimedDiagnosis | None, first: int) -> bool:
    """Return whether the right mode itself is among the first ones."""
    return said is not None and any(name in case.labels for name, _ in said.modes[:first])


def share_of(cases: Sequence[LabelledCase], holds: Callable[[LabelledCase], bool]) -> float | None:
    """Return the share of incidents for which something holds; each counts once.

    An incident of many unlocks holds to the share of them for which it does.
    """
    by_incident: defaultdict[str, list[bool]] = defaultdict(list)
    for case in cases:
        by_incident[case.incident].append(holds(case))
    if not by_incident:
        return None
    shares = [sum(each) / len(each) for each in by_incident.values()]
    return round(sum(shares) / len(shares), 4)


def cause_is_right(case: LabelledCase, said: TimedDiagnosis | None) -> bool:
    """Return whether the cause of the record is one that the mode has."""
    cause = said.cause if said is not None else case.cause
    return any((Cause(cause) if cause else None) in MODES[label].causes for label in case.labels)


def single_figures(cases: Sequence[LabelledCase]) -> dict[str, Any]:
    """Return the figures of incidents with one fault each."""
    failed = [case for case in cases if case.outcome != "ok"]
    return {
        "incidents": len({case.incident for case in cases}),
        "attempts": len(cases),
        "single": {
            "top1": share_of(cases, lambda case: is_among(case, case.last, 1)),
            "top3": share_of(cases, lambda case: is_among(case, case.last, THREE)),
            "top1_by_attempt": _plain_share(cases, lambda case: is_among(case, case.last, 1)),
            "top1_plain": share_of(cases, lambda case: is_named(case, case.last, 1)),
            "top3_plain": share_of(cases, lambda case: is_named(case, case.last, THREE)),
        },
        "at_deadline": {
            "top1": share_of(cases, lambda case: is_among(case, case.first, 1)),
            "top3": share_of(cases, lambda case: is_among(case, case.first, THREE)),
        },
        "cause": _plain_share(failed, lambda case: cause_is_right(case, case.last)),
        "unknown": _plain_share(cases, lambda case: _first(case) in (UNKNOWN, NOTHING_WRONG)),
        **calibration(cases),
    }


def figures_of(runs: Sequence[RunCases], tuned: Sequence[LabelledCase] | None) -> dict[str, Any]:
    """Return all figures of a score; the baselines learn from the `tuned` ones, if there are any.

    An unlock that a fault touched, that went well and did not look odd, is counted only.
    """
    singles = [run for run in runs if len(run.faults) == 1]
    alone = [run for run in runs if len(run.faults) <= 1]
    cases = [case for run in singles for case in run.cases if case.labels]
    untouched = [case for run in alone for case in run.cases if not case.labels]
    healthy = sum(run.healthy for run in alone)
    named = [case for run in alone for case in run.suspected if is_given_a_mode(case)]
    healthy_named = sum(not was_complained_of(case) for case in named)
    pairs = [case for run in runs if len(run.faults) > 1 for case in run.cases if case.labels]
    well = Counter[str]()
    for run in singles:
        well[run.faults[0]] += run.touched_ok
    return {
        **single_figures(cases),
        "touched_well": well.total(),
        "untouched_failed": {
            "attempts": len(untouched),
            "named": sum(map(is_given_a_mode, untouched)),
        },
        "pairs": pair_figures(pairs),
        "healthy": healthy,
        "healthy_named": healthy_named,
        "complained_of_named": len(named) - healthy_named,
        "healthy_named_share": healthy_named / healthy if healthy else None,
        "by_mode": {
            slug: {**row, "touched_well": well[slug]} for slug, row in by_mode(cases).items()
        },
        "by_loss": by_loss(cases),
        "alike": {
            wire: {
                "classes": number_of_classes(told),
                "alike": sorted(sorted(one.slugs) for one in alike_on(told)),
            }
            for wire, told in WIRES.items()
        },
        "confusion": confusion(cases),
        "baselines": baselines(cases if tuned is None else tuned, cases),
        "nothing_seen": [
            run.incident
            for run in singles
            if not run.error and not any(case.labels for case in run.cases)
        ],
        "not_run": {run.incident: run.error for run in runs if run.error},
    }


def by_loss(cases: Sequence[LabelledCase]) -> dict[str, dict[str, Any]]:
    """Return for each evidence that was lost how often the right mode was named."""
    found = {}
    for loss in Loss:
        mine = [case for case in cases if case.loss == loss.value]
        if mine:
            found[loss.value] = short_figures(mine)
    return found


def by_one_fault(runs: Iterable[RunCases]) -> dict[str, Any]:
    """Return how often the right mode was named of unlocks that one fault touched."""
    return short_figures([case for run in runs for case in run.cases if len(case.labels) == 1])


def short_figures(cases: Sequence[LabelledCase]) -> dict[str, Any]:
    """Return the figures of a line of a table."""
    figures = single_figures(cases)
    return {
        "incidents": figures["incidents"],
        "attempts": figures["attempts"],
        **figures["single"],
        "at_deadline": figures["at_deadline"]["top1"],
        "ece": figures["ece"],
    }


def calibration(cases: Sequence[LabelledCase]) -> dict[str, Any]:
    """Return how probabilities compare with how often the first mode is right."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    brier = 0.0
    said = [case for case in cases if case.last is not None]
    for case in said:
        assert case.last is not None  # noqa: S101 - for the type checker
        name, _ = case.last.modes[0]
        together = equivalent_modes(name, case.last)
        probability = min(sum(p for other, p in case.last.modes if other in together), 1.0)
        right = names_right_mode(case, name, case.last)
        bins[min(int(probability * BINS), BINS - 1)].append((probability, right))
        brier += (probability - right) ** 2
    diagram = [
        {
            "said": round(sum(p for p, _ in each) / len(each), 3),
            "right": round(sum(right for _, right in each) / len(each), 3),
            "number": len(each),
        }
        for each in bins
        if each
    ]
    number = max(len(said), 1)
    ece = sum(each["number"] * abs(each["said"] - each["right"]) for each in diagram) / number
    return {"ece": round(ece, 4), "brier": round(brier / number, 4), "reliability": diagram}


def by_mode(cases: Sequence[LabelledCase]) -> dict[str, dict[str, Any]]:
    """Return for each mode how often it was named first, in three, and what else was."""
    found = {}
    for slug in MODES:
        mine = [case for case in cases if case.labels == (slug,)]
        if not mine:
            continue
        confused = Counter(
            _first(case) or "not diagnosed" for case in mine if not is_among(case, case.last, 1)
        )
        found[slug] = {
            "incidents": len({case.incident for case in mine}),
            "attempts": len(mine),
            "top1": share_of(mine, lambda case: is_among(case, case.last, 1)),
            "top3": share_of(mine, lambda case: is_among(case, case.last, THREE)),
            "at_deadline": share_of(mine, lambda case: is_among(case, case.first, 1)),
            "taken_for": dict(confused.most_common(4)),
        }
    return found


def pair_figures(cases: Sequence[LabelledCase]) -> dict[str, Any]:
    """Return the figures of incidents with two faults at a time on the same cars.

    Both faults should be among the first three modes of an unlock that both hit. An unlock that
    only one hit should have that one. The earlier fault on the path of an unlock mostly hides the
    other, which no evidence then shows. So `both_touched_one` is how often one of them was named
    first. `both_somewhere` is in how many incidents each fault was named first for at least one
    unlock.
    """

    def all_named(case: LabelledCase) -> bool:
        if case.last is None:
            return False
        named = {
            other
            for name, _ in case.last.modes[:THREE]
            for other in equivalent_modes(name, case.last)
        }
        return named.issuperset(case.labels)

    both = [case for case in cases if len(case.labels) > 1]
    return {
        "incidents": len({case.incident for case in cases}),
        "top3": share_of(cases, all_named),
        "both_touched": len(both),
        "both_touched_top3": share_of(both, all_named),
        "both_touched_one": share_of(both, lambda case: is_among(case, case.last, 1)),
        "both_somewhere": _both_somewhere(cases),
    }


def _both_somewhere(cases: Sequence[LabelledCase]) -> float | None:
    """Return the share of incidents with both faults felt in which each was first somewhere."""
    felt: defaultdict[str, set[str]] = defaultdict(set)
    named: defaultdict[str, set[str]] = defaultdict(set)
    for case in cases:
        felt[case.incident].update(case.labels)
        if case.last is not None:
            named[case.incident] |= equivalent_modes(case.last.modes[0][0], case.last)
    both = [incident for incident, classes in felt.items() if len(classes) > 1]
    if not both:
        return None
    return round(sum(felt[one] <= named[one] for one in both) / len(both), 4)


def confusion(cases: Sequence[LabelledCase]) -> dict[str, dict[str, int]]:
    """Return for each mode how often which one was named first."""
    matrix: dict[str, Counter[str]] = {}
    for case in cases:
        if len(case.labels) == 1:
            matrix.setdefault(case.labels[0], Counter())[_first(case) or "not diagnosed"] += 1
    return {slug: dict(matrix[slug].most_common()) for slug in MODES if slug in matrix}


def baselines(
    tuned: Iterable[LabelledCase], cases: Sequence[LabelledCase]
) -> dict[str, dict[str, float | None]]:
    """Return how well two simple ways do: by the first missing stage, by the largest deviation.

    Each names the mode that was the most frequent under the same sign in what was tuned with.
    """
    found = {}
    for name, sign in (
        ("first_missing_stage", lambda case: f"{case.cause}"),
        ("largest_deviation", lambda case: case.deviates),
    ):
        seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
        weight = Counter[str]()
        listed = [case for case in tuned if len(case.labels) == 1]
        for case in listed:
            weight[case.labels[0]] += 1
        for case in listed:
            seen[sign(case)][case.labels[0]] += 1_000_000 // weight[case.labels[0]]
        order = {
            key: [slug for slug, _ in counts.most_common(THREE)] for key, counts in seen.items()
        }
        found[name] = {
            f"top{first}": share_of(
                cases,
                lambda case, first=first, sign=sign, order=order: any(  # type: ignore[misc]
                    slug in case.labels for slug in order.get(sign(case), [])[:first]
                ),
            )
            for first in (1, THREE)
        }
    return found


def is_given_a_mode(case: LabelledCase) -> bool:
    """Return whether a mode is named first at last."""
    return _first(case) not in (None, UNKNOWN, NOTHING_WRONG)


def was_complained_of(case: LabelledCase) -> bool:
    """Return whether its customer called support, or asked anew as the car had locked itself.

    To them it was not well, however it ended.
    """
    not_well = {Fact.SUPPORT_CALLED, Fact.ASKED_AFTER_RELOCK}
    return case.last is not None and not not_well.isdisjoint(case.last.facts)


def _first(case: LabelledCase) -> str | None:
    return case.last.modes[0][0] if case.last is not None else None


def _plain_share(
    cases: Sequence[LabelledCase], holds: Callable[[LabelledCase], bool]
) -> float | None:
    if not cases:
        return None
    share = sum(map(holds, cases)) / len(cases)
    return round(share, 4) if math.isfinite(share) else None
