"""The lean link against a broker that is played, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.link_player import LinkPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, LinkPlayer)
