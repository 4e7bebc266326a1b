"""Sentences that people read aloud, as the pages show them in each language."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Change, ChangeKind
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
