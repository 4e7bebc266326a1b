"""Times as people say them, in English and in French."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.errors import ConfigError
from platform_probe.texts.times import iso_of
from platform_probe.web.console.when import Stretch, stretch_of

PARIS = ZoneInfo("Europe/Paris")
NOW_S = datetime(2026, 11, 25, 14, 0, tzinfo=PARIS).timestamp()
"""A Wednesday."""


def said(text: str) -> tuple[str, str] | None:
    """Return from when to when a text means, day and time."""
    found = stretch_of(text, PARIS, newest_s=NOW_S)
    if found is None:
        return None
    first, last = (datetime.fromtimestamp(at, PARIS) for at in (found.since_s, found.until_s))
    return f"{first:%d %H:%M}", f"{last:%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "since", "until"),
    [
        ("yesterday 8:15", "24 08:00", "24 08:30"),
        ("hier vers 8h15", "24 08:00", "24 08:30"),
        ("Hier à 8 h 15", "24 08:00", "24 08:30"),
        ("8:15", "25 08:00", "25 08:30"),
        ("15:00", "24 14:45", "24 15:15"),
        ("8am", "25 07:45", "25 08:15"),
        ("monday 8:15 pm", "23 20:00", "23 20:30"),
        ("yesterday evening at 7:30", "24 19:15", "24 19:45"),
        ("24/11 8h", "24 07:45", "24 08:15"),
        ("24 november 8:15", "24 08:00", "24 08:30"),
        ("2026-11-24 08:15", "24 08:00", "24 08:30"),
        ("2026-11-24T07:15:00Z", "24 08:00", "24 08:30"),
        ("2h ago", "25 11:45", "25 12:15"),
        ("il y a 2 heures", "25 11:45", "25 12:15"),
        ("an hour ago", "25 12:45", "25 13:15"),
        ("now", "25 13:45", "25 14:15"),
        ("this morning", "25 06:00", "25 12:00"),
        ("cet après-midi", "25 12:00", "25 18:00"),
        ("tonight", "24 18:00", "25 00:00"),
        ("last night", "25 00:00", "25 06:00"),
        ("lundi soir", "23 18:00", "23 23:00"),
        ("avant-hier", "23 00:00", "24 00:00"),
        ("2026-11-24", "24 00:00", "25 00:00"),
        ("24 nov", "24 00:00", "25 00:00"),
        ("1er décembre", "01 00:00", "02 00:00"),
    ],
)
def test_a_time_in_words(text: str, since: str, until: str) -> None:
    """A moment is a quarter of an hour around it, a day or a part of one is all of it."""
    assert said(text) == (since, until)


@pytest.mark.parametrize(
    "text", ["car-12", "12", "b-9", "may be", "yesterday car-7", "25:99", "<script>", "", "8", "e1"]
)
def test_what_is_no_time(text: str) -> None:
    """An id, a number and half a sentence are no time."""
    assert said(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("31/02", "does not exist"),
        ("2026-03-29 02:30", "does not exist"),
        ("9999-12-31", "years are 1900 to 9997"),
        ("31/12/9999", "years are 1900 to 9997"),
        ("0001-01-01", "years are 1900 to 9997"),
        ("31 december 9999 8:15", "years are 1900 to 9997"),
    ],
)
def test_a_time_that_does_not_exist(text: str, problem: str) -> None:
    """A day that no month has, and an hour that the clocks leave out, are told as such."""
    with pytest.raises(ConfigError, match=problem):
        stretch_of(text, PARIS, newest_s=NOW_S)


@pytest.mark.parametrize(
    "text", ["il y a 99999999999 h", "99999999999999 weeks ago", f"{'9' * 400} d ago"]
)
def test_a_time_before_all_records_is_the_first_one(text: str) -> None:
    """It is the beginning of Unix time, as for the commands."""
    found = stretch_of(text, PARIS, newest_s=NOW_S)
    assert found is not None
    assert found.at is not None
    assert found.at.at_s == 0.0


WORDS = ("il y a", "ago", "hier", "monday", "soir", "december", "9999-12-31", "31/12", "h", "8:15")


@given(st.lists(st.sampled_from(WORDS) | st.integers().map(str), max_size=5).map(" ".join))
def test_whatever_is_said_is_a_time_that_can_be_shown(text: str) -> None:
    """A text means a time of the calendar, or none, or its error says what is wrong."""
    found: Stretch | None = None
    problem = "does not exist"
    try:
        found = stretch_of(text, PARIS, newest_s=NOW_S)
    except ConfigError as error:
        problem = str(error)
    assert re.search("exist|there is no", problem)
    if found is not None:
        assert iso_of(found.since_s, PARIS) < iso_of(found.until_s, PARIS)
