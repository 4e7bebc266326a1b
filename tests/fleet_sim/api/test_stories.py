"""What the API answers, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.api_player import ApiPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/api_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_the_api_answers_what_the_story_says(story: Story) -> None:
    """And asks the platform for nothing else."""
    assert played(story, ApiPlayer) == story.text
