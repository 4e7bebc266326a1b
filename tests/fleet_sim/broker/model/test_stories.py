"""The broker model: stories of clients, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.broker_player import BrokerPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/broker_player.py` says what their verbs mean. A PUBLISH takes 0.4 ms."""


@pytest.mark.parametrize("story", STORIES)
def test_clients_get_what_the_story_says(story: Story) -> None:
    """Each message, PUBACK and end, and when."""
    assert played(story, BrokerPlayer) == story.text
