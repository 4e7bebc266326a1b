"""The broker model: stories of clients, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.broker_player import BrokerPlayer
from tests.helpers.transcripts import Story, played, stories

STORIES = [
    pytest.param(story, id=f"{path.stem}-{story.name}")
    for path in sorted(Path(__file__).parent.glob("*.txt"))
    for story in stories(path)
]
"""`tests/helpers/broker_player.py` says what their verbs mean. A PUBLISH takes 0.4 ms."""


@pytest.mark.parametrize("story", STORIES)
def test_clients_get_what_the_story_says(story: Story) -> None:
    """Each message, PUBACK and end, and when."""
    assert played(story, BrokerPlayer) == story.text
