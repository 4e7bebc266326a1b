"""What is watched: messages of every wire, the platform's log, and the monitors of a group."""

from __future__ import annotations

from tests.helpers.group_player import GroupPlayer
from tests.helpers.inbox_player import InboxPlayer
from tests.helpers.lines_player import LinesPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, InboxPlayer, group=GroupPlayer, lines=LinesPlayer)
