"""Slack: which posts and edits come of incidents, and when, in the text file of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.slack_player import SlackPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = tuple(stories(Path(__file__).with_name("slack_outbox.txt")))
"""`tests/helpers/slack_player.py` says what their verbs mean. Slack is there from second 100 on."""


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_channel_gets_what_the_story_says(story: Story) -> None:
    """Each post, edit and reply in the thread, with the revision that it shows."""
    assert played(story, SlackPlayer) == story.text
