"""Idempotency keys: a repeated key means a repeated request, even if its answer was lost.

It follows draft-ietf-httpapi-idempotency-key-header. The key belongs to its customer, and its use
for another request is an error. While the first request is under way a second one waits for its
result. Each request for a command then waits for that as long as it asks to.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from fleet_sim.platform import answers
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.open_requests import OpenRequest
from fleet_sim.platform.operations import Answer, Request
from fleet_wire.contract.problems import KEY_REUSED

MAX_KEYS = 100_000
"""Kept at most; the oldest go first."""


class _KeyedRequest:
    """A request under one key."""

    __slots__ = ("answer", "asked_for", "at_s", "command", "waiting")

    def __init__(self, asked_for: Any, at_s: float) -> None:
        self.asked_for = asked_for
        self.at_s = at_s
        self.answer: Answer | None = None
        self.command: PlatformCommand | None = None
        """The command of the first request; a repeat gets the same one."""
        self.waiting: list[OpenRequest] = []

    @property
    def is_under_way(self) -> bool:
        """Whether it is not known yet what becomes of it."""
        return self.answer is None and self.command is None


class Repeats:
    """The keys of the last while."""

    def __init__(self, *, remember_s: float) -> None:
        self._remember_s = remember_s
        self._known: OrderedDict[tuple[str, str], _KeyedRequest] = OrderedDict()
        self._forget_s = 0.0
        """Before that no key is too old."""

    def register(
        self, asked: OpenRequest, key: tuple[str, str], now_s: float
    ) -> tuple[bool, Answer | None]:
        """Register a request with a key. Return whether it is the first, and the answer so far.

        A repeat gets the command of the first request, if there is one. If there is neither answer
        nor command it waits: `commanded` or `answered` returns it then.
        """
        if now_s >= self._forget_s or len(self._known) > MAX_KEYS:
            self._forget(now_s)
        known, asked_for = self._known.get(key), _request_identity(asked.request)
        if known is None:
            self._known[key] = _KeyedRequest(asked_for, now_s)
            asked.key = key
            return True, None
        if known.asked_for != asked_for:
            return False, answers.of_problem(KEY_REUSED)
        asked.command = known.command
        if known.is_under_way:
            known.waiting.append(asked)
        return False, known.answer

    def commanded(self, asked: OpenRequest) -> list[OpenRequest]:
        """Keep a request's command for the next with its key; return those that wait for it."""
        known = None if asked.key is None else self._known.get(asked.key)
        if known is None:
            return []
        known.command = asked.command
        waiting, known.waiting = known.waiting, []
        for repeat in waiting:
            repeat.command = asked.command
        return waiting

    def store_answer(self, asked: OpenRequest, answer: Answer) -> list[OpenRequest]:
        """Keep the answer to a request without a command; return those that wait for it."""
        known = None if asked.key is None else self._known.get(asked.key)
        if known is None or asked.key is None or known.command is not None:
            return []
        known.answer = answer
        if answer.problem is not None:
            del self._known[asked.key]  # nothing was done: the same may be tried again
        waiting, known.waiting = known.waiting, []
        return waiting

    def _forget(self, now_s: float) -> None:
        while self._known:
            key, oldest = next(iter(self._known.items()))
            is_old = oldest.at_s < now_s - self._remember_s or len(self._known) > MAX_KEYS
            if oldest.is_under_way or not is_old:
                self._forget_s = oldest.at_s + self._remember_s
                return
            del self._known[key]


def _request_identity(request: Request) -> tuple[Any, ...]:
    """Return what makes a request the same; how long the caller waits does not."""
    return (
        request.operation,
        request.vehicle_id,
        request.booking_id,
        request.starts_at,
        request.ends_at,
    )
