"""Ids and names as people remember them: in other letters, a part, a digit wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from fleet_wire.contract.text import Text
from platform_probe.store.duck import Duck
from platform_probe.texts.spoken_error import sentence_sequence

SHOWN: Final = 5
MOST_ALIKE: Final = 50
"""Ids of a store that are looked at more closely: it may hold millions."""
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


def nearest_texts(text: str, columns: Sequence[tuple[str, str]], duck: Duck) -> list[str]:
    """Return what stands in these columns, each of a table, and looks most like a text.

    Raises `ConfigError` where a store holds so many that it takes too long.
    """
    known = " UNION ".join(
        f"SELECT DISTINCT {column} AS id FROM {table} WHERE {column} IS NOT NULL"
        for table, column in columns
    )
    found = duck.query(
        f"SELECT id FROM ({known}) ORDER BY lower(id) = lower($text) DESC,"
        " contains(lower(id), lower($text)) DESC,"
        " jaro_winkler_similarity(lower(id), lower($text)) DESC, id",
        {"text": text.strip()},
        limit=MOST_ALIKE,
    )
    return [row[0] for row in found.rows]


def not_found(what: Text, text: str, ids: Sequence[str]) -> Text:
    """Return that something is not in a store, with the nearest of `ids` that is."""
    none = Text(key="find.none", values={"kind": what, "id": text})
    near = nearest(text, ids)
    if not near:
        return none
    return sentence_sequence(none, Text(key="find.nearest", values={"ids": ", ".join(near)}))


def kind_of_id(column: str) -> Text:
    """Return what people call what a column identifies."""
    return Text(key=f"id_kind.{column}")


def _plain(text: str) -> str:
    """Return an id without what people leave out: capitals, signs, zeros before a number."""
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    return _NUMBER.sub(r"\1", letters)
