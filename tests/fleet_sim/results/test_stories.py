"""What is read from the files of runs, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.run_player import RunPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/run_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES)
def test_of_a_run_is_read_what_the_story_says(story: Story) -> None:
    """In the summary, on the terminal, on the page, and beside another run."""
    assert played(story, RunPlayer) == story.text
