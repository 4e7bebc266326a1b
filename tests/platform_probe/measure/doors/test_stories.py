"""Cars are locked again after synthetic unlocks: tries, failures, customers, bookings.

A lock has 8 s, and three tries.
"""

from __future__ import annotations

from tests.helpers.relock_player import RelockPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, RelockPlayer)
