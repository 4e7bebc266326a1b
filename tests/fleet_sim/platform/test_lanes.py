"""Tests of `fleet_sim.platform.lanes`."""

from __future__ import annotations

from functools import partial

import pytest

from fleet_sim.platform.lanes import Lanes


def test_thousands_that_are_done_at_once() -> None:
    """No turn stands on another one's stack."""
    lanes, begun = Lanes(), list[int]()

    def turn(number: int) -> None:
        begun.append(number)
        lanes.done("a")

    lanes.take_turn("a", lambda: None)
    for number in range(5000):
        lanes.take_turn("a", partial(turn, number))
    lanes.done("a")
    assert begun == list(range(5000))


def test_a_turn_that_fails_blocks_nobody() -> None:
    """The lane is free for the next."""
    lanes, begun = Lanes(), list[str]()

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - any will do
        lanes.take_turn("a", fail)
    lanes.take_turn("a", partial(begun.append, "next"))
    assert begun == ["next"]
