"""Sentences of the records in French: who else has it, and what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import Formatter

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
from platform_probe.texts.catalogue import sentences_of
from platform_probe.texts.speaking import Speaker, utc_clock
from platform_probe.web.console.sentences import translate
from tests.helpers.busy_store import make_busy_store

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


def places(text: str) -> set[str]:
    """Return the names of the places in a sentence."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_each_sentence_has_the_same_places() -> None:
    """What an English one names the French one says too."""
    texts = sentences_of("fr")
    assert [one for one, said in texts.items() if places(one) != places(said)] == []


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
    said = around_in_words(around, Speaker("fr", utc_clock))
    assert not {"failures", "attempts", "elsewhere", "it began", "no cohort"} & {
        word for word in ("failures", "attempts", "elsewhere", "it began", "no cohort")
        if word in said
    }  # fmt: skip
    assert "depuis 23:59" in said or "depuis 00:00" in said
    assert "%)" not in said or "que ce groupe soit en cause est" in said  # of what it is so sure


def test_what_happened_is_told_in_french(tmp_path: Path) -> None:
    """Every line of unlocks that have all kinds of lines between them, and who did it."""
    make_busy_store(tmp_path)
    source = Source(tmp_path)
    ids = [f"attempt-{number}" for number in (3, 5, 10, 13, 20, 33, 38, 52)]

    def lines(duck: Duck) -> set[str]:
        cases = (look_up_in(duck, source, UnlockQuery(attempt=one), AT) for one in ids)
        return {text for case in cases for one in timeline_of(case) for text in (one.who, one.what)}

    found = source.read(lines)
    assert {one for one in found if translate("fr", one) == one} <= {"broker"}
    assert len(found) > 35


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            "unknown: box_offline; the box did not confirm the command",
            "issue inconnue : boîtier hors ligne ; le boîtier n'a pas confirmé la commande",
        ),
        ("asks to open the car (app 7.3.0, 3 times)", "demande d'ouvrir la voiture (application"),
        (
            "another customer asks to open it too: it opened after 2.9 s",
            "un autre client demande aussi à l'ouvrir : elle s'est ouverte après 2,9 s",
        ),
        (
            "records unlock no. 2 as refused (busy) (another customer)",
            "compte « ouvrir n° 2 » comme refused (busy) (un autre client)",
        ),
        (
            "calls support; the app had shown: No connection (another customer)",
            "appelle le support ; l'application avait affiché : No connection (un autre client)",
        ),
        ("reports: locked, door open, 12.4 V", "signale : verrouillée, portière ouverte, 12,4 V"),
        (
            "last regular report before, signal -81 dBm, 12.4 V",
            "dernier message régulier avant, signal -81 dBm, 12,4 V",
        ),
        (
            "answers late: executed: the car has OPENED, too late",
            "répond en retard : executed : la",
        ),
    ],
)
def test_lines_of_what_happened(english: str, french: str) -> None:
    """With the words of the pages for causes, and the names of apps and answers as they are."""
    assert translate("fr", english).startswith(french)


def test_what_is_not_known_stays_as_it_is() -> None:
    """A sentence of another version, or one that somebody made very long."""
    long = "calls support " * 1_000
    for text in ("something new happened", "calls support. And something new", long):
        assert translate("fr", text) == text
