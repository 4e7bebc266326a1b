"""Transcripts: text files that say what happens and what comes of it, and a test that plays them.

A story begins with `#` lines: the rule that it shows. Each other line is a row of events, separated
by semicolons. Lines that begin with `=` say what came of the row above them; a row without such
lines led to nothing. An event is a verb with its arguments: `answered 403 request_id=r2`. A `-` is
None, `yes` and `no` are booleans, and where the verb's function wants an enumeration a word is one
of its members. A verb `again` starts with a new player. What comes of a row is `the same` where
several lines are those of the row in its place before that.

A `test_stories.py` names the player of the files beside it.
`.venv/bin/python -m tests.transcripts --renew` writes what comes of the events today.
"""

from __future__ import annotations

import re
import shlex
import shutil
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import unified_diff
from enum import StrEnum
from functools import cache, partial
from inspect import signature
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import pytest

T = TypeVar("T")
WORDS = {"-": None, "yes": True, "no": False}
DEED = "_do_"
DETAIL = "    "
"""Begins a line that says more of the one above it. One like the last such line is left out."""
SAME = "the same"


class Player(ABC):
    """Something to which events happen: a method `_do_VERB` for each verb of its stories."""

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        names = (name for name in dir(type(self)) if name.startswith(DEED))
        return {name.removeprefix(DEED): getattr(self, name) for name in names}

    @abstractmethod
    def news(self) -> list[str]:
        """Return in words what came since it was asked last."""

    def close(self) -> None:  # noqa: B027 - most hold nothing open
        """Free what it holds open."""

    def new_of(self, everything: list[T]) -> list[T]:
        """Return what came to a list since it was asked last."""
        counts = vars(self).setdefault("_counts", {})
        _, known = counts.get(id(everything), (everything, 0))
        counts[id(everything)] = everything, len(everything)  # while it is kept its id is its own
        return everything[known:]


class Teller(Player):
    """A player whose verbs keep in `told` what came of them."""

    told: list[str]

    def news(self) -> list[str]:
        """Return what was told since it was asked last."""
        told, self.told = self.told, []
        return told


@dataclass
class TellerAtHome(Teller):
    """A teller with a directory of its own, which is removed with it."""

    home: Path = field(default_factory=lambda: Path(mkdtemp(prefix="story-")))
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Remove the directory with the player."""
        weakref.finalize(self, shutil.rmtree, self.home)


PLAYERS: dict[Path, Callable[[], Player]] = {}
"""What plays each file, of those tests that were imported."""


@dataclass(frozen=True)
class Story:
    """A rule, and rows of events that show it, each as it is written."""

    rule: tuple[str, ...]
    rows: tuple[str, ...]
    text: str

    @property
    def name(self) -> str:
        """The first sentence of its rule, as the id of a test."""
        first = " ".join(line.lstrip("# ") for line in self.rule).partition(".")[0]
        return re.sub("[^a-z0-9]+", "_", first.lower()).strip("_")


def stories(path: Path) -> Iterator[Story]:
    """Yield the stories of a file."""
    for paragraph in path.read_text("utf-8").strip().split("\n\n"):
        lines = paragraph.splitlines()
        rule = tuple(line for line in lines if line.startswith("#"))
        rows = tuple(line for line in lines if not line.startswith(("#", "=")))
        yield Story(rule, rows, "\n".join(lines))


def stories_test(
    file: str, player: Callable[[], Player], **others: Callable[[], Player]
) -> Callable[[Story, Callable[[], Player]], None]:
    """Return a test of the stories beside a file; `others` play the files of their names."""
    paths = sorted(Path(file).parent.glob("*.txt"))
    players = {path: others.get(path.stem, player) for path in paths}
    PLAYERS.update(players)

    @pytest.mark.parametrize(
        ("story", "new_player"),
        [
            pytest.param(story, players[path], id=f"{path.stem}-{story.name}")
            for path in paths
            for story in stories(path)
        ],
    )
    def play(story: Story, new_player: Callable[[], Player]) -> None:
        """Play a story: what comes of it is what it says."""
        found = played(story, new_player)
        if found != story.text:
            lines = unified_diff(story.text.splitlines(), found.splitlines(), "story", "played")
            pytest.fail("\n".join(lines), pytrace=False)

    return play


def played(story: Story, new_player: Callable[[], Player]) -> str:
    """Play the events, and return the story with what came of them."""
    player = new_player()
    lines = list(story.rule)
    before: list[list[str]] = []
    now: list[list[str]] = []
    detail = ""
    try:
        for row in story.rows:
            lines.append(row)
            for verb, *arguments in events_in(row):
                if verb == "again":
                    player.close()
                    player, before, now = new_player(), now, []
                else:
                    _call(player.verbs()[verb], arguments)
            if news := player.news():
                now.append(news)
            if len(news) > 1 and news in before[len(now) - 1 : len(now)]:
                news = [SAME]
            for line in news:
                if line != detail:
                    lines.append(f"= {line}")
                detail = line if line.startswith(DETAIL) else detail
    finally:
        player.close()
    return "\n".join(lines)


def renew(path: Path, new_player: Callable[[], Player]) -> None:
    """Write what comes of the events of a file today."""
    text = "\n\n".join(played(story, new_player) for story in stories(path))
    path.write_text(f"{text}\n", encoding="utf-8")


def perform(player: Player, rows: Iterable[str]) -> None:
    """Let the events of rows happen; what comes of them is not asked for."""
    for row in rows:
        for verb, *arguments in events_in(row):
            _call(player.verbs()[verb], arguments)


def _call(verb: Callable[..., object], words: Iterable[str]) -> None:
    positional, named = as_arguments(words)
    function = getattr(verb, "__func__", verb)
    if getattr(function, "__annotations__", None):
        given = signature(verb).bind(*positional, **named)
        given.arguments.update(with_members(function, given.arguments))
        positional, named = [*given.args], given.kwargs
    verb(*positional, **named)


def with_members(annotated: Any, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return words by name, with members where a function or a record wants an enumeration.

    Several members have commas between.
    """
    makers = _makers(annotated)
    return {
        name: makers[name](word) if word is not None and name in makers else word
        for name, word in words.items()
    }


