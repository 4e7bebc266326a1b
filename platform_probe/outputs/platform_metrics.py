"""What is counted of the platform's log: the answers of its API, and how the log itself fares."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Origin
from fleet_wire.contract.platform_log import PlatformEvent
from fleet_wire.contract.problems import FIRST_ERROR_STATUS, is_generic
from fleet_wire.series import Counter, SeriesMaker
from platform_probe.outputs.dimension import UNKNOWN, LabelValues

_NEVER: Final = float("nan")


class AnswerKind(StrEnum):
    """How well an answer of the API explains itself."""

    OK = "ok"
    EXPLICIT = "explicit"
    """An error with a type of its own, or one that its status tells."""
    GENERIC = "generic"
    """An error that explains nothing: nobody has treated it."""


class LineEnd(StrEnum):
    """The end of a line of the platform's log."""

    TAKEN = "taken"
    REPEATED = "repeated"
    """It had come before."""
    OUT_OF_TIME = "out_of_time"
    """It is older than what is revised, or from another time altogether."""
    MALFORMED = "malformed"
    """It breaks the contract."""
    FORGED = "forged"
    """Its post had no right token, so nobody has read it; counted by posts."""


def kind_of(status: int | None, problem: str | None) -> AnswerKind:
    """Return how well an answer explains itself.

    An answer without a status counts as a good one.
    """
    if status is None or status < FIRST_ERROR_STATUS:
        return AnswerKind.OK
    return AnswerKind.GENERIC if is_generic(status, problem) else AnswerKind.EXPLICIT


class PlatformMetrics(SeriesMaker):
    """The metrics that the platform's log moves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._answers = self._counter(
            "platform_answers", "What the platform answered to phones, by route, by app, and by how"
            " well it explains itself; generic: an error that explains nothing.",
            "endpoint", "app_version", "kind",
        )  # fmt: skip
        self._by_labels: dict[tuple[str, str, AnswerKind], Counter] = {}
        self._make_answers(UNKNOWN, UNKNOWN)
        self._endpoints = LabelValues(on_gone=self._forget)
        self._app_versions = LabelValues(on_gone=self._forget)
        lines = self._counter(
            "platform_lines", "Lines of the platform's log, by what became of them.", "end"
        )
        self.line_defects = self._counter(
            "platform_line_defects", "Lines of the platform's log at which code of the monitor"
            " itself failed; the others went on.",
        ).labels()  # fmt: skip
        self._lines = {end: lines.labels(end.value) for end in LineEnd}
        self._noted = dict.fromkeys(LineEnd, 0)
        self._newest = self._gauge(
            "platform_newest_line_timestamp_seconds", "The latest time in the platform's log, Unix"
            " seconds on the platform's own clock; 0: no line has come.",
        )  # fmt: skip
        self._ahead = self._gauge(
            "platform_clock_ahead_seconds", "How far the platform's clock is ahead of the"
            " monitor's; below 0 behind.",
        )  # fmt: skip
        self._uncertainty = self._gauge(
            "platform_clock_uncertainty_seconds", "How wrong that may be; NaN: not known yet."
        )
        self._uncertainty.set(_NEVER)
        self._waiting = self._gauge(
            "attempts_to_join", "Unlocks that wait for what the platform's log says of them."
        )
        self.revisions = self._counter(
            "attempt_revisions", "Records of unlocks that were written once more, because something"
            " came after they were judged. Other metrics have each unlock as it was judged first.",
        ).labels()  # fmt: skip
        missing = self._counter(
            "attempts_without_source", "Unlocks that were judged without what this source should"
            " have told of them.", "missing",
        )  # fmt: skip
        self.missing = {origin: missing.labels(origin.value) for origin in Origin}

    def count_answer(self, event: PlatformEvent) -> None:
        """Count one answer of the API."""
        labels = (
            self._endpoints.label(event.endpoint, event.at),
            self._app_versions.label(event.app_version, event.at),
            kind_of(event.status, event.problem),
        )
        if labels not in self._by_labels:
            self._make_answers(*labels[:2])
        self._by_labels[labels].inc()

    def note_lines(self, totals: Mapping[LineEnd, int], newest_at: float) -> None:
        """Bring the counters to these totals. `newest_at` is 0 where no line has come."""
        for end, total in totals.items():
            self._lines[end].inc(total - self._noted[end])
            self._noted[end] = total
        self._newest.set(newest_at)

    def set_join(
        self, *, waiting: int, clock_ahead_s: float, clock_uncertainty_s: float | None
    ) -> None:
        """Set how many unlocks wait, and how the clocks compare."""
        self._waiting.set(waiting)
        self._ahead.set(clock_ahead_s)
        self._uncertainty.set(_NEVER if clock_uncertainty_s is None else clock_uncertainty_s)

    def _make_answers(self, endpoint: str, app_version: str) -> None:
        for kind in AnswerKind:  # all at once: a share needs the others at 0
            labels = (endpoint, app_version, kind)
            self._by_labels[labels] = self._answers.labels(*labels)

    def _forget(self, label: str) -> None:
        """Remove the series of a route or an app that gave up its slot."""
        for labels in [labels for labels in self._by_labels if label in labels[:2]]:
            del self._by_labels[labels]
            self._answers.remove(*labels)
