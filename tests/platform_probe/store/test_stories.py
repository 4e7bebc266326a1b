"""What a store reads and packs, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.store_player import StorePlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("files.txt")))
"""`tests/helpers/store_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_store_answers_as_the_story_says(story: Story) -> None:
    """From lines, and from packed files alike."""
    assert played(story, StorePlayer) == story.text
