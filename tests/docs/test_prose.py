"""The prose is plain: short sentences with the subject first, and names that say something.

`prose.toml` has the words and the figures.
"""

from __future__ import annotations

import pytest

from tests.helpers.places import ROOT
from tests.helpers.prose import (
    LONG,
    MARKDOWN,
    PAGES,
    RULES,
    badly_broken_lines,
    count_words,
    docs_sentences,
    docstring_sentences,
    p95,
    paragraphs_of,
    percent,
    vague_names,
)

SHOWN = 20
"""Sentences that a failure shows."""


def test_sentences_of_the_docs_begin_with_their_subject() -> None:
    """The share of inverted sentences stays below its limit."""
    found = docs_sentences()
    bad = [f"{page.name}: {one.text}" for page, one in found if one.is_inverted]
    share = percent(one.is_inverted for _, one in found)
    assert share <= RULES["docs"]["inverted_percent"], "\n".join(bad[:SHOWN])


def test_sentences_of_the_docs_are_short() -> None:
    """Few have more than thirty words, and one in twenty as many as the limit."""
    found = docs_sentences()
    bad = [f"{page.name}: {one.text}" for page, one in found if one.words > LONG]
    share = percent(one.words > LONG for _, one in found)
    assert share <= RULES["docs"]["above_30_words_percent"], "\n".join(bad[:SHOWN])
    assert p95(one.words for _, one in found) <= RULES["docs"]["p95_words"]


def test_paragraphs_of_the_docs_are_short() -> None:
    """A list is easier to read than a long paragraph."""
    bad = [
        f"{page.name}: {count_words(paragraph)} words: {paragraph[:60]}"
        for page in PAGES
        for paragraph in paragraphs_of(page.read_text(encoding="utf-8"))
        if count_words(paragraph) > RULES["docs"]["paragraph_words"]
    ]
    assert bad == []


def test_each_sentence_has_a_line_of_its_own() -> None:
    """A change of one sentence is then a change of one line."""
    bad = [
        f"{page.relative_to(ROOT)}: {line[:90]}"
        for page in MARKDOWN
        for line in badly_broken_lines(page.read_text(encoding="utf-8"))
    ]
    assert bad == []


def test_the_readme_is_short() -> None:
    """Everything else has a page."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= RULES["docs"]["readme_words"]


def test_docstrings_do_not_get_worse() -> None:
    """Inverted sentences and weak verbs stay below their limits."""
    found = docstring_sentences()
    limits = RULES["docstrings"]
    assert percent(one.is_inverted for one in found) <= limits["inverted_percent"]
    assert percent(one.has_weak_verb for one in found) <= limits["weak_verbs_percent"]


@pytest.mark.parametrize("kind", ["modules", "classes", "functions"])
def test_names_do_not_get_vaguer(kind: str) -> None:
    """A name is a noun phrase, a verb phrase or a question."""
    found = vague_names()[kind]
    assert len(found) <= RULES["names"][kind], found
