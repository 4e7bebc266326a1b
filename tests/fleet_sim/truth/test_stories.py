"""How clients are graded, and what is made of that, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.transcripts import Story, named_stories, played
from tests.helpers.truth_player import TruthPlayer

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/truth_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_a_client_is_graded_as_the_story_says(story: Story) -> None:
    """With the reason; and tables, page and comparison show it."""
    assert played(story, TruthPlayer) == story.text
