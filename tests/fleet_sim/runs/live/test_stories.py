"""What a live run says of brokers, links and processes, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.live_health_player import LiveHealthPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, LiveHealthPlayer)
