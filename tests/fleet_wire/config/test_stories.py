"""Files that users write, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.config_player import ConfigPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, ConfigPlayer)
