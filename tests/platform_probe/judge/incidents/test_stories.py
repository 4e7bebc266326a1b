"""Incidents: what is told of what is found and done, in the text files of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.incident_player import IncidentPlayer
from tests.helpers.transcripts import Story, named_stories, played

STORIES = [
    pytest.param(story, id=f"{name}-{story.name}")
    for name, story in named_stories(Path(__file__).parent)
]
"""`tests/helpers/incident_player.py` says what their verbs mean.

`finding_parts.txt` has several cohorts: one incident for one problem, and numbers that count each
unlock once.
"""


@pytest.mark.parametrize("story", STORIES)
def test_an_incident_tells_what_the_story_says(story: Story) -> None:
    """Each revision, with its title and all that is new of it."""
    assert played(story, IncidentPlayer) == story.text
