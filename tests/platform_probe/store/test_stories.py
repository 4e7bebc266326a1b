"""What a store reads and packs, and what SQL may ask of it, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.select_player import SelectPlayer
from tests.helpers.store_player import StorePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, StorePlayer, select=SelectPlayer)
