"""Advice: what support is to say and do, by what a store has of an unlock."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.advice_player import AdvicePlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/advice_player.py` says what their verbs mean. Texts are told by their keys."""


@pytest.mark.parametrize("story", STORIES)
def test_support_is_told_what_the_story_says(story: Story) -> None:
    """What to say and do, who must act, and what is known of the unlock."""
    assert played(story, AdvicePlayer) == story.text
