"""What is seen of unlocks: facts, and modes where a story asks, in the files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.transcripts import Story, named_stories, played
from tests.helpers.watch_player import WatchPlayer

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/watch_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_an_unlock_has_the_facts_of_the_story(story: Story) -> None:
    """In each revision: those that are new, and those that are taken back."""
    assert played(story, WatchPlayer) == story.text
