"""Transcripts are played event by event, and say what came of each row."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers.transcripts import DETAIL, PLAYERS, Teller, played, renew, stories, stories_test
from tests.transcripts.__main__ import all_players

TEXT = """\
# Whoever is called comes. Twice is once too often.
call anna
= anna comes
call 'bert; carl' loudly=yes
= bert; carl comes loudly
=     from far away
again; call -
= None comes

# Who is called again comes again. From where is the same.
call bert loudly=yes
= bert comes loudly
=     from far away
again; call bert loudly=yes
= the same

# Nobody comes by himself.
wait 1.5; wait 2
"""


class Caller(Teller):
    """Somebody who calls others, and waits."""

    def __init__(self) -> None:
        self.told = []

    def _do_call(self, name: str | None, *, loudly: bool = False) -> None:
        self.told.append(f"{name} comes{' loudly' if loudly else ''}")
        if loudly:
            self.told.append(f"{DETAIL}from far away")

    def _do_wait(self, seconds: float) -> None:
        assert isinstance(seconds, int | float)


def test_a_story_says_what_came_of_each_row(tmp_path: Path) -> None:
    """A word with a space is quoted; what came of nothing else is what the text says."""
    path = tmp_path / "calls.txt"
    path.write_text(TEXT, encoding="utf-8")
    told = [*stories(path)]
    assert [one.name for one in told] == [
        "whoever_is_called_comes", "who_is_called_again_comes_again", "nobody_comes_by_himself",
    ]  # fmt: skip
    assert [played(one, Caller) for one in told] == [one.text for one in told]


def test_what_does_not_come_of_it_any_more_differs_and_can_be_renewed(tmp_path: Path) -> None:
    """A line that is wrong, missing or too many is none that the player says."""
    path = tmp_path / "calls.txt"
    for wrong in (
        TEXT.replace("anna comes", "anna stays"),
        TEXT.replace("= anna comes\n", ""),
        TEXT.replace("wait 2", "wait 2\n= carl comes"),
    ):
        path.write_text(wrong, encoding="utf-8")
        assert [each for each in stories(path) if played(each, Caller) != each.text]
        renew(path, Caller)
        assert path.read_text("utf-8") == TEXT


@pytest.mark.parametrize("row", ["shout anna", "call", "call anna loud=yes"])
def test_an_event_that_nobody_knows_is_an_error(tmp_path: Path, row: str) -> None:
    """A story with a misspelt verb does not pass."""
    path = tmp_path / "calls.txt"
    path.write_text(f"# Somebody comes.\n{row}\n", encoding="utf-8")
    (story,) = stories(path)
    with pytest.raises((KeyError, TypeError)):
        played(story, Caller)


def test_stories_of_a_file_have_names_of_their_own() -> None:
    """A name is the id of a test."""
    assert len(all_players()) > 50
    for path in all_players():
        names = [story.name for story in stories(path)]
        assert len({*names}) == len(names), path


def test_a_story_that_is_not_so_fails_with_what_differs(tmp_path: Path) -> None:
    """A line of a difference says more than two texts."""
    (tmp_path / "calls.txt").write_text(TEXT.replace("anna comes", "anna stays"), "utf-8")
    play = stories_test(str(tmp_path / "test_stories.py"), Caller)
    first, *others = stories(PLAYERS.popitem()[0])
    for other in others:
        play(other, Caller)
    with pytest.raises(pytest.fail.Exception, match=r"(?s)-= anna stays.*\+= anna comes"):
        play(first, Caller)
