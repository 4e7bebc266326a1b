"""What an engineer reads."""

from __future__ import annotations

from dataclasses import replace

from platform_probe.judge.diagnosis.cohorts.cohort_text import finding_in_words, traits_in_words
from platform_probe.judge.diagnosis.cohorts.find import Absence, Cohort, Finding, Trait
from platform_probe.judge.diagnosis.cohorts.onset import OnsetTime
from platform_probe.texts.speaking import ENGLISH

AT = 1_767_225_600.0 + 8 * 3600 + 12 * 60
COHORT = Cohort(
    traits=(Trait("region", "Y"), Trait("operator", "X")),
    probability=0.97,
    attempts=36,
    failures=31,
    attempts_elsewhere=410,
    failures_elsewhere=2,
    begin=OnsetTime(AT, AT - 60, AT + 30),
)
FINDING = Finding(
    since=AT,
    attempts=446,
    failures=33,
    found=(COHORT,),
    ranked=(COHORT,),
    none_probability=0.0,
    absence=None,
    cars=(),
)


def said(finding: Finding, *, is_of_kind: bool = False) -> str:
    """Return what was found in English, with times of UTC."""
    return " ".join(map(ENGLISH.say, finding_in_words(finding, is_of_kind=is_of_kind)))


def test_a_cohort_is_told_with_its_figures() -> None:
    """Share, name, inside, elsewhere, begin, and how sure."""
    assert said(FINDING) == (
        "94 % of failures since 08:12 (31 of 33) are operator X in region Y: 31 of 36 attempts"
        " there, elsewhere 2 of 410; it began at 08:12 (between 08:11 and 08:12), sure (97 %)."
    )


def test_a_second_cohort_has_a_sentence_of_its_own() -> None:
    """It speaks of the failures that the first leaves, and of how sure it is."""
    second = replace(COHORT, traits=(Trait("app_version", "5.2"),), probability=0.5, begin=None)
    _, _, text = said(replace(FINDING, found=(COHORT, second))).partition(". ")
    assert text.startswith("94 % of the other failures since 08:12 (31 of 33) are app version 5.2:")
    assert text.endswith("elsewhere 2 of 410; a guess (50 %).")


def test_no_cohort_is_told_with_its_reason() -> None:
    """Each reason has its sentence, and all have the figures."""
    texts = {
        absence: said(replace(FINDING, found=(), absence=absence, cars=("car-1", "car-2")))
        for absence in Absence
    }
    assert len(set(texts.values())) == len(Absence)
    for text in texts.values():
        assert text.startswith("33 of 446 attempts since 08:12 failed")
    assert "car-1 and car-2" in texts[Absence.FEW_CARS]


def test_names_put_the_place_last() -> None:
    """One joint, then commas, in words that people say."""
    traits = (Trait("site", "S"), Trait("hardware", "tcu-1"), Trait("api_release", "7"))
    assert ENGLISH.say(traits_in_words(traits)) == "hardware tcu-1, API release 7 in site S"
    assert ENGLISH.say(traits_in_words((Trait("region", "Y"),))) == "region Y"


def test_failures_of_one_kind_are_told_as_such() -> None:
    """Others failed too, and are not counted."""
    text = said(FINDING, is_of_kind=True)
    assert text.startswith("94 % of failures of this kind since 08:12 (31 of 33) are operator X in")
    none = replace(FINDING, found=(), absence=Absence.AS_BEFORE)
    text = said(none, is_of_kind=True)
    assert text.startswith(
        "33 of 446 attempts since 08:12 failed in this way, not clearly more than before"
    )
