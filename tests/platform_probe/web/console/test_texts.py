"""The texts: every one in every language, and none without a reader."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from string import Formatter

import pytest

import platform_probe as product
from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.causes import CAUSES, Cause, Party
from fleet_wire.contract.incident import ChangeKind, IncidentKind, IncidentState, Severity
from fleet_wire.modes.catalogue import APP_RELEASE, MODES
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, Layer
from platform_probe.judge.diagnosis.seen_of_platform import GIVEN_UP
from platform_probe.tell.support.advice import (
    CONNECTED,
    LONG_AGO,
    MAY_BE_OVER,
    NOT_CONNECTED,
    OPENED_IN_TIME,
    OVER,
    PRESSED_IN_VAIN,
    TOO_OFTEN,
    advice_for,
    let_press_again,
    let_try_first,
)
from platform_probe.tell.support.after_booking import (
    BOOKING_ENDED,
    BOOKING_ENDED_AMID,
    BOOKING_ENDED_MIXED_UP,
    BOOKING_ENDED_OPEN,
    BOOKING_UNUSED,
    BOOKING_USED,
    THEN_GOES_ON,
    THEN_MAY_BE_OVER,
    THEN_OVER,
    OtherCars,
)
from platform_probe.tell.support.relations import OPEN_SINCE
from platform_probe.texts.catalogue import LANGUAGES, language_of, said_texts, say_in, texts_of
from platform_probe.web.console.helping import catalogue_sentence
from platform_probe.web.console.person import RIGHTS
from tests.helpers.french import in_french

FOLDER = Path(product.__file__).parent
SOURCES = [
    path
    for folder in (
        "web/console",
        "judge/incidents",
        "texts",
        "judge/diagnosis",
        "tell/support",
    )
    for path in sorted((FOLDER / folder).rglob("*"))
    if path.suffix in (".html", ".py")
]
GROUPS = {
    "cause": Cause, "stage": Stage, "layer": Layer, "actor": Actor, "change": ChangeKind,
    "incident_kind": IncidentKind, "severity": Severity, "state": IncidentState, "role": RIGHTS,
    "source": Source, "party": [each for each in Party if each is not Party.NOBODY_KNOWS],
}  # fmt: skip
"""Names of the records that are shown in words."""


def places(text: str) -> set[str]:
    """Return the names of the places for values in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_all_texts(language: str) -> None:
    """With the same places for values, and nothing empty."""
    english, texts = texts_of("en"), texts_of(language)

    assert set(texts) == set(english)
    assert all(text.strip() for text in texts.values())
    assert [key for key in english if places(english[key]) != places(texts[key])] == []


@pytest.mark.parametrize(
    "path", sorted((FOLDER / "texts").glob("*.json")), ids=lambda path: path.name
)
def test_no_text_stands_there_twice(path: Path) -> None:
    """The second one would take the first one's place."""
    keys = [line.split('"')[1] for line in path.read_text("utf-8").splitlines()[1:-1]]

    assert [key for key, times in Counter(keys).items() if times > 1] == []


@pytest.mark.parametrize("group", GROUPS)
def test_every_name_has_words(group: str) -> None:
    """A cause, a stage or a role that is new gets its text too."""
    missing = [name for name in GROUPS[group] if f"{group}.{name}" not in texts_of("en")]

    assert missing == []


def test_no_text_is_without_a_reader() -> None:
    """Each key stands in a page, or its group does: what is asked for by a name of the records."""
    sources = "\n".join(path.read_text("utf-8") for path in SOURCES)
    asked_by_name = set(re.findall(r'(?:display_name|word)\(\s*"(\w+)"', sources))
    asked_by_name |= set(re.findall(r'say\("(\w+)\." ~', sources))
    asked_by_name |= set(re.findall(r'has_text\("(\w+)\." ~', sources))
    asked_by_name |= {"ended", "fleet", "cause", "by_button", "wrong", "whom", "event", "shared"}
    asked_by_name |= {"mode", "fact", "explanation", "time"}

    unread = [
        key
        for key in texts_of("en")
        if not re.search(rf"[\"'](seen\.)?{key.removeprefix('seen.')}[\"']", sources)
        and not _is_of_a_fact(key)
        and key.partition(".")[0] not in asked_by_name
    ]  # fmt: skip
    assert unread == []


def _is_of_a_fact(key: str) -> bool:
    """Return whether a text is the sentence of a fact, or a variant of it."""
    name = re.sub("^seen\\.(gave_up_)?|(_alike)$", "", key)
    counted = {"others_failed", "few_failed", "none_failed", "cohort_failed", "app_failed"}
    return bool({name, name.removesuffix("_since")} & {*Fact, *GIVEN_UP, *counted})


def test_every_sentence_of_evidence_is_there() -> None:
    """A fact without a sentence would be shown as its key."""
    sources = "\n".join(path.read_text("utf-8") for path in SOURCES)
    noted = {
        key or fact.lower()
        for fact, key, variable in re.findall(
            r'note\(\s*Fact\.(\w+)(?:,\s*(?:"(\w+)"|(\w+)[,)]))?', sources
        )
        if not variable
    }
    noted |= set(re.findall(r'evidence\(\s*"(\w+)"', sources))
    assert len(noted) > 100
    assert {f"seen.{key}" for key in noted} - set(texts_of("en")) == set()


