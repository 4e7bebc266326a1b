"""The platform: what phones ask and what comes of it, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.platform_player import PlatformPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, PlatformPlayer)
