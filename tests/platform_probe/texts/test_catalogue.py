"""The catalogue of texts: complete in each language, used, and written as each language does."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from string import Formatter
from typing import Any, Final

import pytest

import platform_probe as product
from bench.detection.town import EPOCH_S
from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.mode import FailureMode
from platform_probe.tell.support.advice import table
from platform_probe.texts.catalogue import LANGUAGES, texts_of
from platform_probe.texts.speaking import Speaker
from tests.helpers.english import ENGLISH, FRENCH

TRANSLATED: Final = 60
"""Modes up to this number have French texts; a newer one is told in English until it has some."""


def in_french() -> tuple[FailureMode, ...]:
    """Return the modes of which every sentence must be in French."""
    return tuple(mode for mode in MODES.values() if mode.number <= TRANSLATED)


FOLDER: Final = Path(product.__file__).parent
NAMED: Final = ("tell", "story", "seen", "post", "slack", "likely")
"""Groups of which each key is named in the code by its last part."""
WRITTEN: Final[dict[str, tuple[Any, str, str]]] = {
    "": ("NAME", "NAME", "NAME"),
    "capital": ("name", "Name", "Name"),
    "clock": (EPOCH_S, "00:00", "00:00"),
    "time": (EPOCH_S, "00:00:00", "00:00:00"),
    "date": (EPOCH_S, "Thu 1 Jan 2026 00:00:00 UTC", "01/01/2026 00:00:00 UTC"),
    "ago": (-75.0, "75 s before the request", "75 s avant la demande"),
    "percent": (0.042, "4.2 %", "4,2 %"),
    "whole": (0.5, "50 %", "50 %"),
    "sure": (0.95, "95 %", "95 %"),
    "months": (3.0, "3 months", "3 mois"),
    "lasting": (4_000.0, "1 h 7 min", "1 h 7 min"),
    "long": (95.5, "1 min 36 s", "1 min 36 s"),
    "mode": ("auto_relock", "the car locked itself again", "la voiture s'est reverrouillée"),
    "severity": ("critical", "critical", "critique"),
    "by": ("somebody in Slack", "somebody in Slack", "quelqu'un dans Slack"),
    "state": ("open", "open", "en cours"),
    "cause": ("box_offline", "box offline", "boîtier hors ligne"),
    "ended": ("unknown", "not known", "issue inconnue"),
    "operation": ("unlock", "unlock", "ouvrir"),
    "count": (1_234, "1,234", "1\u00a0234"),
    ".0f": (12.4, "12", "12"),
    ".1f": (12.4, "12.4", "12,4"),
    ".2f": (12.4, "12.40", "12,40"),
}
"""A value for each way in which a template writes one, as English and French write it."""


def fields(text: str) -> dict[str, str]:
    """Return how a template writes each of its values, by their names."""
    return {name: spec or "" for _, name, spec, _ in Formatter().parse(text) if name}


def sources() -> str:
    """Return all code, templates and data of the monitor but the catalogue itself."""
    folders = (FOLDER, FOLDER.parent / "fleet_wire" / "modes")
    paths = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".py", ".html", ".toml")
    ]
    return "\n".join(path.read_text("utf-8") for path in sorted(paths))


def test_each_language_has_every_text_with_the_same_places() -> None:
    """What one names the other names too; a mode of a package may lack French."""
    english, french = texts_of("en"), texts_of("fr")
    newer = {f"mode.{mode.slug}" for mode in MODES.values() if mode.number > TRANSLATED}
    lacking = {key for key in set(english) - set(french) if key.rpartition(".")[0] not in newer}
    assert (lacking, set(french) - set(english)) == (set(), set())
    assert [key for key in french if not french[key].strip()] == []
    assert [
        key for key in french if fields(english[key]).keys() != fields(french[key]).keys()
    ] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_stands_there_twice(language: str) -> None:
    """The second one would take the first one's place."""
    lines = (FOLDER / "texts" / f"{language}.json").read_text("utf-8").splitlines()[1:-1]
    keys = Counter(line.split('"')[1] for line in lines)
    assert [key for key, times in keys.items() if times > 1] == []


