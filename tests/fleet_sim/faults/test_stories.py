"""Faults of cars: what a window does to a box, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.fault_player import FaultPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/fault_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_box_does_what_the_story_says(story: Story) -> None:
    """All that it does and says, and when."""
    assert played(story, FaultPlayer) == story.text
