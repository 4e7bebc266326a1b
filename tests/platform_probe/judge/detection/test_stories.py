"""Problems are found, named, followed and over, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.detection_player import DetectionPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, DetectionPlayer)
