"""Sentences that the records have in English, in another language: with the same numbers and names.

`texts/fr_sentences.json` has an English sentence with places and what a language says for it. A
place holds a number, a time, a name, or another sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple

from platform_probe.texts.catalogue import has_text, said_texts, say_in, sentences_of

MOST_LETTERS: Final = 2_000
"""What is longer is no sentence of ours, and takes long to compare."""
_NUMBER: Final = r"\d+"
_SHARE: Final = r"(?:more than )?[\d.]+ %"
_CLOCK: Final = r"\d\d:\d\d(?::\d\d)?"
_FORMS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("failed", "total", "others", "all", "inside", "attempts", "count"), _NUMBER),
    **dict.fromkeys(("share", "expected", "sure"), _SHARE),
    **dict.fromkeys(("since", "until", "at"), _CLOCK),
    "long": r"[\d.]+ s|\d+ min|\d+ min \d+ s|\d+ h \d+ min|\d+ days",
    "outcome": "refused|failed|unknown",
    **dict.fromkeys(("cause", "phase"), "[a-z_]+"),
    "answer": r"\d+(?: [\w-]+)?",
    "asker": "(?:the same|another) customer|the monitor|somebody(?: with another booking)?",
    "end": (
        "opened late|did not open|is not known to have opened"
        "|opened by its own report, and never answered"
    ),
    "verb": "book|extend|end|unlock|lock",
    "command": r"(?:book|extend|end|unlock|lock)(?: no\. \d+)?",
    "lock": "(?:un)?locked(?:, door open)?",
    "decimal": r"-?[\d.]+(?:e\+\d+)?",
    "ago": r"\d+ (?:s|min) (?:before|after) the request",
    "thing": r"the [^,]+|[\w.]+",
    "more": r"app \S+(?:, \d+ times)?|\d+ times",
}
"""The pattern of each place; any other accepts anything."""
_KEPT: Final = frozenset(
    {
        "failed", "total", "others", "all", "inside", "attempts", "count", "since", "until", "at",
        "window", "cars", "phase", "answer", "version", "event", "id",
    }
)  # fmt: skip
"""Places that are equal in every language."""
_NAMED: Final = {
    "cause": "cause", "outcome": "ended", "by": "by_button", "reason": "by_button",
}  # fmt: skip
"""In these stands a name of the records, and in which group of the texts its word does.

Texts that people wrote themselves stay unchanged.
"""
_NUMBERS: Final = frozenset({"share", "expected", "sure", "long", "decimal"})
"""Places in which only the decimal point and a word differ."""
_TRAIT: Final = re.compile(
    r"(^|, and as |, | in )(app version|API release|region|operator|firmware|hardware|site) ",
    re.IGNORECASE,
)
"""The places of trait names in the name of a cohort."""
_JOINTS: Final = {", and as ": "sentence.and_as", " in ": "sentence.in"}


class _Sentence(NamedTuple):
    """A sentence with places: what it looks like in English, and what is said for it."""

    english: re.Pattern[str]
    said: str


@lru_cache(maxsize=4_096)
def translate(language: str, text: str) -> str:
    """Return what the records say, in a language; as it is where that is not known there."""
    said, rest = list[str](), text if len(text) <= MOST_LETTERS else ""
    while rest:
        found = _first_of(language, rest)
        if found is None:
            return text
        sentence, length = found
        said.append(sentence)
        rest = rest[length:].lstrip()
    return " ".join(said) or text


def language_told(language: str, text: str) -> str:
    """Return in which language `told` says a text."""
    return language if translate(language, text) != text else "en"


def _first_of(language: str, text: str) -> tuple[str, int] | None:
    """Return the sentence that a text begins with, and how long it is in English."""
    for sentence in _sentences(language):
        found = sentence.english.match(text)
        if found is not None:
            values = {
                name: _in_place(language, name.rstrip("2"), value)
                for name, value in found.groupdict().items()
            }
            return sentence.said.format(**values), found.end()
    return None


@cache
def _sentences(language: str) -> tuple[_Sentence, ...]:
    """Return all sentences of a language, those with the most words of their own first.

    One that ends with a full stop may be followed by another.
    """
    made = []
    for english, said in sentences_of(language).items():
        parts = re.split(r"\{(\w+)\}", english)
        pattern = "".join(
            f"(?P<{part}>{_FORMS.get(part.rstrip('2'), '.+?')})" if place % 2 else re.escape(part)
            for place, part in enumerate(parts)
        )
        end = r"(?=\s|$)" if english.endswith(".") else r"\Z"
        own = sum(map(len, parts[::2]))
        made.append((own, _Sentence(re.compile(pattern + end, re.DOTALL), said)))
    return tuple(one for _, one in sorted(made, key=lambda each: -each[0]))


def _in_place(language: str, name: str, value: str) -> str:
    """Return what stands in a place, in a language."""
    say = say_in(language)
    if name in _KEPT:
        return value
    if name in _NUMBERS:
        number = value.replace(".", say("number.point"))
        number = number.replace("more than", say("sentence.more_than"))
        return number.replace("days", say("sentence.days"))
    if name in _NAMED:
        key = f"{_NAMED[name]}.{value}"
        return say(key) if has_text(key) else value
    if name in ("cohort", "same"):
        return _cohort(language, value)
    texts = said_texts(language)
    parts = value.split(", ") if name == "things" else [value]  # doors, one after the other
    return ", ".join(texts.get(part) or translate(language, part) for part in parts)


def _cohort(language: str, name: str) -> str:
    """Return the name of a cohort: traits are called what the pages call them."""
    say = say_in(language)

    def trait(found: re.Match[str]) -> str:
        joint, word = found.groups()
        key = f"column.{word.lower().replace(' ', '_')}"
        called = say(key) if has_text(key) else word
        said = called if word[:1].isupper() else called[:1].lower() + called[1:]
        joint = f" {say(_JOINTS[joint])} " if joint in _JOINTS else joint
        return f"{joint}{said} "

    return _TRAIT.sub(trait, name)
