"""The exporter, from unlocks, log and metrics to what a backend gets, in `exported.txt`."""

from __future__ import annotations

from tests.helpers.export_player import ExportPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, ExportPlayer)
