"""Faults: what a window does to a box or to the platform, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.car_player import CarPlayer
from tests.helpers.platform_player import PlatformPlayer
from tests.helpers.transcripts import Story, named_stories, played

ON_PLATFORM = ("abuse", "bookings", "commands", "gateway", "phone", "platform")
"""The files whose faults strike the platform; those of all others strike cars."""
STORIES = [
    pytest.param(name, story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/car_player.py` and `platform_player.py` say what their verbs mean."""


@pytest.mark.parametrize(("name", "story"), STORIES)
def test_a_fault_does_what_the_story_says(name: str, story: Story) -> None:
    """All that comes of it, and when."""
    player = PlatformPlayer if name in ON_PLATFORM else CarPlayer
    assert played(story, player) == story.text
