"""Drafts: the profile that comes of what is heard of a fleet, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.draft_player import DraftPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, DraftPlayer)
