"""What is made of the runs of a sweep, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.sweep_player import SweepPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, SweepPlayer)
