"""What support reads about an unlock: its story, what to say and do, by what a store has of it.

Advice is shown by its keys.
"""

from __future__ import annotations

from tests.helpers.store_player import StorePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, StorePlayer)
