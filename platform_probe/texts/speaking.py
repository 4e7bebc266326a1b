"""Says a sentence of the catalogue in a language, and fills in its values: times, shares, names.

A time of day stands alone on the day of who reads it, and with its date on every other day. That
day is a moment of the records: of a revision for messages, the newest record for lists and pages,
the unlock's own for an unlock. So the same records give the same words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from functools import cache
from string import Formatter
from typing import Any, Final

from fleet_wire.contract.incident import MOST_MONTHS
from fleet_wire.contract.text import Text
from platform_probe.texts.catalogue import has_text, say_in, title_text

MUCH_SURE: Final = 0.999
"""Nobody reads more digits [E]."""
_MINUTE_S: Final = 60.0
_HOUR_MIN: Final = 60
_HOUR_S: Final = 3_600.0
_DAY_S: Final = 86_400.0
_MINUTES_FROM_S: Final = 600.0
_LATEST_S: Final = 253_402_000_000.0
"""In the year 9999: a calendar ends there."""


class Speaker:
    """Says sentences in one language, with times of a zone, on the day of a moment `day_s`.

    `{share:percent}` in a template says how a value is written; `{volts:.1f}` writes a number.
    A time has a date only where there is a day.
    """

    def __init__(self, language: str, zone: tzinfo = UTC, *, day_s: float | None = None) -> None:
        self.language, self.zone = language, zone
        self._say = say_in(language)
        self._day = None if day_s is None else self._local(day_s).date()
        self._writers: dict[str, Callable[[Any], str]] = {
            "": self._plain,
            "capital": lambda value: _capital(self._plain(value)),
            "clock": self.clock,
            "time": lambda at_s: self._on_day(at_s, "%H:%M:%S"),
            "date": self.date,
            "ago": self._time_from_request,
            "cause": lambda name: self._named("cause", name),
            "percent": lambda share: self.number(percent(share)),
            "whole": _whole_percent,
            "sure": self._sureness,
            "count": self._count,
            "months": self._months,
            "lasting": lambda seconds: self._in_days(lasting(seconds)),
            "long": lambda seconds: self._in_days(long_of(seconds)),
            "mode": self._mode,
            "severity": lambda name: self._named("severity", name),
            "by": lambda name: self._named("by_button", name),
            "ended": lambda name: self._named("ended", name),
            "state": lambda name: self._named("state", name),
            "operation": lambda name: self._named("operation", name).replace("_", " "),
        }

    def on(self, day_s: float) -> Speaker:
        """Return who says the same to readers on the day of a moment, Unix seconds."""
        return Speaker(self.language, self.zone, day_s=day_s)

    def clock(self, at_s: float) -> str:
        """Return the time of day to the minute, with the date on another day than the reader's."""
        return self._on_day(at_s, "%H:%M")

    def date(self, at_s: float) -> str:
        """Return day, time and zone, as the language writes them."""
        return self._local(at_s).strftime(self._say("time.date_form"))

    def _on_day(self, at_s: float, form: str) -> str:
        at = self._local(at_s)
        if self._day not in (None, at.date()):
            form = f"{form} {self._say('time.day_form')}"
        return at.strftime(form)

    def _local(self, at_s: float) -> datetime:
        return datetime.fromtimestamp(min(max(at_s, 0.0), _LATEST_S), self.zone)

    def _in_days(self, duration: str) -> str:
        return self.number(duration).replace("days", self._say("sentence.days"))

    def say(self, text: Text) -> str:
        """Return a sentence; its key where this release has no template for it."""
        if not has_text(text.key):
            return text.key
        return "".join(
            literal if name is None else literal + self._value_text(text.values[name], form)
            for literal, name, form in _template_parts(self._say(text.key))
        )

    def say_all(self, texts: Iterable[Text]) -> str:
        """Return sentences one after the other."""
        return " ".join(map(self.say, texts))

    def _value_text(self, value: Any, form: str) -> str:
        """Return a value as its place in a template wants it."""
        if form.endswith("f"):
            return self.number(format(value, form))
        return self._writers[form](value)

    def _count(self, number: int) -> str:
        is_english = self._say("number.point") == "."
        return f"{number:,}" if is_english else f"{number:,}".replace(",", "\u00a0")

    def _time_from_request(self, apart_s: float) -> str:
        """Return how far a moment is from the request."""
        by_minutes = abs(apart_s) >= _MINUTES_FROM_S
        how_far = f"{abs(apart_s) / 60:.0f} min" if by_minutes else f"{abs(apart_s):.0f} s"
        key = "time.after_request" if apart_s >= 0 else "time.before_request"
        return self._say(key, long=how_far)

    def _plain(self, value: Any) -> str:
        if isinstance(value, Text):
            return self.say(value)
        if isinstance(value, tuple):
            return ", ".join(map(self.say, value))
        return str(value)

    def number(self, number: str) -> str:
        """Return a number as the language writes it."""
        return number.replace(".", self._say("number.point"))

    def _sureness(self, sure: float) -> str:
        said = self.number(sureness(sure))
        return said.replace("more than", self._say("sentence.more_than"))

    def _months(self, months: float) -> str:
        number = whole_months(months)
        words = [self._say("sentence.more_than")] if number >= MOST_MONTHS else []
        unit = self._say("sentence.month" if number == 1 else "sentence.months")
        return " ".join([*words, f"{number}", unit])

    def _mode(self, slug: str) -> str:
        return self.say(title_text(slug))

    def _named(self, group: str, name: str) -> str:
        """Return the word for a name of the records; what people wrote stays as it is."""
        key = f"{group}.{name}"
        return self._say(key) if has_text(key) else name


