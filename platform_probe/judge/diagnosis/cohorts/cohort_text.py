"""Sentences for results, readable for an engineer at night, in any language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fleet_wire.contract.text import Text
from platform_probe.judge.diagnosis.cohorts.find import Absence, Cohort, Finding, Trait
from platform_probe.judge.diagnosis.cohorts.onset import OnsetTime
from platform_probe.texts.catalogue import trait_text

_SURE: Final = 0.9
_LIKELY: Final = 0.6
_MINUTE_S: Final = 60
_PLACES: Final = ("region", "site")
"""Traits that are named last: "operator north in region city"."""


def finding_in_words(finding: Finding, *, is_of_kind: bool = False) -> list[Text]:
    """Return what the failures share, a sentence for each cohort.

    `is_of_kind` is whether only those of one kind were counted as failures.
    """
    if not finding.found:
        return [_absence_in_words(finding, is_of_kind=is_of_kind)]
    kind = "_of_kind" if is_of_kind else ""
    keys = (f"shared.failures{kind}", f"shared.other_failures{kind}")
    return [
        _cohort_in_words(one, finding.since, Text(key=keys[min(place, 1)]))
        for place, one in enumerate(finding.found)
    ]


def traits_in_words(traits: Sequence[Trait]) -> Text:
    """Return a cohort's name: "operator north in region city"."""
    what = tuple(_trait(one) for one in traits if one.name not in _PLACES)
    where = tuple(_trait(one) for one in traits if one.name in _PLACES)
    if not what:
        what, where = where[:1], where[1:]
    if not where:
        return Text(key="whom.one", values={"first": what})
    return Text(key="shared.in", values={"what": what, "where": where})


def _trait(trait: Trait) -> Text:
    return trait_text("shared", trait.name, trait.value)


def _cohort_in_words(cohort: Cohort, since: float, whose: Text) -> Text:
    return Text(
        key="shared.cohort",
        values={
            "share": cohort.share,
            "whose": whose,
            "since": since,
            "failed": cohort.failures,
            "total": cohort.failures + cohort.failures_elsewhere,
            "cohort": traits_in_words(cohort.traits),
            "attempts": cohort.attempts,
            "others": cohort.failures_elsewhere,
            "all": cohort.attempts_elsewhere,
            "how": _begin_in_words(cohort.begin, _how_sure(cohort.probability)),
        },
    )


def _begin_in_words(begin: OnsetTime | None, how: Text) -> Text:
    if begin is None:
        return how
    values: dict[str, Any] = {"at": begin.at, "how": how}
    if begin.earliest // _MINUTE_S == begin.latest // _MINUTE_S:
        return Text(key="shared.began", values=values)
    between = {"earliest": begin.earliest, "latest": begin.latest}
    return Text(key="shared.began_between", values={**values, **between})


def _how_sure(probability: float) -> Text:
    word = "sure" if probability >= _SURE else "likely" if probability >= _LIKELY else "guess"
    return Text(key=f"shared.{word}", values={"sure": probability})


def _absence_in_words(finding: Finding, *, is_of_kind: bool) -> Text:
    failed = Text(
        key="shared.failed_of_kind" if is_of_kind else "shared.failed",
        values={
            "failed": finding.failures,
            "total": finding.attempts,
            "since": finding.since,
        },
    )
    values: dict[str, Any] = {"failed": failed}
    if finding.absence is Absence.FEW_CARS:
        cars = dict(zip(("first", "second"), finding.cars, strict=False))
        values["cars"] = Text(key="whom.two" if len(cars) > 1 else "whom.one", values={**cars})
    return Text(key=f"shared.{finding.absence or Absence.EVERYWHERE}", values=values)
