"""What is watched: messages in every kind of wire, and the monitors of a group."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.group_player import GroupPlayer
from tests.helpers.inbox_player import InboxPlayer
from tests.helpers.transcripts import Player, Story, named_stories, played

STORIES = [
    pytest.param(story, GroupPlayer if name == "group" else InboxPlayer, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/inbox_player.py` and `group_player.py` say what their verbs mean."""


@pytest.mark.parametrize(("story", "new_player"), STORIES)
def test_what_is_watched_is_as_the_story_says(
    story: Story, new_player: Callable[[], Player]
) -> None:
    """Each record, what breaks the contract, what is known of cars, and whose each of them is."""
    assert played(story, new_player) == story.text
