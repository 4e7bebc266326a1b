"""Times as people write them; those that do not exist, or exist twice, are named."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.texts.speaking import long_of
from platform_probe.texts.times import (
    clock_of,
    date_and_clock,
    iso_of,
    lasts_s,
    moment_of,
    zone_named,
)

BERLIN = zone_named("Europe/Berlin")
NEWEST_S = datetime(2026, 6, 15, 10, 0, tzinfo=UTC).timestamp()
"""Noon in Berlin."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("08:15", "2026-06-15T08:15:00.000+02:00"),
        ("8:15", "2026-06-15T08:15:00.000+02:00"),
        ("08:15:30", "2026-06-15T08:15:30.000+02:00"),
        ("12:00", "2026-06-15T12:00:00.000+02:00"),
        ("12:01", "2026-06-14T12:01:00.000+02:00"),
        ("2026-01-02 08:15", "2026-01-02T08:15:00.000+01:00"),
        ("2026-01-02", "2026-01-02T00:00:00.000+01:00"),
        ("2026-06-15T06:15:00Z", "2026-06-15T08:15:00.000+02:00"),
        ("90m", "2026-06-15T10:30:00.000+02:00"),
        ("1.5h ago", "2026-06-15T10:30:00.000+02:00"),
        ("2d", "2026-06-13T12:00:00.000+02:00"),
        ("2 hours ago", "2026-06-15T10:00:00.000+02:00"),
        ("90 minutes", "2026-06-15T10:30:00.000+02:00"),
        ("999999d", "1970-01-01T01:00:00.000+01:00"),
        ("2026-06-15 8:15", "2026-06-15T08:15:00.000+02:00"),
        ("08:15Z", "2026-06-15T10:15:00.000+02:00"),
        ("08:15:30.5", "2026-06-15T08:15:30.500+02:00"),
        ("2026-10-25 02:30+01:00", "2026-10-25T02:30:00.000+01:00"),
    ],
)
def test_what_is_written_is_understood(text: str, expected: str) -> None:
    """With a date or without: then it is the last one that has been."""
    assert iso_of(moment_of(text, BERLIN, newest_s=NEWEST_S), BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-02-30 08:15", "does not exist: days of 2026-02 are 1 to 28"),
        ("2026-13-01", "does not exist: months are 1 to 12"),
        ("0001-01-01", "does not exist here: years are 1900 to 9998"),
        ("25:00", "'25:00' does not exist: hours are 0 to 23"),
        ("08:15+25:00", "No time zone is \\+25:00 from UTC"),
        ("yesterday", "'yesterday' cannot be read as a time. Write 08:15, .* 90m or 2h"),
        ("8:15 pm", "Write 08:15, 20:15:30"),
        ("29.03.2026 08:15", "Write .*2026-03-29 08:15"),
        ("", "'' cannot be read as a time"),
        (
            "2026-03-29 02:30",
            "does not exist .*Berlin: .*forward. Write 2026-03-29 01:30 or .* 03:30",
        ),
        ("2026-10-25 02:30", r"exists twice .* 02:30\+02:00 or 2026-10-25 02:30\+01:00"),
    ],
)
def test_what_is_no_time_is_named(text: str, message: str) -> None:
    """A day that does not exist, an hour that clocks leave out or have twice."""
    with pytest.raises(ConfigError, match=message) as raised:
        moment_of(text, BERLIN, newest_s=NEWEST_S)
    assert "isoformat" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("europe/berlin", "Did you mean 'Europe/Berlin'"),
        ("Europe/Berlni", "Did you mean 'Europe/Berlin'"),
        ("berlin", "Did you mean 'Europe/Berlin'"),
        ("new york", "Did you mean 'America/New_York'"),
        (
            "Mars/Base",
            "No time zone is called 'Mars/Base'. Write a continent and a city, such as",
        ),
        ("GMT+2", "Write a continent and a city"),
        ("../../etc/passwd", "No time zone"),
        ("", "No time zone is called ''"),
    ],
)
def test_zone_that_does_not_exist_is_named(name: str, message: str) -> None:
    """With the nearest one."""
    with pytest.raises(ConfigError, match=message):
        zone_named(name)


def test_times_are_told_in_the_zone() -> None:
    """The clock with milliseconds, the date with the zone's name in summer."""
    assert clock_of(NEWEST_S + 0.0625, BERLIN) == "12:00:00.062"
    assert date_and_clock(NEWEST_S, BERLIN) == "Mon 15 Jun 2026 12:00:00 CEST"
    assert date_and_clock(NEWEST_S, UTC) == "Mon 15 Jun 2026 10:00:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.2 s"),
        (59.97, "1 min 0 s"),
        (74, "1 min 14 s"),
        (119.8, "2 min 0 s"),
        (5_400, "1 h 30 min"),
        (200_000, "2 days"),
    ],
)
def test_durations_are_told_shortly(seconds: float, text: str) -> None:
    """With two units at most."""
    assert long_of(seconds) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("08:15", 60.0),
        (" 2026-01-02 08:15 ", 60.0),
        ("08:15:30", 1.0),
        ("2026-03-29T08:15:00+02:00", 1.0),
        ("2h", 0.0),
        ("2026-01-02", 0.0),
        ("at eight", 0.0),
    ],
)
def test_how_long_a_written_time_lasts(text: str, expected: float) -> None:
    """Who says a quarter past eight means the minute."""
    assert lasts_s(text) == expected
