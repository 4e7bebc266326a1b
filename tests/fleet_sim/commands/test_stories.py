"""What commands print, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.run_player import RunPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, RunPlayer)
