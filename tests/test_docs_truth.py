"""Pages on the truth of apps: tests run the adapter, and the tables are those of the code."""

from __future__ import annotations

import re
import shlex

import pytest

from fleet_sim.truth.clients.notifications import MEANINGS, Notifications
from tests.helpers.own_commands import accept
from tests.helpers.pages import page
from tests.helpers.places import ROOT
from tests.helpers.reader import typed_lines

TEXT = page("truth-reference.md")
TASKS = ("truth.md", "truth-adapter.md")


def test_each_word_of_notifications_counts_as_the_page_says() -> None:
    """And every line of the code has one in the table."""
    notifications = Notifications({"lock.car_0": "car"})
    table = TEXT.partition("| Words | Counts as |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^`|]+) \| `(\w+)` \|", table, re.MULTILINE)
    for words, counts_as in rows:
        for word in words.split(", "):
            shown = notifications.meaning("", f"lock.car_0 {word}", "")
            assert shown is not None, word
            assert shown.screen == counts_as, word
    assert [counts_as for _, counts_as in rows] == [*MEANINGS]


@pytest.mark.parametrize(
    "line", [line for name in TASKS for line in typed_lines(ROOT / "docs" / name)]
)
def test_the_commands_of_the_pages_are_understood(line: str) -> None:
    """The run itself lasts minutes: tests/fleet_sim/truth grades these clients."""
    accept(shlex.split(line))
