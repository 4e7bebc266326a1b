"""Attempts: the records that come of what is seen and said, in the text files of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.join_player import JoinPlayer
from tests.helpers.track_player import TrackPlayer
from tests.helpers.transcripts import Player, Story, named_stories, played

TRACKED = ("absent_evidence", "conclusion", "gaps", "tracker")
STORIES = [
    pytest.param(story, TrackPlayer if name in TRACKED else JoinPlayer, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/join_player.py` and `track_player.py` say what their verbs mean.

The deadline is 20 s, and a car opens in 0.5 s. An unlock waits 60 s for lines of the platform's
log, or until the log is 10 s past it. A record's line has what is unusual of it. The line below has
its stages, and a hop where it is not the time since the stage before.
"""


@pytest.mark.parametrize(("story", "new_player"), STORIES)
def test_the_records_are_those_of_the_story(story: Story, new_player: Callable[[], Player]) -> None:
    """Each record, with all that is unusual of it, and when it comes."""
    assert played(story, new_player) == story.text
