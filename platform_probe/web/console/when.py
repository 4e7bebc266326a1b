"""When it was, as people say it: "yesterday 8:15", "this morning", "hier vers 8h15", "lundi soir".

Recognised words are removed from the text, piece by piece; if more than small words remain, it was
no time at all.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from platform_probe.tell.support.choosing import Moment
from platform_probe.texts.spoken_error import SpokenError, spoken_error
from platform_probe.texts.times import DAY_S, HOUR_S, MINUTE_S, lasts_s, moment_of

NEAR_S: Final = 900.0
"""A time is remembered to the quarter of an hour."""
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 9997
"""A day ends on the next one, which every time zone must still have."""
_CLOCK_CHANGES: Final = ("when.skipped", "when.twice")
"""The errors about a time that was understood, and that a clock change leaves out or repeats."""
_DAYS: Final = {
    "today": 0, "aujourd'hui": 0, "aujourdhui": 0, "yesterday": 1, "hier": 1,
    "day before yesterday": 2, "avant-hier": 2, "avant hier": 2,
}  # fmt: skip
_WEEKDAYS: Final = {
    name: number
    for names in (
        "monday tuesday wednesday thursday friday saturday sunday",
        "lundi mardi mercredi jeudi vendredi samedi dimanche",
    )
    for number, name in enumerate(names.split())
}
_MONTHS: Final = {
    name: number
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
    )
    for number, name in enumerate(names.split(), start=1)
}
_PARTS: Final = {
    "morning": (6, 12), "matin": (6, 12), "matinee": (6, 12), "noon": (11, 13), "midi": (11, 13),
    "lunchtime": (11, 14), "afternoon": (12, 18), "apres-midi": (12, 18), "apres midi": (12, 18),
    "evening": (18, 23), "tonight": (18, 24), "soir": (18, 23), "soiree": (18, 23),
    "night": (0, 6), "nuit": (0, 6), "midnight": (0, 1), "minuit": (0, 1),
}  # fmt: skip
"""The first and the last hour."""
_UNITS: Final = {
    "s": 1.0, "second": 1.0, "seconde": 1.0, "m": MINUTE_S, "min": MINUTE_S, "minute": MINUTE_S,
    "h": HOUR_S, "hour": HOUR_S, "heure": HOUR_S, "d": DAY_S, "day": DAY_S, "jour": DAY_S,
    "j": DAY_S, "week": 7 * DAY_S, "semaine": 7 * DAY_S,
}  # fmt: skip
_SMALL: Final = frozenset(
    {
        *("at", "on", "the", "around", "about", "this", "last", "in", "of", "a", "an", "o'clock"),
        *("ago", "le", "la", "ce", "cet", "cette", "vers", "dans", "du", "de", "dernier", "passe"),
        *("derniere", "passee", "au"),
    }
)
_AGO: Final = re.compile(
    r"(?:il y a\s+)?\b(\d+(?:[.,]\d+)?|an?|une?)\s*(" + "|".join(_UNITS) + r")s?(?:\s+ago)?\b"
)
_CLOCK: Final = re.compile(
    r"\b(\d{1,2})\s*(?::|h)\s*(\d{2})?(?::(\d{2}))?\s*(am|pm)?\b|\b(\d{1,2})\s*(am|pm)\b"
)
_ISO_DAY: Final = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_FIGURES_DAY: Final = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./]?(\d{4})?(?=\s|$)")
_NAMED_DAY: Final = re.compile(
    r"\b(?:(\d{1,2})(?:st|nd|rd|th|er)?\s+(" + "|".join(_MONTHS) + r")|("
    + "|".join(_MONTHS) + r")\s+(\d{1,2})(?:st|nd|rd|th)?)\b(?:,?\s+(\d{4}))?"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time that somebody means, Unix seconds."""

    since_s: float
    until_s: float
    at: Moment | None = None
    """The moment that was named; None where it was a day or a part of one."""


class _TextToParse:
    """What is left of a text, and what was taken from it."""

    def __init__(self, text: str) -> None:
        plain = unicodedata.normalize("NFKD", text.lower())
        letters = "".join(each for each in plain if not unicodedata.combining(each))
        self.rest = letters.replace("\u2019", "'").replace("a\u0300", "a").strip()

    def pop_match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.search(self.rest)
        if found is not None:
            self.rest = f"{self.rest[: found.start()]} {self.rest[found.end() :]}"
        return found

    def pop_word(self, words: object) -> str | None:
        names = sorted(map(str, words), key=len, reverse=True)  # type: ignore[call-overload]
        found = self.pop_match(
            re.compile(r"(?<![\w'-])(?:" + "|".join(map(re.escape, names)) + r")\b")
        )
        return None if found is None else found[0]

    @property
    def is_used_up(self) -> bool:
        return set(self.rest.replace(",", " ").split()) <= _SMALL


