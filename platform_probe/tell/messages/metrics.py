"""What is counted and logged of messages about incidents, and of requests by their buttons."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from prometheus_client import CollectorRegistry

from fleet_wire.clock import Clock
from fleet_wire.series import SeriesMaker
from platform_probe.outputs.logs import Complaints, Logger
from platform_probe.tell.messages.delivery import DeliveryKind, Failure, Trouble


class RequestEnd(StrEnum):
    """The end of a request about an incident."""

    TAKEN = "taken"
    FORGED = "forged"
    """Its signature or its token is wrong, or it is too old."""
    REPEATED = "repeated"
    """The same press has come before: somebody sends again what they have overheard."""
    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    """There is no such incident, or nothing can be done to it any more."""


DROPPED: Final = "dropped"


class MessageMetrics(SeriesMaker):
    """The metrics of the messages, for these backends."""

    def __init__(self, registry: CollectorRegistry, backends: Iterable[str] = ()) -> None:
        super().__init__(registry)
        self._sent = self._counter(
            "messages_sent", "Messages about incidents that a backend has taken: posts, and edits"
            " of earlier ones.", "backend", "what",
        )  # fmt: skip
        self._failed = self._counter(
            "messages_failed", "Attempts to send one that failed, by why. Each is tried again,"
            " except what was dropped.", "backend", "why",
        )  # fmt: skip
        self._trouble = self._gauge(
            "messages_trouble", "1 while the last attempt of a backend failed for this reason,"
            " else 0.", "backend", "why",
        )  # fmt: skip
        self._waiting = self._gauge(
            "messages_waiting", "Posts and edits that are due and were not taken yet.", "backend"
        )
        self._oldest = self._gauge(
            "messages_oldest_waiting_seconds", "For how long the oldest of them has waited.",
            "backend",
        )  # fmt: skip
        asked = self._counter(
            "incident_requests", "What people asked to be done to incidents, with buttons or"
            " commands, by what became of it.", "end",
        )  # fmt: skip
        self._asked = {end: asked.labels(end.value) for end in RequestEnd}
        for backend in backends:
            self.make(backend)

    def make(self, backend: str) -> None:
        """Create the series of a backend at the start."""
        for what in DeliveryKind:
            self._sent.labels(backend, what.value)
        for why in (*Trouble, DROPPED):
            self._failed.labels(backend, str(why))
        for why in Trouble:
            self._trouble.labels(backend, why.value)
        self.set_waiting(backend, 0, 0.0)

    def count_sent(self, backend: str, what: DeliveryKind) -> None:
        """Count one that was taken."""
        self._sent.labels(backend, what.value).inc()
        for why in Trouble:
            self._trouble.labels(backend, why.value).set(0)

    def count_failed(self, backend: str, why: Trouble) -> None:
        """Count one attempt that failed."""
        self._failed.labels(backend, why.value).inc()
        for each in Trouble:
            self._trouble.labels(backend, each.value).set(each is why)

    def count_dropped(self, backend: str) -> None:
        """Count what is not tried again."""
        self._failed.labels(backend, DROPPED).inc()

    def set_waiting(self, backend: str, number: int, oldest_s: float) -> None:
        """Set how many wait, and for how long the oldest does."""
        self._waiting.labels(backend).set(number)
        self._oldest.labels(backend).set(oldest_s)

    def count_asked(self, end: RequestEnd) -> None:
        """Count one request to do something to an incident."""
        self._asked[end].inc()


class CallResults:
    """Counts and logs the result of every call."""

    def __init__(self, metrics: MessageMetrics, logger: Logger, clock: Clock) -> None:
        self._metrics = metrics
        self._logger = logger
        self.complain = Complaints(logger, clock).complain
        """Log a complaint, at a limited rate."""
        self._in_trouble: set[str] = set()

    def on_sent(self, backend: str, what: DeliveryKind, **about: Any) -> None:
        """Note what was taken."""
        self._metrics.count_sent(backend, what)
        self._logger.debug("message_sent", backend=backend, what=what, **about)
        if backend in self._in_trouble:
            self._in_trouble.discard(backend)
            self._logger.info("messages_sent_again", backend=backend)

    def failed(self, backend: str, failure: Failure, **about: Any) -> None:
        """Note what was not, and is tried again."""
        self._metrics.count_failed(backend, failure.trouble)
        self._in_trouble.add(backend)
        self.complain(
            "message_failed",
            f"{backend}: {failure.trouble}",
            detail=failure.detail,
            retry_after_s=failure.retry_after_s,
            **about,
        )

    def dropped(self, backend: str, detail: str, **about: Any) -> None:
        """Note what is not tried again."""
        self._metrics.count_dropped(backend)
        self.complain("message_dropped", backend, detail=detail, **about)

    def not_kept(self, error: Exception) -> None:
        """Note an entry that could not be written down, or handed on."""
        self.complain("message_not_kept", "journal", error=f"{type(error).__name__}: {error}")

    def may_come_twice(self, backend: str, **about: Any) -> None:
        """Note a post that may have arrived, and is sent again."""
        self.complain("message_may_come_twice", backend, **about)
