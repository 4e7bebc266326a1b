"""Commands as a user types them, for longer: stories of their processes."""

from __future__ import annotations

import pytest

from tests.helpers.live_player import LivePlayer
from tests.helpers.transcripts import stories_test

pytestmark = [pytest.mark.broker, pytest.mark.long]

test_stories = stories_test(__file__, LivePlayer)
