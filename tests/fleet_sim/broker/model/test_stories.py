"""The broker model: stories of clients, in the text files of this folder.

A PUBLISH takes 0.4 ms.
"""

from __future__ import annotations

from tests.helpers.broker_player import BrokerPlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, BrokerPlayer)
