"""Metrics and log: the series that each record and each event moves, and the lines it leads to."""

from __future__ import annotations

from tests.helpers.count_player import CountPlayer, LogPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, CountPlayer, log=LogPlayer)
