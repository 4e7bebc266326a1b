"""Commands as a user types them: stories of their processes, in the text files of this folder."""

from __future__ import annotations

import pytest

from tests.helpers.live_player import LivePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(
    __file__,
    LivePlayer,
    {"broker": [pytest.mark.broker], "long": [pytest.mark.broker, pytest.mark.long]},
)
