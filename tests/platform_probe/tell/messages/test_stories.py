"""Messages: which posts and edits come of incidents, and when, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.delivery_player import DeliveryPlayer
from tests.helpers.slack_player import SlackPlayer
from tests.helpers.transcripts import Story, played, stories

SLACK, TEXTS, DELIVERIES = (
    tuple(stories(Path(__file__).with_name(f"{name}.txt")))
    for name in ("slack_outbox", "slack_texts", "deliveries")
)
"""The players say what their verbs mean. Slack is there from second 100 on."""


@pytest.mark.parametrize("story", [*SLACK, *TEXTS], ids=lambda story: story.name)
def test_a_channel_gets_what_the_story_says(story: Story) -> None:
    """Each post, edit and reply in the thread with its revision, and what a message says."""
    assert played(story, SlackPlayer) == story.text


@pytest.mark.parametrize("story", DELIVERIES, ids=lambda story: story.name)
def test_a_webhook_and_alertmanager_get_what_the_story_says(story: Story) -> None:
    """Each post, and each push that differs from the one before."""
    assert played(story, DeliveryPlayer) == story.text