@cache
def _makers(annotated: Any) -> Mapping[str, Callable[[str], object]]:
    """Return what makes a member of a word, by the names of arguments or fields."""
    return {
        name: partial(_several, kind) if get_origin(hint) is tuple else kind
        for name, hint in get_type_hints(annotated).items()
        for kind in (hint, *get_args(hint))
        if isinstance(kind, type) and issubclass(kind, StrEnum)
    }


def _several(kind: type[StrEnum], words: str) -> tuple[StrEnum, ...]:
    return tuple(map(kind, words.split(",")))


def as_arguments(words: Iterable[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return words as positional and named arguments."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for word in words:
        name, is_named, value = word.partition("=")
        if is_named and re.fullmatch(r"[\w.]+", name):
            named[name] = _value(value)
        else:
            positional.append(_value(word))
    return positional, named


def names_in(text: str) -> Iterator[str]:
    """Yield the names of `car:3`, `car:8-17`, `car-90`, or of several with commas between."""
    for one in filter(None, text.split(",")):
        prefix, is_many, numbers = one.partition(":")
        if not is_many:
            yield one
            continue
        first, _, last = numbers.rpartition("-")
        low, high = (int(first), int(last) + 1) if first else (0, int(last))
        yield from (f"{prefix}-{number}" for number in range(low, high))


def by_moment(happened: Iterable[tuple[float, str]]) -> Iterator[tuple[float, list[str]]]:
    """Yield each moment, in seconds, with all that happened then."""
    moments: dict[float, list[str]] = {}
    for at_s, what in happened:
        moments.setdefault(at_s, []).append(what)
    yield from moments.items()


def matching(lines: Iterable[str], pattern: str) -> list[str]:
    """Return the lines that match, without spaces around them; without a pattern all with words."""
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and re.search(pattern, line)]


def events_in(row: str) -> Iterator[list[str]]:
    """Yield the words of each event of a row; a word with spaces or semicolons is quoted."""
    words = shlex.shlex(row, posix=True, punctuation_chars=";")
    words.whitespace_split, words.commenters = True, ""
    event: list[str] = []
    for word in words:
        if word == ";":
            yield event
            event = []
        else:
            event.append(word)
    yield event


def _value(word: str) -> object:
    if word in WORDS:
        return WORDS[word]
    try:
        return int(word)
    except ValueError:
        pass
    try:
        return float(word)
    except ValueError:
        return word
