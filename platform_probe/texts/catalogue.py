"""All texts of pages and incidents by key, a file for each language; `en.json` has every one.

Facts, stories and advice of a diagnosis are in English elsewhere. Their translations stand in
`fr_said.json` by the whole sentence, and in `fr_sentences.json` for sentences with values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

LANGUAGES: Final = ("en", "fr")
_FOLDER: Final = files("platform_probe.texts")
Say = Callable[..., str]


@cache
def texts_of(language: str) -> Mapping[str, str]:
    """Return all texts of a language by their keys."""
    return msgspec.json.decode(
        _FOLDER.joinpath(f"{language}.json").read_bytes(), type=dict[str, str]
    )


def said_texts(language: str) -> Mapping[str, str]:
    """Return what a language says for the English sentences of modes, causes and advice."""
    return _translated(f"{language}_said.json")


def sentences_of(language: str) -> Mapping[str, str]:
    """Return what a language says for English sentences with places; see `sentences`."""
    return _translated(f"{language}_sentences.json")


@cache
def _translated(name: str) -> Mapping[str, str]:
    """Return what a file says for English texts; nothing where a language has none."""
    path = _FOLDER.joinpath(name)
    if not path.is_file():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def say_in(language: str) -> Say:
    """Return what says a text, by its key and with values for its places."""
    texts, english = texts_of(language), texts_of("en")

    def say(key: str, **values: Any) -> str:
        text = texts.get(key) or english[key]
        return text.format(**values) if values else text

    return say


def has_text(key: str) -> bool:
    """Return whether there is a text under a key."""
    return key in texts_of("en")


def language_of(chosen: str, accepted: str) -> str:
    """Return the language to speak: the chosen one, else the browser's first that there is."""
    if chosen in LANGUAGES:
        return chosen
    for each in accepted.split(","):
        name = each.partition(";")[0].strip().lower().partition("-")[0]
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]
