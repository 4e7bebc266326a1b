"""What is seen of unlocks: facts, and modes where a story asks, in the files of this folder."""

from __future__ import annotations

from tests.helpers.transcripts import stories_test
from tests.helpers.watch_player import WatchPlayer

test_stories = stories_test(__file__, WatchPlayer)