def test_every_text_is_used() -> None:
    """By its key, by its last part, or by a group of which a name of the records is a part."""
    code = sources()
    literals = set(re.findall(r"[\"']([\w. {}-]+)[\"']", code))
    literals |= set(re.findall(r'f"(\w+)\{', code))
    made = set(re.findall(r'"([\w.]+\.[^"\s]*\{[^"]*)"', code))
    groups = {re.escape(re.sub(r"\{[^}]*\}", "@", each)).replace("@", r"[\w. -]+") for each in made}
    named = "|".join(sorted(each for each in groups if not each.startswith(NAMED)))
    asked = set(re.findall(r'(?:display_name|word|_named)\(\s*"(\w+)"', code))
    asked |= set(re.findall(r'"(\w+)\." ~', code)) | {"mode", "whom", "fleet"}

    def is_used(key: str) -> bool:
        group, _, last = key.partition(".")
        if key in literals or group in asked or (group not in NAMED and re.fullmatch(named, key)):
            return True
        if group not in NAMED:
            return False
        ends = [last, re.sub("_(since|alike)$", "", last), last.removeprefix("gave_up_")]
        ends.append(re.sub("_alike$", "", last))
        cuts = [(last[:at], last[at + 1 :]) for at, letter in enumerate(last) if letter == "_"]
        ends += [first for first, second in cuts if second in literals]
        return any(each in literals or re.search(rf"Fact\.{each.upper()}\b", code) for each in ends)

    unused = [key for key in texts_of("en") if not is_used(key)]
    assert [key for key in unused if not key.startswith("story.answers_")] == []


def test_every_text_that_code_and_templates_name_is_there() -> None:
    """A text that all languages lack would end a page with an error."""
    code = sources()
    asking = r"(?:\bsay\(|\bkey=|spoken_error\()\s*[\"'](\w+\.\w[\w.]*)[\"'](?! ~)"
    named = set(re.findall(asking, code))
    for names in re.findall(r"for name in \[([^]]*)\] %\}[^~]*\"column\.\" ~ name", code):
        named |= {f"column.{name}" for name in re.findall(r"\w+", names)}
    assert {"column.site", "column.lock", "board.no_prometheus"} <= named
    assert named - set(texts_of("en")) == set()


def test_every_sentence_of_evidence_is_there() -> None:
    """A fact without a sentence would be shown as its key."""
    noted = {
        key or fact.lower()
        for fact, key, variable in re.findall(
            r'note\(\s*Fact\.(\w+)(?:,\s*(?:"(\w+)"|(\w+)[,)]))?', sources()
        )
        if not variable
    }
    noted |= set(re.findall(r'evidence\(\s*"(\w+)"', sources()))
    assert len(noted) > 100
    assert {f"seen.{key}" for key in noted} - set(texts_of("en")) == set()


def test_every_text_of_the_table_of_advice_is_there() -> None:
    """For each mode and cause that a row may name, and no step is of a text that is gone."""
    texts = texts_of("en")
    keys = {key for choice in table().choices for row in choice.rows for key in (*row.say, *row.do)}
    plain = {key for key in keys if "{" not in key} - {"*"}
    assert plain - set(texts) == set()
    assert {key for its in table().steps.values() for key in its} - set(texts) == set()
    for form in sorted(keys - plain - {"*"}):
        pattern = re.escape(form).replace(r"\{mode\}", r"\w+").replace(r"\{cause\}", r"\w+")
        pattern = pattern.replace(r"\{now\}", r"\w+")
        assert any(re.fullmatch(pattern, key) for key in texts), form


@pytest.mark.parametrize(("speaker", "column"), [(ENGLISH, 1), (FRENCH, 2)])
def test_every_sentence_writes_its_values_as_its_language_does(
    speaker: Speaker, column: int
) -> None:
    """Each place of each sentence is filled, with numbers and times as people write them."""
    for key, template in texts_of(speaker.language).items():
        written = {name: WRITTEN[spec] for name, spec in fields(template).items()}
        said = speaker.say(Text(key=key, values={name: one[0] for name, one in written.items()}))
        assert all(one[column] in said for one in written.values()), key
