"""Sentences that people read aloud, as the pages show them in each language."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Change, ChangeKind, IncidentState
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import APP_RELEASE, MODES
from fleet_wire.modes.mode import FailureMode
from tests.helpers.consoles import Visitor, incident_of, put_incidents, served
from tests.helpers.stores import BEGIN_S, put_unlocks, unlock

WHOM = Text(
    key="whom.one", values={"first": (Text(key="whom.trait_region", values={"value": "Coast"}),)}
)
SUBJECT = Text(
    key="subject.of", values={"whom": WHOM, "what": Text(key=f"wrong.{Cause.VEHICLE_FAILED}")}
)
HIT: dict[str, Any] = {"failed": 5, "total": 40, "share": 0.124, "expected": 0.001}
RISE = Text(
    key="event.worse",
    values={
        "severity": "critical",
        "subject": SUBJECT,
        "numbers": Text(key="numbers.hit", values=HIT),
    },
)


def shown(url: str, path: str, language: str) -> str:
    """Return the text of a page, without its marks."""
    page = Visitor(url, Accept_Language=language).get(path).text.replace("</dt>", " ")
    return " ".join(unescape(re.sub(r"<[^>]+>", "", page)).replace("\u00a0", " ").split())


@pytest.mark.parametrize(
    ("slug", "language", "sentence"),
    [
        ("phone_side", "en", "The app on your phone could not reach us. Please check"),
        ("phone_side", "fr", "L'application de votre téléphone n'a pas pu nous joindre. Vérifiez"),
        ("booking_window_race", "en", "open the car with the support tool, or send somebody with"),
        ("booking_window_race", "fr", "ouvrez la voiture avec l'outil du support, ou envoyez"),
        ("ok_at_enqueue", "en", "Show success in the app only after the car has confirmed."),
        ("ok_at_enqueue", "fr", "N'affichez la réussite dans l'application qu'après la confirm"),
    ],
)
def test_a_mode_says_what_to_say_and_do(
    open_console: str, slug: str, language: str, sentence: str
) -> None:
    """Its page has the sentence for the customer, for support and for the team."""
    assert sentence in shown(open_console, f"/mode/{slug}", language)


@pytest.mark.parametrize("mode", [*MODES.values(), APP_RELEASE], ids=lambda mode: mode.slug)
def test_nobody_is_told_to_open_a_car_without_a_tool(mode: FailureMode) -> None:
    """Advice names the support tool or the key."""
    assert "by hand" not in mode.now


@pytest.mark.parametrize(
    ("language", "title", "rise", "confidence"),
    [
        (
            "en", "Coast: boxes take the command, but cars stay locked since 00:00, 2 customers",
            (
                "now critical: Coast: boxes take the command, but cars stay locked, 5 of 40 hit"
                " (12 %), 0.1 % expected"
            ),
            "Expected by chance once in more than 1000 months",
        ),
        (
            "fr",
            ("Coast : les boîtiers reçoivent la commande, mais les voitures restent verrouillées"
            " depuis 00:00, 2 clients"),
            ("maintenant critique : Coast : les boîtiers reçoivent la commande, mais les voitures"
            " restent verrouillées, 5 sur 40 touchés (12 %), 0,1 % attendus"),
            "Attendu par hasard une fois en plus de 1000 mois",
        ),
    ],
)  # fmt: skip
def test_an_incident_says_what_is_wrong_and_what_changed(
    tmp_path: Path, language: str, title: str, rise: str, confidence: str
) -> None:
    """Its page has the title, the rise of its severity, and labels that are nouns."""
    change = Change(at=BEGIN_S + 30.0, kind=ChangeKind.WORSE, sentence="worse", text=RISE)
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.VEHICLE_FAILED)])
    put_incidents(
        tmp_path / "store",
        [incident_of(subject=SUBJECT, changes=(change,))],
    )
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = shown(url, "/incident/incident-1", language)
    for sentence in (title, rise, confidence):
        assert sentence in page


@pytest.mark.parametrize(
    ("language", "since"), [("en", "since 00:00 on 1 Jan"), ("fr", "depuis 00:00 le 01/01")]
)
def test_a_title_names_the_day_of_an_older_incident(
    tmp_path: Path, language: str, since: str
) -> None:
    """Another day than that of the newest record; one of that day needs no date."""
    newest = unlock(1, cause=Cause.VEHICLE_FAILED, started_at=BEGIN_S + 3 * 86_400.0)
    put_unlocks(tmp_path / "store", [newest])
    put_incidents(tmp_path / "store", [incident_of(subject=SUBJECT)])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        assert f"{since}, 2 " in shown(url, "/incident/incident-1", language)


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ("It affected you then. It ended at", "How far it got:", "Probably at fault:")),
        (
            "fr",
            (
                "Cela vous a concerné. Cela s'est terminé à",
                "Étape atteinte :",
                "en cause :",
                "boîtier hors ligne : Le boîtier",
            ),
        ),
    ],
)
def test_an_unlock_says_how_far_it_got_and_what_became_of_its_problem(
    tmp_path: Path, language: str, sentences: tuple[str, ...]
) -> None:
    """Its page says when its problem ended, where it stopped, and who is probably at fault."""
    put_unlocks(tmp_path / "store", [unlock(1, cause=Cause.BOX_OFFLINE)])
    ended = incident_of(
        examples=("attempt-1",), state=IncidentState.RESOLVED, ended_at=BEGIN_S + 60.0
    )
    put_incidents(tmp_path / "store", [ended])
    with served(tmp_path / "store", tmp_path / "audit.jsonl") as url:
        page = shown(url, "/unlock/attempt-1", language)
    for sentence in sentences:
        assert sentence in page


def test_what_was_not_observed_is_said_in_french(open_console: str) -> None:
    """A fact that was expected is named as such."""
    assert "Expected, but not observed: " in shown(open_console, "/unlock/attempt-33", "en")
    assert "Attendu, mais pas observé : " in shown(open_console, "/unlock/attempt-33", "fr")


def test_an_incident_has_what_to_do_then_evidence_then_history(open_console: str) -> None:
    """Whatever it is: suspicious traffic has no sentence for customers, and a first step."""
    for incident_id in ("incident-1", "incident-3"):
        page = shown(open_console, f"/incident/{incident_id}", "en")
        headings = ("Where", "How many", "Since", "What to do", "Runbook", "Evidence", "History")
        places = [
            page.index(f" {one} ") if one != "Runbook" else page.index(one) for one in headings
        ]
        assert places == sorted(places)
    assert "Call the security team." in page
    assert "Appelez l'équipe sécurité." in shown(open_console, "/incident/incident-3", "fr")


def test_a_chart_has_axes_with_units_and_ticks(open_console: str) -> None:
    """The growth of an incident: how many customers by when."""
    page = Visitor(open_console).get("/incident/incident-1").text
    chart = page[page.index('<div class="chart"') :]
    chart = chart[: chart.index("</div>")]
    texts = re.findall(r'<text class="(\w+)"[^>]*>([^<]*)<', chart)
    assert [text for kind, text in texts if kind == "unit"] == ["customers hit"]
    assert [text for kind, text in texts if kind == "value"] == ["0", "1", "2"]
    assert [text for kind, text in texts if kind == "time"][:2] == ["00:00:10", "00:00:20"]
