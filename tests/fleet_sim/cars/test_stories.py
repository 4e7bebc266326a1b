"""Cars: what is done to one and what comes of it, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.car_player import CarPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, CarPlayer)
