"""The catalogue of texts: complete in each language, used, and rendered as expected.

`python -m tests.platform_probe.texts.test_catalogue` renews the rendered sentences.
"""

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
from platform_probe.tell.support.advice import table
from platform_probe.texts.catalogue import LANGUAGES, texts_of
from tests.helpers.english import ENGLISH, FRENCH
from tests.helpers.french import TRANSLATED

FOLDER: Final = Path(product.__file__).parent
RENDERED: Final = Path(__file__).with_name("rendered.txt")
NAMED: Final = ("tell", "story", "seen", "post", "slack", "likely")
"""Groups of which each key is named in the code by its last part."""
FORMS: Final[dict[str, Any]] = {
    "": "NAME", "capital": "name", "clock": EPOCH_S, "time": EPOCH_S, "date": EPOCH_S, "ago": -75.0,
    "percent": 0.042, "whole": 0.5, "sure": 0.95, "months": 3.0, "lasting": 4_000.0, "long": 95.5,
    "mode": "auto_relock", "severity": "critical", "by": "somebody in Slack", "state": "open",
    "cause": "box_offline", "ended": "unknown", "operation": "unlock", "count": 1_234,
    ".0f": 12.4, ".1f": 12.4, ".2f": 12.4,
}  # fmt: skip
"""A value for each way in which a template writes one."""


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


def rendered() -> str:
    """Return every sentence with values in each language, with a value for each place."""
    lines = []
    for key, template in sorted(texts_of("en").items()):
        values = {name: FORMS[spec] for name, spec in fields(template).items()}
        if values:
            texts = texts_of("fr")
            french = {name: FORMS[spec] for name, spec in fields(texts[key]).items()}
            lines.append(f"{key}\n  {ENGLISH.say(Text(key=key, values=values))}")
            lines.append(f"  {FRENCH.say(Text(key=key, values=french))}")
    return "\n".join(lines) + "\n"


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


def test_sentences_are_rendered_as_expected() -> None:
    """In both languages, with numbers and times as each writes them."""
    assert rendered() == RENDERED.read_text("utf-8")


if __name__ == "__main__":
    RENDERED.write_text(rendered(), "utf-8")
