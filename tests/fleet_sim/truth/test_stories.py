"""How clients are graded, and what is made of that, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.transcripts import stories_test
from tests.helpers.truth_player import TruthPlayer

test_stories = stories_test(__file__, TruthPlayer)
