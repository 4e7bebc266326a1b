"""What the display of a run shows, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.progress_player import ProgressPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, ProgressPlayer)
