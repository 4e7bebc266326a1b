"""Sessions that were ended before their time: their cookies may have been copied."""

from __future__ import annotations

import math
from typing import Final

MOST_REVOKED: Final = 10_000
"""Sessions that are remembered. Beyond that all that began before the oldest of them end [E]."""


class Revoked:
    """The sessions, each until it would have ended. A restart draws a new key, and ends all."""

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[float, float]] = {}
        """Ends and begins of revoked sessions by id, Unix seconds."""
        self._begun_after = -math.inf
        """Sessions that began until then are over."""

    def add(self, session_id: str, *, began: float, until: float, now: float) -> None:
        """Remember that a session is over."""
        if len(self._sessions) >= MOST_REVOKED:
            left = {name: each for name, each in self._sessions.items() if each[0] >= now}
            self._sessions = left
        if len(self._sessions) >= MOST_REVOKED:
            oldest = min(self._sessions, key=lambda name: self._sessions[name][1])
            self._begun_after = max(self._begun_after, self._sessions.pop(oldest)[1])
        self._sessions[session_id] = until, began

    def has(self, session_id: str, *, began: float) -> bool:
        """Return whether a session is over."""
        return session_id in self._sessions or began <= self._begun_after
