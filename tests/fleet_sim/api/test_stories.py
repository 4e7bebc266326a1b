"""What the API answers, in the text file of this folder."""

from __future__ import annotations

from tests.helpers.api_player import ApiPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, ApiPlayer)
