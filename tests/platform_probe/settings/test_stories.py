"""Settings: what is made of files, variables and flags, and what a wrong one is told."""

from __future__ import annotations

from tests.helpers.settings_player import SettingsPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, SettingsPlayer)