def stretch_of(text: str, zone: tzinfo, *, newest_s: float) -> Stretch | None:
    """Return the time that a text means; None where it means none.

    "now" is the newest record. Raises `SpokenError` for a time that does not exist.
    """
    if moment := _exact(text, zone, newest_s):
        return moment
    said = _TextToParse(text)
    if said.rest in ("now", "maintenant", "just now"):
        return _stretch_around(newest_s)
    if re.search(r"^il y a\b|\bago$", said.rest):
        return _ago(said, newest_s)
    return _by_calendar(said, zone, newest_s)


def _by_calendar(said: _TextToParse, zone: tzinfo, newest_s: float) -> Stretch | None:
    """Return the day, the part of it or the time of day that was said."""
    today = datetime.fromtimestamp(newest_s, zone).date()
    day = _day_of(said, today)
    part = said.pop_word(_PARTS)
    clock = said.pop_match(_CLOCK)
    if not said.is_used_up:
        return None
    if clock is not None:
        return _at_clock(clock, day, part, zone, newest_s)
    if part is not None:
        return _part_of_day(part, day or today, zone, newest_s, is_day_said=day is not None)
    return None if day is None else _hours(day, 0, 24, zone, newest_s)


def _ago(said: _TextToParse, newest_s: float) -> Stretch | None:
    ago = said.pop_match(_AGO)
    if ago is None or not said.is_used_up:
        return None
    count = 1.0 if ago[1][0] in "au" else float(ago[1].replace(",", "."))
    return _stretch_around(max(newest_s - count * _UNITS[ago[2]], 0.0))


def _exact(text: str, zone: tzinfo, newest_s: float) -> Stretch | None:
    """Return what the commands understand too: 08:15, 2026-03-29 08:15, 2h."""
    if re.fullmatch(r"\d+|\d{4}-\d{2}-\d{2}|\d{8}", text.strip()):
        return None  # a number may be anything, a date is a whole day
    try:
        return _stretch_around(moment_of(text, zone, newest_s=newest_s), lasts_s(text))
    except SpokenError as error:
        if error.texts[0].key in _CLOCK_CHANGES:
            raise
        return None


def _day_of(said: _TextToParse, today: date) -> date | None:
    if found := said.pop_match(_ISO_DAY):
        return _date(int(found[1]), int(found[2]), int(found[3]))
    if found := said.pop_match(_FIGURES_DAY):
        return _last(int(found[2]), int(found[1]), found[3], today)
    if found := said.pop_match(_NAMED_DAY):
        month = _MONTHS[found[2] or found[3]]
        return _last(month, int(found[1] or found[4]), found[5], today)
    if word := said.pop_word(_DAYS):
        return today - timedelta(days=_DAYS[word])
    word = said.pop_word(_WEEKDAYS)
    return None if word is None else today - timedelta((today.weekday() - _WEEKDAYS[word]) % 7)


def _last(month: int, day: int, year: str | None, today: date) -> date:
    """Return that day of the year that was said, or the last one that has been."""
    if year is not None:
        return _date(int(year), month, day)
    found = _date(today.year, month, day)
    return found if found <= today else _date(today.year - 1, month, day)


def _date(year: int, month: int, day: int) -> date:
    text = f"{year}-{month:02}-{day:02}"
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise spoken_error("when.no_year", text=text, least=FIRST_YEAR, most=LAST_YEAR)
    try:
        return date(year, month, day)
    except ValueError:
        raise spoken_error("when.no_date", text=text) from None


def _at_clock(
    clock: re.Match[str], day: date | None, part: str | None, zone: tzinfo, newest_s: float
) -> Stretch | None:
    hour, minute = int(clock[1] or clock[5]), clock[2] or "00"
    half = clock[4] or clock[6]
    is_late = part is not None and _PARTS[part][0] >= 12  # noqa: PLR2004 - noon
    if (half == "pm" or (is_late and half is None)) and hour < 12:  # noqa: PLR2004
        hour += 12
    if half == "am" and hour == 12:  # noqa: PLR2004
        hour = 0
    if hour > 23 or int(minute) > 59:  # noqa: PLR2004
        return None
    written = f"{hour:02}:{minute}:{clock[3] or '00'}"
    if day is not None:
        written = f"{day.isoformat()} {written}"
    at_s = moment_of(written, zone, newest_s=newest_s)
    return _stretch_around(at_s, MINUTE_S if clock[3] is None else 1.0)


def _part_of_day(
    part: str, day: date, zone: tzinfo, newest_s: float, *, is_day_said: bool
) -> Stretch:
    found = _hours(day, *_PARTS[part], zone, newest_s)
    if found.since_s > newest_s and not is_day_said:
        return _hours(day - timedelta(days=1), *_PARTS[part], zone, newest_s)
    return found


def _hours(day: date, first: int, last: int, zone: tzinfo, newest_s: float) -> Stretch:
    end = day + timedelta(days=last // 24)
    since_s = moment_of(f"{day.isoformat()} {first:02}:00", zone, newest_s=newest_s)
    until_s = moment_of(f"{end.isoformat()} {last % 24:02}:00", zone, newest_s=newest_s)
    return Stretch(since_s, until_s)


def _stretch_around(at_s: float, lasts_s: float = 0.0) -> Stretch:
    return Stretch(at_s - NEAR_S, at_s + NEAR_S, Moment(at_s, lasts_s))
