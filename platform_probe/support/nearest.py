"""Ids as people remember them: in other letters, a part, a digit wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

SHOWN: Final = 5
_NUMBER: Final = re.compile(r"0*(\d+)")


def same_id(text: str, ids: Sequence[str]) -> str | None:
    """Return the one id that is meant, in these letters or in others; None where there is none."""
    if text in ids:
        return text
    matches = [each for each in ids if each.lower() == text.strip().lower()]
    return matches[0] if len(matches) == 1 else None


def nearest(text: str, ids: Sequence[str]) -> list[str]:
    """Return the ids that may have been meant, the likeliest first: "CAR-42" may be car-00042."""
    wanted = _plain(text)
    plain = {each: _plain(each) for each in ids}
    same = [each for each, letters in plain.items() if letters == wanted]
    part = [each for each, letters in plain.items() if wanted and wanted in letters]
    close = get_close_matches(text, ids, n=SHOWN, cutoff=0.6)
    return list(dict.fromkeys([*same, *sorted(part), *close]))[:SHOWN]


def _plain(text: str) -> str:
    """Return an id without what people leave out: capitals, signs, zeros before a number."""
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    return _NUMBER.sub(r"\1", letters)
