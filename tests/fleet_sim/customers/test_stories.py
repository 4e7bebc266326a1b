"""Customers: what people do and what becomes of it, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.platform_player import PlatformPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/platform_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_customers_do_what_the_story_says(story: Story) -> None:
    """Each step, line of the log and movement of a lock, and when."""
    assert played(story, PlatformPlayer) == story.text
