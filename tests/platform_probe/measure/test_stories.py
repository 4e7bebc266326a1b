"""The probe on a fake link: connecting, sending, losing the broker, stopping, in `probe.txt`."""

from __future__ import annotations

from tests.helpers.probe_player import ProbePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(__file__, ProbePlayer)
