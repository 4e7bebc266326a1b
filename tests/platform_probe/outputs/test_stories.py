"""Metrics and log: the series that each record and each event moves, and the lines it leads to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.count_player import CountPlayer, LogPlayer
from tests.helpers.transcripts import Player, Story, named_stories, played

PLAYERS: dict[str, Callable[[], Player]] = {"counts": CountPlayer, "log": LogPlayer}
STORIES = [
    pytest.param(story, PLAYERS[name], id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/count_player.py` says what their verbs mean."""


@pytest.mark.parametrize(("story", "new_player"), STORIES)
def test_a_record_leads_to_what_the_story_says(
    story: Story, new_player: Callable[[], Player]
) -> None:
    """Each series that moved, with its value, or each line; and no other."""
    assert played(story, new_player) == story.text
