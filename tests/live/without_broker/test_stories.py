"""Commands as a user types them, where no broker is needed: stories of their processes."""

from __future__ import annotations

from tests.helpers.live_player import LivePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, LivePlayer)
