"""Attempts: the records that come of what is seen and said, in the text files of this folder.

The deadline is 20 s, and a car opens in 0.5 s. An unlock waits 60 s for lines of the platform's
log, or until the log is 10 s past it. A record's line has what is unusual of it. The line below has
its stages, and a hop where it is not the time since the stage before. It is left out where they are
those that such an end usually has (`USUAL_PATHS` of `tests/helpers/told_attempts.py`).
"""

from __future__ import annotations

from tests.helpers.join_player import JoinPlayer
from tests.helpers.track_player import TrackPlayer
from tests.helpers.transcripts import stories_test

JOINED = dict.fromkeys(("joiner", "late_unlocks", "own_requests", "support_calls"), JoinPlayer)
test_stories = stories_test(__file__, TrackPlayer, **JOINED)
