"""Finds the command of an answer that names none, in fleets whose wire has no ids.

A box executes one command after the other, and a broker keeps the order of one client's messages.
So an answer belongs to the command of its car that has waited longest, of those whose customers
still wait. If nobody waits, it belongs to the last unanswered command: then it is late.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.contract.messages import Action, Command, Phase, Result
from fleet_wire.contract.partial import UNNAMED, ActionResult

MAX_WAITING: Final = 8
"""Commands of a car that may wait for answers; the oldest is forgotten for each one above."""
MAX_VEHICLES: Final = 100_000


class _OpenCommand(msgspec.Struct, gc=False):
    """A command that has had no final answer."""

    command_id: str
    action: Action
    at_s: float
    is_copy_due: bool
    """Whether the broker will send us a copy that we cannot tell from another's command."""


class OnlyOpen:
    """Gives commands and answers without ids the ids of the commands that we know.

    A command is waited for `patience_s` seconds, and remembered for `window_s`. With `has_copies`
    what we publish comes to us too, and carries nothing by which it is known.
    """

    def __init__(
        self, clock: Clock, *, patience_s: float, window_s: float, has_copies: bool
    ) -> None:
        self._clock = clock
        self._patience_s = patience_s
        self._window_s = max(window_s, patience_s)
        self._has_copies = has_copies
        self._asked: dict[str, deque[_OpenCommand]] = {}
        self._reported: dict[str, Action] = {}
        """The last state that each car reported, as what asks for it."""
        self._run = int(clock.unix_s() * 1000)
        self._seen = 0

    def add_own_command(self, vehicle_id: str, command_id: str, action: Action) -> None:
        """Note a command of our own."""
        self._note(vehicle_id, _OpenCommand(command_id, action, self._now_s(), self._has_copies))

    def command(self, vehicle_id: str, command: Command) -> Command | None:
        """Return somebody's command with an id; None for a copy of our own."""
        if command.command_id != UNNAMED:
            if not any(
                one.command_id == command.command_id for one in self._open_commands_of(vehicle_id)
            ):
                asked = _OpenCommand(command.command_id, command.action, self._now_s(), False)  # noqa: FBT003
                self._note(vehicle_id, asked)
            return command
        for one in self._open_commands_of(vehicle_id):
            if one.is_copy_due and one.action is command.action:
                one.is_copy_due = False
                return None
        self._seen += 1
        command_id = f"{vehicle_id}/{self._run}-{self._seen}"
        self._note(vehicle_id, _OpenCommand(command_id, command.action, self._now_s(), False))  # noqa: FBT003
        return msgspec.structs.replace(command, command_id=command_id)

    def report(self, vehicle_id: str, report: ActionResult) -> tuple[Result, bool]:
        """Return what `answer` does for a report of the state that an action asks for."""
        if report.result.phase is Phase.EXECUTED:
            if vehicle_id not in self._reported and len(self._reported) >= MAX_VEHICLES:
                del self._reported[next(iter(self._reported))]
            self._reported[vehicle_id] = report.action
        return self.answer(vehicle_id, report.result, report.action)

    def is_reported(self, vehicle_id: str, action: Action) -> bool:
        """Return whether a car has the state that an action asks for: no report will follow."""
        return self._reported.get(vehicle_id) is action

    def answer(
        self, vehicle_id: str, result: Result, action: Action | None = None
    ) -> tuple[Result, bool]:
        """Return an answer with the id of its command, and whether that is a guess.

        It is one while several commands of the car wait, which ask for `action` if that is given.
        If none waits the answer is unchanged.
        """
        commands, now_s = self._open_commands_of(vehicle_id), self._now_s()
        waiting = [one for one in commands if action in (None, one.action)]
        if result.command_id != UNNAMED or not waiting:
            return result, False
        in_time = [one for one in waiting if now_s < one.at_s + self._patience_s]
        asked = in_time[0] if in_time else waiting[-1]
        if result.phase is not Phase.RECEIVED:
            commands.remove(asked)
        return msgspec.structs.replace(result, command_id=asked.command_id), len(in_time) > 1

    def _note(self, vehicle_id: str, asked: _OpenCommand) -> None:
        if vehicle_id not in self._asked and len(self._asked) >= MAX_VEHICLES:
            del self._asked[next(iter(self._asked))]
        self._asked.setdefault(vehicle_id, deque(maxlen=MAX_WAITING)).append(asked)

    def _open_commands_of(self, vehicle_id: str) -> deque[_OpenCommand]:
        """Return the commands of a car that wait, without those that nobody remembers."""
        waiting = self._asked.get(vehicle_id)
        if waiting is None:
            return deque()
        oldest_s = self._now_s() - self._window_s
        while waiting and waiting[0].at_s < oldest_s:
            waiting.popleft()
        if not waiting:
            del self._asked[vehicle_id]
        return waiting

    def _now_s(self) -> float:
        return self._clock.monotonic_s()
