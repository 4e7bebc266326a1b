"""Settings: what is made of files, variables and flags, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.settings_player import SettingsPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("settings.txt")))
"""`tests/helpers/settings_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_settings_are_as_the_story_says(story: Story) -> None:
    """Each error, whole, with its place; and the values that come of what is right."""
    assert played(story, SettingsPlayer) == story.text
