"""Files that grow line by line, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.files_player import FilesPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, FilesPlayer)
