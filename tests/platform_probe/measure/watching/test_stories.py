"""What is watched: messages of every wire, the platform's log, and the monitors of a group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.group_player import GroupPlayer
from tests.helpers.inbox_player import InboxPlayer
from tests.helpers.lines_player import LinesPlayer
from tests.helpers.transcripts import Player, Story, named_stories, played

PLAYERS: dict[str, Callable[[], Player]] = {"group": GroupPlayer, "lines": LinesPlayer}
STORIES = [
    pytest.param(story, PLAYERS.get(name, InboxPlayer), id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/inbox_player.py` and the other two say what their verbs mean."""


@pytest.mark.parametrize(("story", "new_player"), STORIES)
def test_what_is_watched_is_as_the_story_says(
    story: Story, new_player: Callable[[], Player]
) -> None:
    """Each record, what breaks the contract, what is known of cars, and whose each of them is."""
    assert played(story, new_player) == story.text
