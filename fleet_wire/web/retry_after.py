"""How long a server asks to be left alone: the header `Retry-After`, read in one place. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER_S: Final = 3_600.0
"""A longer wait is cut: messages about incidents must not wait for days."""
_SECONDS: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)
"""RFC 9110, section 10.2.3, has whole seconds; some servers send fractions."""


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait in seconds, from 0 to `MAX_RETRY_AFTER_S`; None where none is asked for.

    The header holds seconds or a date, which is compared with the answer's own `Date`. A text that
    is neither (`nan`, `inf`, `-1`) asks for nothing.
    """
    texts = {name.lower(): value.strip() for name, value in headers.items()}
    text = texts.get("retry-after", "")
    if _SECONDS.fullmatch(text):
        return min(float(text), MAX_RETRY_AFTER_S)  # thousands of digits are infinity
    until, now = _date(text), _date(texts.get("date", ""))
    if until is None or now is None:
        return None
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)


def _date(text: str) -> datetime | None:
    """Return a date of HTTP, without its time zone, which is GMT (RFC 9110, section 5.6.7)."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=None)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
