"""The probe on a fake link: connecting, sending, losing the broker, stopping, in `probe.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.probe_player import ProbePlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("probe.txt")))
"""`tests/helpers/probe_player.py` says what their verbs mean."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_probe_does_what_the_story_says(story: Story) -> None:
    """What it sends, warns of and records, and what becomes of its link."""
    assert played(story, ProbePlayer) == story.text
