"""Deadlines of commands: kept to the moment, and only for those that have not ended."""

from __future__ import annotations

from fleet_sim.cars.world import ModelEnvironment
from fleet_sim.platform.commands import CommandState, PlatformCommand
from fleet_sim.platform.deadlines import Deadlines
from tests.helpers.platform_bench import sent_command


class Kept:
    """Notes what comes when."""

    def __init__(self) -> None:
        self.env = ModelEnvironment()
        self.deadlines = Deadlines(self.env, self.come)
        self.came: list[tuple[float, str, int]] = []

    def come(self, command: PlatformCommand, publishes: int) -> None:
        """Take a deadline."""
        self.came.append((self.env.now, command.command_id, publishes))


def test_each_comes_at_its_moment() -> None:
    """Also where one is set later for a moment that is earlier."""
    kept = Kept()
    kept.deadlines.set(3.0, sent_command("last"))
    kept.deadlines.set(2.0, sent_command("second"))
    kept.env.run(until=0.5)
    kept.deadlines.set(0.5, sent_command("first"))
    kept.deadlines.set(1.5, sent_command("also second"))
    kept.env.run(until=10.0)
    assert kept.came == [
        (1.0, "first", 0), (2.0, "second", 0), (2.0, "also second", 0), (3.0, "last", 0),
    ]  # fmt: skip


def test_one_event_stands_for_all() -> None:
    """A thousand commands that end in time cost the environment two events."""
    kept = Kept()
    for number in range(1_000):
        each = sent_command(str(number))
        kept.deadlines.set(30.0, each)
        each.finish(CommandState.EXECUTED)
    assert len(kept.env._queue) == 1
    kept.env.run()
    assert kept.came == []
