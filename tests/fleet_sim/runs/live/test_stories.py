"""What a live run says of brokers, links and processes, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.live_health_player import LiveHealthPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/live_health_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_run_says_what_the_story_says(story: Story) -> None:
    """Once, and once that it is over."""
    assert played(story, LiveHealthPlayer) == story.text
