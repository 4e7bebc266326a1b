"""Incidents: what is told of what is found and done, in the text files of this folder.

`finding_parts.txt` has several cohorts: one incident for one problem, and numbers that count each
unlock once. A new incident has its title and facts where they are other than those of `USUAL` or
`OUTAGE` in `tests/helpers/incident_player.py`.
"""

from __future__ import annotations

from tests.helpers.incident_player import IncidentPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, IncidentPlayer)
