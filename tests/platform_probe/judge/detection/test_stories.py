"""Problems are found, named, followed and over, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.detection_player import DetectionPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/detection_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_incidents_are_those_of_the_story(story: Story) -> None:
    """What became of each, and its numbers in the end."""
    assert played(story, DetectionPlayer) == story.text