def test_every_text_of_a_page_is_there() -> None:
    """A page that names another would fail only when it is shown."""
    named = {
        key
        for path in SOURCES
        for key in re.findall(r"say\(['\"]([a-z_.]*[a-z])['\"]", path.read_text("utf-8"))
    }
    assert named - set(texts_of("en")) == set()


@pytest.mark.parametrize(
    ("chosen", "accepted", "spoken"),
    [
        ("fr", "en", "fr"),
        ("", "fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("", "de-DE, en;q=0.5", "en"),
        ("xx", "", "en"),
    ],
)
def test_the_language_to_speak(chosen: str, accepted: str, spoken: str) -> None:
    """The chosen one, else the first of the browser's that there is, else English."""
    assert language_of(chosen, accepted) == spoken


def test_what_support_reads_to_a_customer_is_in_french() -> None:
    """Titles, sentences and advice of modes and causes."""
    told = (*in_french(), APP_RELEASE)
    english = [
        *(text for mode in told for text in (mode.title, mode.customer, mode.now)),
        *(mode.engineer for mode in in_french()),
        *(mode.mend for mode in told if mode.mend is not None),
        *(info.explanation for info in CAUSES.values()),
        *(text for cause in Cause for text in (advice_for(cause).say, advice_for(cause).do)),
    ]
    missing = [text for text in english if catalogue_sentence("fr", text) == text]

    assert missing == []
    away = advice_for(Cause.BOX_OFFLINE, MODES["no_coverage_garage"])
    assert "Essayez la portière" in catalogue_sentence("fr", away.say)
    both = let_try_first(away, OPEN_SINCE)
    assert catalogue_sentence("fr", both.do).startswith(
        "Une autre ouverture a ouvert la voiture depuis : faites"
    )
    assert "Bluetooth ou par carte" in catalogue_sentence("fr", both.do)
    assert "essayez la portière" in catalogue_sentence("fr", both.say)
    shut = let_try_first(advice_for(None, MODES["generic_500"]), OPEN_SINCE)
    assert catalogue_sentence("fr", shut.do).startswith(
        "Une autre ouverture a ouvert la voiture depuis. Faites"
    )
    ended = (*BOOKING_ENDED, *BOOKING_UNUSED, *BOOKING_USED, *BOOKING_ENDED_OPEN)
    vain = (*PRESSED_IN_VAIN, NOT_CONNECTED.do, TOO_OFTEN.say, TOO_OFTEN.do)
    others = BOOKING_ENDED_MIXED_UP + vain
    assert all(catalogue_sentence("fr", text) != text for text in ended + others)
    then = (*THEN_GOES_ON, *THEN_MAY_BE_OVER, *THEN_OVER)
    assert all(catalogue_sentence("fr", text) != text for text in then)
    over = catalogue_sentence("fr", f"{THEN_OVER[0]} {BOOKING_ENDED[0]}")
    assert over.endswith(catalogue_sentence("fr", BOOKING_ENDED[0]))
    relocked = catalogue_sentence("fr", f"{MODES['auto_relock'].customer} {BOOKING_ENDED[0]}")
    assert "reverrouillée avant" in relocked
    assert "Votre réservation est terminée" in relocked
    assert "à temps" in catalogue_sentence("fr", OPENED_IN_TIME)
    for now in (CONNECTED, LONG_AGO, MAY_BE_OVER, OVER):
        again = let_press_again(advice_for(Cause.BOX_OFFLINE), Cause.BOX_OFFLINE, now)
        assert "appuyer" in catalogue_sentence("fr", again.say)
        assert "Si cela échoue : Faites ouvrir par Bluetooth" in catalogue_sentence("fr", again.do)
        pressed = let_press_again(advice_for(Cause.API_FAILED), Cause.API_FAILED, now)
        assert " : " not in catalogue_sentence("fr", pressed.do)
        assert "Faites appuyer le client" in catalogue_sentence("fr", pressed.do)


@pytest.mark.parametrize("other", OtherCars)
def test_what_is_said_amid_an_incident_is_in_french(other: OtherCars) -> None:
    """To who has ended the booking, whichever cars it does not hit: whom it hits is named."""
    names = {"operator": "operator-b", "region": "old-town"}
    for text in BOOKING_ENDED_AMID[other]:
        told = text.format(**names)
        assert catalogue_sentence("fr", told) != told
        assert [one in catalogue_sentence("fr", told) for one in names.values()] == [
            f"{{{one}}}" in text for one in names
        ]


def test_presses_are_not_called_openings_in_french() -> None:
    """Of a customer whose car never opened "Ouvertures 5" was said; that is what they wanted."""
    texts = texts_of("fr")
    keys = ("column.unlocks", "fleet.unlocks", "history.counts", "car.unlocks", "incident.of")
    assert [key for key in keys if not texts[key].lower().startswith("essais")] == []
    assert "sans ouverture" not in texts["table.customers_that_failed"]


def test_a_text_that_a_language_lacks_is_english() -> None:
    """Better than none."""
    assert say_in("fr")("yes") == "oui"
    assert catalogue_sentence("fr", "A sentence that nobody has translated.") == (
        "A sentence that nobody has translated."
    )
    assert said_texts("en") == {}
