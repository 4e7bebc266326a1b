"""Text for errors: foreign text on one line, near names, and locations in our own code."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Final

_ROOT: Final = __file__.removesuffix("fleet_wire/error_text.py")
OURS: Final = (f"{_ROOT}fleet_wire/", f"{_ROOT}platform_probe/")
"""Folders of the monitor's code, in which the place of a defect is named."""
MAX_LETTERS: Final = 60
"""Most letters of foreign text within an error."""
_SHOWN_CHOICES: Final = 30


def shortened(text: str, letters: int = MAX_LETTERS) -> str:
    """Return a text of about `letters` at most: of a longer one its beginning and its end."""
    if len(text) <= letters:
        return text
    begin = letters * 2 // 3
    return f"{text[:begin]}...{text[begin - letters :]}"


def first_few(names: Iterable[str], total: int, most: int) -> str:
    """Return the first `most` of `total` names, and how many more there are.

    >>> first_few(["a", "b", "c", "d"], 4, most=3)
    'a, b, c and 1 more'
    """
    named = ", ".join(islice(names, most))
    return f"{named} and {total - most} more" if total > most else named


def nearest(word: object, choices: Sequence[str]) -> str | None:
    """Return the one of `choices` that was most likely meant; None where none is near."""
    text = str(word).lower()
    longer = [choice for choice in choices if choice.startswith(text) and len(text) > 1]
    return next(iter(longer[:1] or get_close_matches(text, choices, n=1)), None)


def suggestion(word: object, choices: Sequence[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest of `choices`, or the list of them all."""
    near = nearest(word, choices)
    if near is not None:
        return f"; did you mean '{near}'?"
    if not choices or len(choices) > _SHOWN_CHOICES:
        return ""
    return f"; expected one of: {', '.join(choices)}"


def on_one_line(text: str) -> str:
    """Return a text in which line ends, and what else moves a terminal's cursor, is written out."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def text_problem(text: str) -> str | None:
    """Return what is wrong with a text that no file, broker or log can hold; None when it is fine.

    Python reads bytes that are no UTF-8 as lone surrogates, and YAML and JSON can name them.
    """
    if "\0" in text:
        return "holds a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    return None


def with_place(error: BaseException, *within: str) -> str:
    """Return `FILE:LINE: Kind: message`: the innermost line in a file or folder of `within`."""
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(within):
            return f"{frame.filename}:{frame.lineno}: {what}"
    return what
