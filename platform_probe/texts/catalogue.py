"""All texts by key, a file for each language; readers fill in values, see `speaking`.

The English words of modes, facts and causes stand where these are declared. They have keys here
like all others: `mode.SLUG.customer`, `fact.SLUG`, `explanation.CAUSE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import CAUSES, Cause
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import APP_RELEASE, MODES, TITLES
from fleet_wire.modes.facts import FACTS, Fact
from fleet_wire.modes.mode import FailureMode

LANGUAGES: Final = ("en", "fr")
_FOLDER: Final = files("platform_probe.texts")
_RELEASE: Final = "app_release"
_PARTS: Final = ("engineer", "customer", "ask", "now", "mend")
"""The sentences of a mode, besides its title."""
Say = Callable[..., str]


@cache
def texts_of(language: str) -> Mapping[str, str]:
    """Return all texts of a language by their keys."""
    texts = msgspec.json.decode(
        _FOLDER.joinpath(f"{language}.json").read_bytes(), type=dict[str, str]
    )
    return {**texts, **dict(_declared())} if language == LANGUAGES[0] else texts


def _declared() -> Iterator[tuple[str, str]]:
    """Yield the English texts that stand where modes, facts and causes are declared."""
    for slug, title in TITLES.items():
        yield f"mode.{slug}.title", title
    for mode in (*MODES.values(), APP_RELEASE):
        for part in _PARTS:
            if text := getattr(mode, part):
                yield mode_text(mode, part).key, text
    for fact, info in FACTS.items():
        yield fact_text(fact).key, info.meaning
    for cause, told in CAUSES.items():
        yield f"explanation.{cause.value}", told.explanation


def mode_text(mode: FailureMode, part: str) -> Text:
    """Return a sentence of a mode: `engineer`, `customer`, `ask`, `now` or `mend`."""
    is_of_release = mode.slug == APP_RELEASE.slug and mode.now == APP_RELEASE.now
    is_own = is_of_release and part != "engineer"
    return Text(key=f"mode.{_RELEASE if is_own else mode.slug}.{part}")


def spoken_of(mode: FailureMode) -> tuple[Text, ...]:
    """Return all that a customer hears of a mode: what happened, and what they are asked to do."""
    parts = ("customer", "ask") if mode.ask else ("customer",)
    return tuple(mode_text(mode, part) for part in parts)


def title_text(slug: str) -> Text:
    """Return what a mode is called; the slug itself for one of another version."""
    return Text(key=f"mode.{slug}.title") if slug in TITLES else as_is(slug)


def fact_text(fact: Fact) -> Text:
    """Return what a fact means."""
    return Text(key=f"fact.{fact.value}")


def cause_text(cause: Cause) -> Text:
    """Return why an unlock failed, in a sentence."""
    return Text(key=f"explanation.{cause.value}")


def trait_text(group: str, name: str, value: str) -> Text:
    """Return the name of a trait with its value, by one of two groups of texts."""
    if not has_text(key := f"{group}.trait_{name}"):
        return Text(key="whom.trait_other", values={"name": name, "value": value})
    return Text(key=key, values={"value": value})


def as_is(text: str) -> Text:
    """Return what somebody wrote, or an older release, as a text of every language."""
    return Text(key="whom.as_is", values={"text": text})


def say_in(language: str) -> Say:
    """Return what says a text, by its key and with values for its places."""
    texts, english = texts_of(language), texts_of(LANGUAGES[0])

    def say(key: str, **values: Any) -> str:
        text = texts.get(key) or english[key]
        return text.format(**values) if values else text

    return say


def has_text(key: str) -> bool:
    """Return whether there is a text under a key."""
    return key in texts_of(LANGUAGES[0])


def language_of(chosen: str, accepted: str) -> str:
    """Return the language to speak: the chosen one, else the browser's first that there is."""
    if chosen in LANGUAGES:
        return chosen
    for each in accepted.split(","):
        name = each.partition(";")[0].strip().lower().partition("-")[0]
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]
