"""What pages of the console show, in the text files of this folder."""

from __future__ import annotations

from tests.helpers.session_player import SessionPlayer
from tests.helpers.store_player import StorePlayer
from tests.helpers.transcripts import stories_test

test_stories = stories_test(
    __file__,
    StorePlayer,
    access=SessionPlayer,
    sign_in=SessionPlayer,
    labels=SessionPlayer,
    what_if=SessionPlayer,
    board_editing=SessionPlayer,
)
