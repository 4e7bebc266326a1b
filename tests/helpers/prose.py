"""Measures how plain the prose is: sentences of the docs and of docstrings, and names in the code.

`python -m tests.helpers.prose` prints every figure.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.helpers.imports import statements_of
from tests.helpers.places import ROOT

RULES: Final[dict[str, Any]] = tomllib.loads(
    (ROOT / "tests" / "docs" / "prose.toml").read_text(encoding="utf-8")
)
PAGES: Final = tuple(
    ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")
) + tuple(sorted((ROOT / "docs").rglob("*.md")))
MARKDOWN: Final = (
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "tests" / "README.md",
    ROOT / "deploy" / "alertmanager" / "secrets" / "README.md",
)
"""Every page that is ours."""
PACKAGES: Final = ("fleet_wire", "fleet_sim", "platform_probe")
LONG: Final = 30
"""Words: a sentence with more of them is long."""
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z'-]*")
_FENCED: Final = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_END: Final = re.compile(r"(?<=[.!?:;])\s+(?=[A-Z`\"(*])")
_FULL_STOP: Final = re.compile(r"(?<=[.!?])[)*\"]*\s+(?=[A-Z`\"(*\[])")
_ENDED: Final = re.compile(r"[.!?:;][)*\"`]*$")
_ITEM: Final = re.compile(r"\s*([-*>]|\d+\.)\s+")
_NOT_PROSE: Final = ("|", "#", "!", "    ")
_NAME_PART: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?=[A-Z]|$)")
_INVERTED: Final = re.compile(
    rf"^(?:{'|'.join(RULES['inverted'])}|What(?! (?:{'|'.join(RULES['after_what'])})\b))\b"
)
_WEAK: Final = re.compile(rf"^(?:{'|'.join(RULES['weak_verbs'])})\b")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, and how many words it has."""

    text: str
    words: int

    @property
    def is_inverted(self) -> bool:
        """Whether something stands before the subject."""
        return _INVERTED.match(self.text) is not None

    @property
    def has_weak_verb(self) -> bool:
        """Whether it begins with a verb that says too little."""
        return _WEAK.match(self.text) is not None


def count_words(text: str) -> int:
    """Return how many words a text has."""
    return len(_WORD.findall(text))


def sentences_of(text: str) -> Iterator[Sentence]:
    """Yield each sentence of three words or more; code counts as one word."""
    text = re.sub(r"`[^`]*`", "X", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    for sentence in _END.split(text):
        words = count_words(sentence)
        if words >= 3:
            yield Sentence(sentence.strip(), words)


def paragraphs_of(markdown: str) -> Iterator[str]:
    """Yield each paragraph and each list item of a page, without code blocks and tables."""
    lines: list[str] = []
    for line in [*_FENCED.sub("", markdown).splitlines(), ""]:
        is_prose = bool(line.strip()) and not line.startswith(_NOT_PROSE)
        if lines and (not is_prose or _ITEM.match(line)):
            yield " ".join(lines)
            lines = []
        if is_prose:
            lines.append(_ITEM.sub("", line, count=1))


def badly_broken_lines(markdown: str) -> Iterator[str]:
    """Yield each line of prose that has two sentences, or goes on with one of the line before."""
    before = ""
    for line in _FENCED.sub("", markdown).splitlines():
        is_prose = bool(line.strip()) and not line.startswith(_NOT_PROSE[:-1])
        text = re.sub(r"`[^`]*`", "`x`", line.strip())
        goes_on = before and not _ENDED.search(before) and not _ITEM.match(f" {line}")
        if is_prose and (goes_on or _FULL_STOP.search(_ITEM.sub("", f" {text}", count=1))):
            yield line
        before = text if is_prose else ""


def docs_sentences() -> list[tuple[Path, Sentence]]:
    """Return each sentence of the docs with its page."""
    return [
        (page, sentence)
        for page in PAGES
        for paragraph in paragraphs_of(page.read_text(encoding="utf-8"))
        for sentence in sentences_of(paragraph)
    ]


@cache
def _said_in_modules() -> tuple[tuple[Path, str, str], ...]:
    """Return the docstrings, and the names of classes and functions, each with its module."""
    found: list[tuple[Path, str, str]] = []
    for path in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        for node in statements_of(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found.append((path, "docstrings", text))
                case ast.ClassDef(name=name):
                    found.append((path, "classes", name))
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    found.append((path, "functions", name))
                case _:
                    pass
    return tuple(found)


def docstring_sentences() -> list[Sentence]:
    """Return each sentence of the docstrings of the packages."""
    return [
        sentence
        for _, kind, text in _said_in_modules()
        if kind == "docstrings"
        for sentence in sentences_of(" ".join(text.split()))
    ]


def is_vague(name: str) -> bool:
    """Return whether a name consists of words that say nothing by themselves."""
    parts = [part.lower() for part in _NAME_PART.findall(name.strip("_"))]
    return bool(parts) and set(parts) <= set(RULES["vague"])


def vague_names() -> dict[str, list[str]]:
    """Return the vague names of modules, classes and functions."""
    found: dict[str, list[str]] = {"modules": [], "classes": [], "functions": []}
    said = _said_in_modules()
    for path in dict.fromkeys(path for path, _, _ in said):
        if path.stem != "__init__" and is_vague(path.stem):
            found["modules"].append(f"{path.relative_to(ROOT)}")
    for path, kind, name in said:
        if kind in found and not name.startswith("__") and is_vague(name):
            found[kind].append(f"{path.relative_to(ROOT)}: {name}")
    return found


def percent(which: Iterable[bool]) -> float:
    """Return how many of some are true, in percent."""
    values = list(which)
    return 100 * sum(values) / len(values)


def p95(values: Iterable[int]) -> int:
    """Return the 95th percentile."""
    ordered = sorted(values)
    return ordered[int(0.95 * len(ordered))]


def main() -> None:
    """Print every figure."""
    docs = [sentence for _, sentence in docs_sentences()]
    docstrings = docstring_sentences()
    names = ", ".join(f"{len(names)} {kind}" for kind, names in vague_names().items())
    sys.stdout.write(
        f"docs: inverted {percent(one.is_inverted for one in docs):.1f} %,"
        f" above {LONG} words {percent(one.words > LONG for one in docs):.1f} %,"
        f" p95 {p95(one.words for one in docs)} words\n"
        f"docstrings: inverted {percent(one.is_inverted for one in docstrings):.1f} %,"
        f" weak verbs {percent(one.has_weak_verb for one in docstrings):.1f} %\n"
        f"vague names: {names}\n"
    )


if __name__ == "__main__":
    main()
