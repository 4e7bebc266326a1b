"""docs/probe.md, docs/metrics.md, docs/log.md and docs/modes.md are what the code says."""

from __future__ import annotations

import ast

import pytest

from tests.helpers.generated_pages import PAGES, RENEW
from tests.helpers.page_of_log import WORDS, events_in_the_code, logging_calls
from tests.helpers.places import ROOT

PICTURES_OF_RUNS = {f"docs/images/{name}.svg" for name in ("incident", "live", "stages")}
"""A run is made for each."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] * (name in PICTURES_OF_RUNS))
        for name in PAGES
        if name != "docs/fidelity.md"  # bench/test_fidelity.py has its rows, and compares it
    ],
)
def test_the_page_is_what_the_code_says(name: str) -> None:
    """Letter by letter."""
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), f"see: {RENEW}"


def test_no_event_is_hidden_behind_a_variable() -> None:
    """Only what hands events on takes their name as an argument, so that the table has them all."""
    unnamed = [ast.unparse(call.args[0]) for call, _ in logging_calls() if call.args]
    assert {name for name in unnamed if not name.startswith("'")} == {"event"}


def test_what_to_do_is_said_of_events_that_there_are() -> None:
    """And of no others."""
    assert WORDS["what_to_do"].keys() <= {event.name for event in events_in_the_code()}
