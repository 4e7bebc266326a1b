"""Incidents: what is told of what is found and done, in the text files of this folder.

`finding_parts.txt` has several cohorts: one incident for one problem, and numbers that count each
unlock once.
"""

from __future__ import annotations

from tests.helpers.incident_player import IncidentPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, IncidentPlayer)