@cache
def _template_parts(template: str) -> tuple[tuple[str, str | None, str], ...]:
    """Return a template's words, each with the name and form of the value that follows, if any."""
    return tuple((words, name, form or "") for words, name, form, _ in Formatter().parse(template))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _whole_percent(share: float) -> str:
    """Return a share in whole percents; only all is 100 %, and only none is 0 %."""
    rounded = round(100 * share)
    if 0.0 < share < 1.0:
        rounded = min(99, max(1, rounded))
    return f"{rounded} %"


def whole_months(months: float) -> int:
    """Return a number of months as people read it; `MOST_MONTHS` means more than that."""
    return max(round(months), 1)


def sureness(sure: float) -> str:
    """Return a confidence, which is never entire."""
    return "more than 99.9 %" if sure > MUCH_SURE else f"{math.floor(1_000 * sure) / 10:g} %"


def percent(share: float) -> str:
    """Return a share of 1; only all is 100 %, and small ones keep a digit behind the point."""
    if 0.0 < share < 0.0995:  # noqa: PLR2004 - 9.95 % is shown as 10 %
        return f"{100 * share:.1f} %"
    rounded = round(100 * share)
    return f"{min(99, rounded) if share < 1.0 else rounded} %"


def lasting(seconds: float) -> str:
    """Return a duration with two units at most."""
    seconds = max(seconds, 0.0)
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    minutes = round(seconds / _MINUTE_S)
    if minutes < _HOUR_MIN:
        return f"{minutes} min"
    if seconds < 2 * _DAY_S:
        return f"{minutes // _HOUR_MIN} h {minutes % _HOUR_MIN} min"
    return f"{seconds / _DAY_S:.0f} days"


def long_of(seconds: float) -> str:
    """Return a duration as a person says it, with two units at most."""
    if round(seconds, 1) < _MINUTE_S:
        return f"{seconds:.1f} s"
    seconds = round(seconds)
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min {seconds % _MINUTE_S:.0f} s"
    if seconds < 2 * _DAY_S:
        return f"{seconds // _HOUR_S:.0f} h {seconds % _HOUR_S // _MINUTE_S:.0f} min"
    return f"{seconds / _DAY_S:.0f} days"


ENGLISH: Final = Speaker("en")
"""Says the words that records keep."""
