"""What is remembered of past commands, to tell late answers from those that nobody asked for.

It is bounded in number and in time. Two thousand unlocks a second reach the bound in a minute, so
each is small. The garbage collector does not look at any: nothing here can form a cycle. An
`OrderedDict` is used where the oldest entry is removed again and again. A `dict` would scan the
slots of all removed entries, 20 to 120 us for each at the bound.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cache
from typing import Final

import msgspec

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.messages import Phase
from platform_probe.measure.attempts.open_attempt import OpenAttempt

MAX_REMEMBERED: Final = 100_000
"""Past commands remembered; the oldest is forgotten for each one above."""
MAX_UNNAMED: Final = 10_000
"""Attempts remembered that ended before their command was known."""
EVERY_ANSWER: Final = tuple(Phase)
"""The answers that a car counts as having given after a good end: no new one can follow."""


class PastAttempt(msgspec.Struct, gc=False):
    """An attempt that has ended."""

    attempt_id: str
    vehicle_id: str
    started_s: float
    forget_s: float
    answers: tuple[Phase, ...]
    """The phases that the car has answered; after a good end `EVERY_ANSWER`."""
    source: Source
    is_observed: bool
    """Whether the probe saw all of it, so that its end is what the customer got."""

    def add_answer(self, phase: Phase) -> None:
        """Note an answer that came after the end."""
        self.answers = _interned_answers((*self.answers, phase))


class UnfollowedCommand(msgspec.Struct, frozen=True, gc=False):
    """A command of somebody else that is no unlock, is synthetic, or was one too many to follow.

    Answers to it are no concern of ours.
    """

    forget_s: float


class PastCommands:
    """Past commands by their id, each for `window_s` after its end."""

    def __init__(self, *, window_s: float, max_commands: int = MAX_REMEMBERED) -> None:
        self._window_s = window_s
        self._max_commands = max_commands
        self._past: OrderedDict[str, PastAttempt | UnfollowedCommand] = OrderedDict()
        """The oldest first."""
        self._unnamed: OrderedDict[str, str] = OrderedDict()
        """Attempts that an API was asked for and that ended without a command, by trace."""

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._past

    def get(self, command_id: str, now_s: float) -> PastAttempt | UnfollowedCommand | None:
        """Return what is remembered of a command; None when its time is over."""
        past = self._past.get(command_id)
        return None if past is None or past.forget_s <= now_s else past

    def add_attempt(self, attempt: OpenAttempt, ended_s: float, *, is_ok: bool) -> None:
        """Remember an attempt that has ended."""
        start = attempt.start
        past = PastAttempt(
            start.attempt_id,
            start.vehicle_id,
            start.intended_s,
            ended_s + self._window_s,
            EVERY_ANSWER if is_ok else _interned_answers(attempt.answers()),
            start.source,
            attempt.unobserved is None,
        )
        self._add(start.command_id, past)
        if start.is_unnamed:
            self._unnamed[start.trace_id] = start.command_id
            if len(self._unnamed) > MAX_UNNAMED:
                self._unnamed.popitem(last=False)

    def name_command(self, trace_id: str, command_id: str) -> bool:
        """Note a command that came after its attempt had ended; return whether it is one.

        The car may open by it all the same: its answers are late.
        """
        unnamed = self._unnamed.pop(trace_id, None)
        past = None if unnamed is None else self._past.get(unnamed)
        if past is not None:
            self._add(command_id, past)
        return past is not None

    def add_unfollowed(self, command_id: str, now_s: float) -> None:
        """Remember a command that is not followed."""
        self._add(command_id, UnfollowedCommand(now_s + self._window_s))

    def forget(self, now_s: float) -> None:
        """Forget what ended long ago."""
        while self._past:
            command_id = next(iter(self._past))
            if self._past[command_id].forget_s > now_s:
                return
            del self._past[command_id]

    def _add(self, command_id: str, past: PastAttempt | UnfollowedCommand) -> None:
        if len(self._past) >= self._max_commands:
            self._past.popitem(last=False)
        self._past[command_id] = past


@cache
def _interned_answers(answers: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """Return one and the same object for equal `answers`: there are many attempts, few of these."""
    return answers
