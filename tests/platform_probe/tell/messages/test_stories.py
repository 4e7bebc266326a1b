"""Messages: which posts and edits come of incidents, and when, in the text files of this folder.

Slack is there from second 100 on.
"""

from __future__ import annotations

from tests.helpers.delivery_player import DeliveryPlayer
from tests.helpers.slack_player import SlackPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, SlackPlayer, deliveries=DeliveryPlayer)
