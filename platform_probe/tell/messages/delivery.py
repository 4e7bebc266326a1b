"""Parts that all backends share: the time, failures, and lanes that keep their pace.

Each backend has a core without I/O, which gets incidents and the time and decides what to send. Its
shell sends it (`sending.py`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from fleet_wire.contract.incident import Incident
from fleet_wire.error_text import on_one_line, shortened

MAX_DETAIL: Final = 200
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
"""A backend that is away is tried so often: it comes back within a minute [E]."""
FIXED_RETRY_S: Final = 60.0
"""The interval of checks for a problem that a person has to fix [E]."""

CallT = TypeVar("CallT")
KeyT = TypeVar("KeyT")
CallT_co = TypeVar("CallT_co", covariant=True)


class Moment(NamedTuple):
    """A moment on both clocks: pace is kept by `s` (monotonic), what is said by `unix_s`."""

    s: float
    unix_s: float


class Trouble(StrEnum):
    """Why something was not delivered. Each is tried again; `CONTENT` in a simpler form."""

    UNREACHABLE = "unreachable"
    """Nobody answers there: nothing was sent."""
    BROKEN = "broken"
    """The answer did not come, or not whole: it may have been taken."""
    SERVER = "server"
    """The backend says that it is not well (5xx)."""
    RATE = "rate"
    """Too much at once (429)."""
    TOKEN = "token"  # noqa: S105 - no secret
    """The token is wrong, revoked, or lacks a scope; its file cannot be read."""
    CHANNEL = "channel"
    """No such channel, archived, or the app is not in it."""
    CONTENT = "content"
    """The backend does not take what was said."""


class DeliveryKind(StrEnum):
    """The result of a delivery."""

    POST = "post"
    EDIT = "edit"


class Failure(NamedTuple):
    """The reason why a call failed."""

    trouble: Trouble
    detail: str
    """In the backend's words, without secrets."""
    retry_after_s: float | None = None
    """The delay that the backend asks for."""


def short_detail(error: BaseException | str) -> str:
    """Return a text of others, or an error, on one line that is not too long for the log."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return shortened(on_one_line(text), MAX_DETAIL)


class Core(Protocol[CallT_co]):
    """Decides what is sent when, without I/O."""

    def handle_incident(self, incident: Incident, now: Moment) -> None:
        """Handle a revision of an incident."""
        ...

    def next(self, now: Moment) -> CallT_co | None:
        """Return what is to be sent now, each thing once; None: nothing yet."""
        ...

    def next_s(self) -> float:
        """Return when to ask again, in monotonic seconds; infinity: when something has changed."""
        ...

    def forgets(self, incident_id: str) -> bool:
        """Forget an incident that is long over, and return True; False: something of it waits."""
        ...

    def waiting(self, now_s: float) -> tuple[int, float]:
        """Return how many things wait that are due, and for how long the oldest has, in seconds."""
        ...


class _Due(NamedTuple):
    """A message that waits in a lane: the least goes first."""

    urgency: tuple[float, ...]
    since_s: float
    """Since when it waits, monotonic seconds."""
    not_before_s: float


class Lane(Generic[KeyT]):
    """One after the other, at a pace, and with pauses after failures; and what waits for it."""

    def __init__(self, pace_s: float, free_s: float = -math.inf) -> None:
        self._pace_s = pace_s
        self._failures = 0
        self._due: dict[KeyT, _Due] = {}
        self.free_s = free_s
        """Not before then, monotonic seconds."""
        self.is_busy = False

    def is_free(self, now_s: float) -> bool:
        """Return whether something may be sent."""
        return not self.is_busy and self.free_s <= now_s

    def start_call(self) -> None:
        """Note that something is on its way."""
        self.is_busy = True

    def finish_call(self, now_s: float) -> None:
        """Note that it was taken."""
        self.is_busy = False
        self._failures = 0
        self.free_s = max(self.free_s, now_s + self._pace_s)

    def fail(self, failure: Failure, now_s: float) -> float:
        """Note that it was not taken, and return for how long nothing is sent."""
        self.is_busy = False
        self._failures += 1
        pause_s = pause_after(failure, self._failures)
        self.free_s = max(self.free_s, now_s + pause_s)
        return pause_s

    # What waits

    @property
    def keys(self) -> Collection[KeyT]:
        """Return the keys of all that waits, due or not."""
        return self._due.keys()

    def put(
        self, key: KeyT, now_s: float, *, urgency: tuple[float, ...], not_before_s: float
    ) -> None:
        """Have something wait, which may wait already."""
        before = self._due.get(key)
        since_s = max(now_s, not_before_s) if before is None else before.since_s
        self._due[key] = _Due(urgency, since_s, not_before_s)

    def remove(self, key: KeyT) -> None:
        """Remove something that waits."""
        self._due.pop(key, None)

    def remove_due(self, key: KeyT, now_s: float) -> None:
        """Have something wait no more, unless it is to go later."""
        if key in self._due and self._due[key].not_before_s <= now_s:
            del self._due[key]

    def first(self, now_s: float) -> KeyT | None:
        """Return what is to be sent now; None: nothing yet."""
        if not self.is_free(now_s):
            return None
        ready = ((due, key) for key, due in self._due.items() if due.not_before_s <= now_s)
        return min(ready, default=(None, None))[1]

    def next_s(self) -> float:
        """Return when something may be sent, in monotonic seconds."""
        if self.is_busy or not self._due:
            return math.inf
        return max(self.free_s, min(due.not_before_s for due in self._due.values()))

    def waiting_since(self, now_s: float) -> dict[KeyT, float]:
        """Return since when each thing waits that is due, in monotonic seconds."""
        due = self._due.items()
        return {key: each.since_s for key, each in due if each.not_before_s <= now_s}


def waiting_in(lanes: Iterable[Lane[Any]], now_s: float) -> tuple[int, float]:
    """Return how many things wait that are due, and for how long the oldest has, in seconds."""
    since = [each for lane in lanes for each in lane.waiting_since(now_s).values()]
    return len(since), max(now_s - min(since), 0.0) if since else 0.0


def pause_after(failure: Failure, failures: int) -> float:
    """Return how long to wait after so many failures in a row, in seconds."""
    if failure.retry_after_s is not None:
        return max(failure.retry_after_s, FIRST_RETRY_S)
    if failure.trouble in (Trouble.TOKEN, Trouble.CHANNEL):
        return FIXED_RETRY_S
    return float(min(FIRST_RETRY_S * 2.0 ** min(failures - 1, 10), LONGEST_RETRY_S))
