"""Sentences of the catalogue: what happens to incidents, in every language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bench.detection.town import EPOCH_S
from fleet_wire.contract.incident import (
    ChangeKind,
    Incident,
    IncidentKind,
    Severity,
)
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.incidents.incident_title import (
    MOST_LETTERS,
    rise_of,
    subject_of,
    title_of,
    title_text,
    titled,
)
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import clock_of, date_and_clock, zone_named
from tests.helpers.findings import finding
from tests.helpers.incident_player import IncidentPlayer
from tests.helpers.places import ROOT
from tests.helpers.transcripts import played, stories

INCIDENTS = ROOT / "tests/platform_probe/judge/incidents"
ENGLISH, FRENCH = Speaker("en"), Speaker("fr")


def in_french(text: Text) -> str:
    """Return a sentence in French, with plain spaces."""
    return FRENCH.say(text).replace("\u00a0", " ")


def test_the_history_of_an_incident_is_told_in_each_language() -> None:
    """Whatever a story does to one: the record has its English, and what others are made of."""
    revisions: list[Incident] = []

    class Listening(IncidentPlayer):
        """Keeps all that is told."""

        def news(self) -> list[str]:
            """Keep the revisions so far."""
            revisions.extend(self.made.revisions)
            return super().news()

    for path in INCIDENTS.glob("*.txt"):
        for story in stories(path):
            played(story, Listening)
    for revision in revisions:
        assert ENGLISH.on(revision.at).say(title_text(revision)) == revision.title
        assert FRENCH.say(title_text(revision)) != revision.title
    changes = [one for each in revisions for one in each.changes]
    assert set(ChangeKind) == {one.kind for one in changes}
    for one in changes:
        assert one.text is not None
        assert ENGLISH.on(one.at).say(one.text) == one.sentence
        assert FRENCH.say(one.text) != one.sentence
    for words in ("reaches beyond", "seen lately", "another incident: "):
        assert any(words in one.sentence for one in changes)


def test_a_time_of_another_day_has_its_date() -> None:
    """Another day than the reader's, by the reader's zone; without a day no time has a date."""
    text = Text(key="tell.last_seen", values={"at": EPOCH_S + 23.5 * 3_600})
    night = EPOCH_S + 86_400.0
    assert ENGLISH.say(text) == ENGLISH.on(EPOCH_S).say(text) == "Last seen at 23:30."
    assert ENGLISH.on(night).say(text) == "Last seen at 23:30 on 1 Jan."
    assert FRENCH.on(night).say(text) == "Vu pour la dernière fois à 23:30 le 01/01."
    paris = Speaker("en", ZoneInfo("Europe/Paris"))
    assert paris.on(night).say(text) == "Last seen at 00:30."
    assert paris.on(EPOCH_S).say(text) == "Last seen at 00:30 on 2 Jan."
    whole = Text(key="seen.opened_again", values={"at": EPOCH_S, "ago": -75.0})
    assert "at 00:00:00 on 1 Jan, 75 s before" in ENGLISH.on(night).say(whole)


def test_a_title_that_is_too_long_keeps_its_end_in_each_language() -> None:
    """When it began, and how many are hit; the subject ends with dots."""
    subject = Text(key="whom.as_is", values={"text": "x" * 300})
    title = titled(subject, EPOCH_S, customers=31, cars=0)
    for speaker, end in (
        (ENGLISH, "... since 00:00, 31 customers"),
        (FRENCH, "... depuis 00:00, 31 clients"),
    ):
        said = title_of(title, speaker)
        assert (len(said), said.endswith(f"x{end}")) == (MOST_LETTERS, True)
    whole = Text(key="whom.as_is", values={"text": "x" * 300})
    assert title_of(whole, FRENCH) == "x" * (MOST_LETTERS - 3) + "..."


@pytest.mark.parametrize(
    ("changes", "english", "french"),
    [
        (
            {"cohort": {"hardware": "tcu-3"}, "modes": {"auto_relock": 9.0}, "diagnosed": 10},
            f"Hardware tcu-3: {MODES['auto_relock'].title}",
            "Boîtier tcu-3 : la voiture s'est reverrouillée",
        ),
        (
            {"cohort": {}, "kind": IncidentKind.LATENCY, "what": "slow_broker_accepted"},
            "The broker is slow",
            "Le broker est lent",
        ),
        (
            {"cohort": {}, "kind": IncidentKind.SUSPICIOUS, "what": "one_account_many_cars"},
            "One account asks for many cars",
            "Un même compte demande de nombreuses voitures",
        ),
    ],
)
def test_an_incident_is_called_by_whom_and_what(
    changes: dict[str, Any], english: str, french: str
) -> None:
    """Names that people search for stay as they are; words begin with a capital letter."""
    subject = subject_of([finding(1, **changes)])
    assert ENGLISH.say(subject) == english
    assert in_french(subject) == french


def test_a_rise_is_told_with_numbers_as_each_language_writes_them() -> None:
    """French has a comma, and a space before a colon."""
    lost: dict[str, Any] = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {}}
    worst = finding(1, **lost, failed=55, total=60, expected=0.001, elsewhere_total=0)
    rise = rise_of(Severity.CRITICAL, subject_of([worst]), worst, named=worst)
    assert ENGLISH.say(rise).endswith(", 55 of 60 cars lost (92 %), 0.1 % expected")
    assert ENGLISH.say(rise).startswith("now critical: operator-a: cars lose their connection")
    assert in_french(rise).startswith("maintenant critique : operator-a : des voitures perdent")
    assert in_french(rise).endswith(", 55 voitures sur 60 perdues (92 %), 0,1 % attendus")


@pytest.mark.parametrize(
    ("by", "reason", "french"),
    [
        ("amelie", "failed", "clos par amelie : failed"),  # what people say stays
        ("somebody in Slack", "asked for in Slack", "clos par quelqu'un dans Slack : demandé dans"),
    ],
)
def test_what_people_write_stays_as_it_is(by: str, reason: str, french: str) -> None:
    """But for what a button writes for them."""
    closed = Text(key="event.closed", values={"by": by})
    text = Text(key="event.because", values={"event": closed, "reason": reason})
    assert in_french(text).startswith(french)


def test_a_sentence_of_a_newer_release_is_named_by_its_key() -> None:
    """Nobody is shown an error instead of a page."""
    assert FRENCH.say(Text(key="event.of_tomorrow")) == "event.of_tomorrow"


def test_times_are_told_in_the_zone() -> None:
    """The clock with milliseconds, the date with the zone's name in summer."""
    berlin, noon_s = zone_named("Europe/Berlin"), datetime(2026, 6, 15, 10, tzinfo=UTC).timestamp()
    assert clock_of(noon_s + 0.0625, berlin) == "12:00:00.062"
    assert date_and_clock(noon_s, berlin) == "Mon 15 Jun 2026 12:00:00 CEST"
    assert date_and_clock(noon_s, UTC) == "Mon 15 Jun 2026 10:00:00 UTC"
