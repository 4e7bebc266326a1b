"""Wires of fleets: what is read, written and refused of a profile, in the text files here."""

from __future__ import annotations

from tests.helpers.profile_player import ProfilePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, ProfilePlayer)
