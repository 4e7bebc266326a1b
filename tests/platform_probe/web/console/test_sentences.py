"""Sentences of the records in French: who else has it, and what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.detection.town import EPOCH_S
from platform_probe.judge.diagnosis.cohorts.find import Absence, Cohort, Trait
from platform_probe.judge.diagnosis.cohorts.onset import OnsetTime
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source
from platform_probe.tell.support.cohorts import SharedTraits, around_in_words
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up_in
from platform_probe.tell.support.timeline import timeline_of
from platform_probe.texts.speaking import Speaker
from tests.helpers.busy_store import make_busy_store
from tests.helpers.english import ENGLISH, FRENCH

AT = EPOCH_S
NORTH = (Trait("firmware", "2.4.1"), Trait("region", "north"))
COHORT = Cohort(
    traits=NORTH, probability=0.97, attempts=36, failures=31, attempts_elsewhere=410,
    failures_elsewhere=2, begin=OnsetTime(AT, AT - 60, AT + 30),
)  # fmt: skip
AROUND = SharedTraits(
    since=AT, attempts=446, failures=33, found=(COHORT,), ranked=(COHORT,), none_probability=0.0,
    absence=None, cars=(), same=((),), is_of_kind=True,
)  # fmt: skip


@pytest.mark.parametrize(
    "around",
    [
        AROUND,
        replace(AROUND, is_of_kind=False, found=(replace(COHORT, begin=None),)),
        replace(AROUND, found=(COHORT, replace(COHORT, probability=0.3)), same=((), (NORTH[:1],))),
        replace(AROUND, found=(replace(COHORT, begin=OnsetTime(AT, AT, AT)),)),
        *(
            replace(AROUND, found=(), same=(), absence=absence, cars=("car-1", "car-2"))
            for absence in Absence
        ),
    ],
)
def test_who_else_has_it_is_told_in_french(around: SharedTraits) -> None:
    """Each cohort and what nobody can tell from it, or that there is none."""
    said = around_in_words(around, Speaker("fr"))
    assert not {"failures", "attempts", "elsewhere", "it began", "no cohort"} & {
        word for word in ("failures", "attempts", "elsewhere", "it began", "no cohort")
        if word in said
    }  # fmt: skip
    assert "depuis 23:59" in said or "depuis 00:00" in said
    assert "%)" not in said or "que ce groupe soit en cause est" in said  # of what it is so sure


def test_what_happened_is_told_in_french(tmp_path: Path) -> None:
    """Every line of unlocks that have all kinds of lines between them: none is as in English."""
    make_busy_store(tmp_path)
    source = Source(tmp_path)
    ids = [f"attempt-{number}" for number in (3, 5, 10, 13, 20, 33, 38, 52)]

    def lines(duck: Duck) -> set[tuple[str, str]]:
        cases = (look_up_in(duck, source, UnlockQuery(attempt=one), AT) for one in ids)
        told = [one.what for case in cases for one in timeline_of(case)]
        return {(ENGLISH.say(one), FRENCH.say(one)) for one in told}

    found = source.read(lines)
    assert {english for english, french in found if english == french} == set()
    assert len(found) > 30
