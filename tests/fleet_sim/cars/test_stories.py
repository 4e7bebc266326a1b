"""Cars: what is done to one and what comes of it, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.car_player import CarPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/car_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_car_does_what_the_story_says(story: Story) -> None:
    """All that it does and says, when, and who is at fault."""
    assert played(story, CarPlayer) == story.text
