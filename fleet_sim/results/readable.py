"""Numbers as people read them: in the report and on the terminal alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

NOTHING = "–"  # noqa: RUF001 - an en dash is what a table shows for no value
_LEAST_SHARE = 0.0001
"""The least share that is written as a number, and the least that is missing from all."""
_SIGNS = {"min": "≥", "max": "≤", "equals": "="}


def duration(value_s: float | None) -> str:
    """Return seconds with three significant digits in µs, ms or s; hours and minutes from 2 min on.

    >>> duration(0.00042), duration(0.0312), duration(4.256), duration(250)
    ('420 µs', '31.2 ms', '4.26 s', '4 min 10 s')
    """
    if value_s is None:
        return NOTHING
    if value_s >= 120:  # noqa: PLR2004 - two minutes
        minutes, seconds = divmod(round(value_s), 60)
        hours, minutes = divmod(minutes, 60)
        parts = ((hours, "h"), (minutes, "min"), (0 if hours else seconds, "s"))
        return " ".join(f"{number} {unit}" for number, unit in parts if number)
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value_s >= size * 0.9995:
            return f"{_three_digits(value_s / size)} {unit}"
    return f"{_three_digits(value_s / 1e-6)} µs" if value_s > 0 else "0 s"


def _three_digits(value: float) -> str:
    decimals = max(0, 2 - math.floor(math.log10(value) + 1e-12)) if value > 0 else 0
    text = f"{value:.{min(decimals, 2)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(unix_s: float) -> str:
    """Return Unix seconds as a time of day in UTC, in whole seconds.

    >>> moment(1_790_000_000.75)
    '2026-09-21 14:13:20 UTC'
    """
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def share(value: float | None) -> str:
    """Return a share in percent, rounded to two decimals; only all is 100 %, and only none is 0 %.

    >>> share(1.0), share(0.196875), share(0.5), share(0.99999), share(0.00001)
    ('100 %', '19.69 %', '50 %', '> 99.99 %', '< 0.01 %')
    """
    if value is None:
        return NOTHING
    if 0 < value < _LEAST_SHARE:
        return f"< {_percent(_LEAST_SHARE)}"
    if 1 - _LEAST_SHARE < value < 1:
        return f"> {_percent(1 - _LEAST_SHARE)}"
    return _percent(value)


def _percent(value: float) -> str:
    return f"{100 * value:.2f}".rstrip("0").rstrip(".") + " %"


def interrupted(after_s: float) -> str:
    """Return when a run was interrupted, `after_s` since its load began.

    >>> interrupted(9.25), interrupted(0.0)
    ('interrupted after 9.25 s', 'interrupted before a car was opened')
    """
    return f"interrupted {f'after {duration(after_s)}' if after_s else 'before a car was opened'}"


def count(value: float | None) -> str:
    """Return a whole number with its thousands apart, and other numbers to four digits."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def number_of(number: float | None, one: str) -> str:
    """Return how many there are of something that has an s where it is not one.

    >>> number_of(1, "fault"), number_of(2_000, "fault")
    ('1 fault', '2,000 faults')
    """
    return f"{count(number)} {one}{'' if number == 1 else 's'}"


def ratio(some: int, total: int) -> str:
    """Return how many there are, and of how many.

    >>> ratio(999, 1_000)
    '999 of 1,000'
    """
    return f"{count(some)} of {count(total)}"


def boxes(number: float | None) -> str:
    """Return how many boxes there are.

    >>> boxes(1), boxes(2_000)
    ('1 box', '2,000 boxes')
    """
    return f"{count(number)} {'box' if number == 1 else 'boxes'}"


def not_holding(failed: int, total: int) -> str:
    """Return how many expectations do not hold, as a sentence without its end.

    >>> not_holding(1, 4), not_holding(2, 4)
    ('1 of 4 expectations does not hold', '2 of 4 expectations do not hold')
    """
    verb = "does" if failed == 1 else "do"
    return f"{failed} of {number_of(total, 'expectation')} {verb} not hold"


def all_hold(number: int) -> str:
    """Return that all of so many expectations hold.

    >>> all_hold(3), all_hold(1)
    ('all 3 expectations hold', 'the expectation holds')
    """
    return "the expectation holds" if number == 1 else f"all {number} expectations hold"


def printable(text: str) -> str:
    """Return the text with a space for what acts upon a terminal, or has no place in XML."""
    return "".join(char if char.isprintable() else " " for char in text)


def bytes_size(value: float | None) -> str:
    """Return a size in KiB."""
    return NOTHING if value is None else f"{value / 1024:.1f} KiB"


def value(measured: Any) -> str:
    """Return what an expectation measured, in the unit in which its condition is written."""
    if measured is None:
        return "no value"
    if isinstance(measured, bool) or not isinstance(measured, int | float):
        return str(measured)
    return count(measured)


def condition(limits: Any) -> str:
    """Return `{min, max, equals}` as signs.

    >>> condition({"min": 0.99})
    '≥ 0.99'
    """
    if not isinstance(limits, Mapping):
        return str(limits)
    known = [(sign, limits[name]) for name, sign in _SIGNS.items() if limits.get(name) is not None]
    return " and ".join(f"{sign} {value(limit)}" for sign, limit in known)


def failure(verdict: Mapping[str, Any]) -> str:
    """Return in what an expectation does not hold; `verdict` as in `summary.json`.

    >>> failure({"key": "attempts.ok_share", "value": 0.5, "condition": {"min": 0.99}})
    'attempts.ok_share is 0.5, expected ≥ 0.99'
    """
    measured = "has no value" if verdict["value"] is None else f"is {value(verdict['value'])}"
    return f"{verdict['key']} {measured}, expected {condition(verdict['condition'])}"
