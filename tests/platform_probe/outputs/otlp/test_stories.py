"""The exporter, from unlocks, log and metrics to what a backend gets, in `exported.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.export_player import ExportPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("exported.txt")))
"""`tests/helpers/export_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_backend_gets_what_the_story_says(story: Story) -> None:
    """Each span, record and metric, and what is reported of them."""
    assert played(story, ExportPlayer) == story.text
