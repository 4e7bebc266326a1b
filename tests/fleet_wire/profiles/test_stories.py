"""Wires of fleets: what is read, written and refused of a profile, in the text files here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.profile_player import ProfilePlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/profile_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_profile_does_what_the_story_says(story: Story) -> None:
    """Reads, writes, and says what is wrong with its file."""
    assert played(story, ProfilePlayer) == story.text
