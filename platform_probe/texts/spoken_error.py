"""Errors in sentences of the catalogue, which each reader gets in their language."""

from __future__ import annotations

from collections.abc import Sequence

from fleet_wire.contract.text import Text, Value
from fleet_wire.error_text import nearest
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import TITLES
from platform_probe.texts.catalogue import LANGUAGES, as_is
from platform_probe.texts.speaking import ENGLISH, Speaker


class SpokenError(ConfigError):
    """A `ConfigError` in sentences of the catalogue; as a text it is English, with UTC times."""

    def __init__(self, *texts: Text) -> None:
        self.texts = texts
        super().__init__([ENGLISH.say(text) for text in texts])


def spoken_error(key: str, **values: Value) -> SpokenError:
    """Return the error of one sentence."""
    return SpokenError(Text(key=key, values=values))


def problem_texts(error: ConfigError) -> list[Text]:
    """Return the problems of an error; those outside the catalogue stay as they are."""
    return list(error.texts) if isinstance(error, SpokenError) else [*map(as_is, error.problems)]


def language_of_problem(language: str, problem: Text) -> str:
    """Return the language of a problem as a speaker of `language` says it."""
    inner = [value for value in problem.values.values() if isinstance(value, Text)]
    if problem.key == as_is("").key or any(language_of_problem("", each) for each in inner):
        return LANGUAGES[0]
    return language


def problems_in(error: ConfigError, speaker: Speaker) -> str:
    """Return the problems of an error as a speaker says them, one a line."""
    return "\n".join(map(speaker.say, problem_texts(error)))


def sentence_sequence(first: Text, *rest: Text) -> Text:
    """Return sentences that are said one after the other, as one text."""
    for text in rest:
        first = Text(key="sentence.then", values={"first": first, "then": text})
    return first


def with_nearest(text: Text, word: str, choices: Sequence[str]) -> Text:
    """Return a text with the question whether the nearest of `choices` was meant."""
    near = nearest(word, choices)
    if near is None:
        return text
    return sentence_sequence(text, Text(key="sentence.near", values={"near": near}))


def no_mode(mode: str) -> Text:
    """Return that there is no such failure mode, with the nearest."""
    return with_nearest(Text(key="asked.no_mode", values={"mode": mode}), mode, [*TITLES])
