"""Text of others in errors, and places in our own code."""

from __future__ import annotations

import pytest

from fleet_wire.error_text import on_one_line, shortened, suggestion, text_problem, with_place

TWO = ["poisson", "rate_per_s"]


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    """What is short stays whole."""
    assert shortened("y" * 60) == "y" * 60
    assert shortened("ab" + "y" * 99_999 + "z", 9) == "abyyyy...yyz"


def test_what_moves_the_cursor_is_written_out() -> None:
    """Line ends and escape sequences; letters of any language stay."""
    assert on_one_line("a\nb\x1b[2J\té") == "a\\nb\\x1b[2J\\té"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("é", None), ("a\0b", "holds a NUL character"), ("\udcff", "is not UTF-8 text")],
)
def test_what_nothing_can_hold(text: str, expected: str | None) -> None:
    """Files, brokers and logs alike."""
    assert text_problem(text) == expected


def test_the_innermost_of_our_lines_is_named() -> None:
    """Not the one of a library, into which we called."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is Python's
        int("x")
    line = caught.tb.tb_lineno
    assert with_place(caught.value, __file__).startswith(f"{__file__}:{line}: ValueError: ")
    assert with_place(caught.value, "/elsewhere").startswith("ValueError: ")


def test_an_error_of_syntax_names_the_line_that_has_it() -> None:
    """There is no frame of it."""
    with pytest.raises(SyntaxError) as caught:
        compile("x = 1\ny = (\n", "mine.py", "exec")
    assert with_place(caught.value).startswith("mine.py:2: SyntaxError: '(' was never closed")


@pytest.mark.parametrize(
    ("word", "choices", "expected"),
    [
        ("poison", TWO, "; did you mean 'poisson'?"),
        ("rate", TWO, "; did you mean 'rate_per_s'?"),
        ("POISSON", TWO, "; did you mean 'poisson'?"),
        ("xyz", TWO, "; expected one of: poisson, rate_per_s"),
        (3, TWO, "; expected one of: poisson, rate_per_s"),
        ("xyz", [f"choice-{number}" for number in range(100)], ""),
        ("xyz", [], ""),
    ],
)
def test_suggestion(word: object, choices: list[str], expected: str) -> None:
    """The nearest choice, or all of them where they are few."""
    assert suggestion(word, choices) == expected
