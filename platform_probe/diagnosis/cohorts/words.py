"""What was found, as a sentence that an engineer reads at night."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from platform_probe.diagnosis.cohorts.begin import Begin
from platform_probe.diagnosis.cohorts.find import Absence, Cohort, Finding, Trait

_WORDS: Final = {
    "app_version": "app version",
    "api_release": "API release",
}
"""What a trait is called where its name is not what people say."""
_SURE: Final = 0.9
_LIKELY: Final = 0.6
_DAY_S: Final = 86_400
_MINUTE_S: Final = 60
Clock = Callable[[float], str]
"""Says the time of day of Unix seconds."""


def utc_clock(at: float) -> str:
    """Return the time of day of Unix seconds, by UTC."""
    minutes = int(at % _DAY_S) // _MINUTE_S
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def finding_in_words(
    finding: Finding, clock: Clock = utc_clock, *, is_of_kind: bool = False
) -> str:
    """Return what the failures share, a sentence for each cohort; `clock` says times.

    `is_of_kind` is whether only those of one kind were counted as failures.
    """
    if not finding.found:
        return _absence_in_words(finding, clock, is_of_kind=is_of_kind)
    first, *others = finding.found
    since, what = clock(finding.since), "failures of this kind" if is_of_kind else "failures"
    sentences = [_cohort_in_words(first, since, what, clock)]
    sentences += [_cohort_in_words(one, since, f"the other {what}", clock) for one in others]
    return " ".join(sentences)


def traits_in_words(traits: Sequence[Trait]) -> str:
    """Return a cohort's name: "operator north in region city"."""
    in_order = sorted(traits, key=lambda trait: trait.name in ("region", "site"))
    text = ""
    for trait in in_order:
        is_place = trait.name in ("region", "site")
        joint = "" if not text else " in " if is_place and " in " not in text else ", "
        text += f"{joint}{_WORDS.get(trait.name, trait.name)} {trait.value}"
    return text


def _cohort_in_words(cohort: Cohort, since: str, of_what: str, clock: Clock) -> str:
    failures = cohort.failures + cohort.failures_elsewhere
    elsewhere = f"elsewhere {cohort.failures_elsewhere} of {cohort.attempts_elsewhere}"
    return (
        f"{_percent(cohort.share)} of {of_what} since {since}"
        f" ({cohort.failures} of {failures}) are {traits_in_words(cohort.traits)}:"
        f" {cohort.failures} of {cohort.attempts} attempts there, {elsewhere};"
        f" {_begin_in_words(cohort.begin, clock)}{_how_sure(cohort.probability)}."
    )


def _begin_in_words(begin: Begin | None, clock: Clock) -> str:
    if begin is None:
        return ""
    earliest, latest = clock(begin.earliest), clock(begin.latest)
    if earliest == latest:
        return f"it began at {clock(begin.at)}, "
    return f"it began at {clock(begin.at)} (between {earliest} and {latest}), "


def _how_sure(probability: float) -> str:
    word = "sure" if probability >= _SURE else "likely" if probability >= _LIKELY else "a guess"
    return f"{word} ({_percent(probability)})"


def _absence_in_words(finding: Finding, clock: Clock, *, is_of_kind: bool) -> str:
    how = "failed in this way" if is_of_kind else "failed"
    failed = f"{finding.failures} of {finding.attempts} attempts since {clock(finding.since)} {how}"
    if finding.absence is Absence.TOO_FEW:
        return f"{failed}: too few to say what they share."
    if finding.absence is Absence.FEW_CARS:
        return f"{failed}, most of them of {' and '.join(finding.cars)}: no cohort."
    if finding.absence is Absence.AS_BEFORE:
        return f"{failed}, not clearly more than before: no cohort."
    return f"{failed}, more than is usual, and nowhere clearly more than elsewhere: no cohort."


def _percent(share: float) -> str:
    """Return a share; only all is 100 %, and only none is 0 %."""
    rounded = round(100 * share)
    if 0.0 < share < 1.0:
        rounded = min(99, max(1, rounded))
    return f"{rounded} %"
