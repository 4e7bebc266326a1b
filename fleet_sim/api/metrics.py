"""Prometheus metrics of the API: answers by endpoint, app version and problem type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as LabelledCounter
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from fleet_sim.platform.operations import ENDPOINTS
from fleet_wire.contract.problems import GENERIC
from fleet_wire.series import Counter, SeriesMaker

MAX_APP_VERSIONS: Final = 24
"""App versions that have series of their own; those that come later share "other"."""
OTHER: Final = "other"
UNKNOWN: Final = "unknown"
NONE: Final = "none"
"""The problem of an answer that is what was asked for."""
UNTYPED: Final = "untyped"
"""The label of an answer of 400 or more that has no problem type."""
BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
OPENMETRICS: Final = "application/openmetrics-text"


class ApiMetrics(SeriesMaker):
    """Counts answers. `registry` is the API's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._answers = self._counter(
            "api_answers",
            "Answers of the API. A problem of internal-error or untyped explains nothing.",
            "endpoint", "app_version", "problem",
        )  # fmt: skip
        duration = self._histogram(
            "api_answer_seconds",
            BUCKETS_S,
            "From a request's last byte to its answer, by whether it waited for the car.",
            "endpoint", "waited",
        )  # fmt: skip
        endpoints = (*ENDPOINTS.values(), OTHER)
        self._durations = {
            (endpoint, waited): duration.labels(endpoint, "yes" if waited else "no")
            for endpoint in endpoints
            for waited in (False, True)
        }
        self._untreated = LabelledCounter(
            "unlockpath_api_untreated_errors_total",
            "Exceptions that nothing has treated: each became an internal-error. The exemplar has"
            " its trace.",
            ["endpoint", "error"],
            registry=registry,
        )
        self.under_way = 0
        Gauge(
            "unlockpath_api_under_way", "Requests that have no answer yet.", registry=registry
        ).set_function(lambda: self.under_way)
        self._hung_up = self._counter(
            "api_hung_up",
            "Clients that went before they were answered, as the log has them.",
            "endpoint",
        )
        self.answered = self.problems = self.generic = 0
        """Answers, those that are a problem, and those of them that explain nothing."""
        self._series: dict[tuple[str, str, str], Counter] = {}
        self._versions: set[str] = set()

    def count(
        self, endpoint: str, app_version: str | None, problem: str, *, may_name: bool = False
    ) -> None:
        """Count one answer; `may_name`: a version that is new may get series of its own."""
        key = (endpoint, self._version(app_version, may_name=may_name), problem)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._answers.labels(*key)
        series.inc()
        self.answered += 1
        if problem != NONE:
            self.problems += 1
            self.generic += problem == UNTYPED or problem in GENERIC

    def observe(self, endpoint: str, duration_s: float, *, waited: bool) -> None:
        """Note how long an answer took."""
        self._durations[endpoint, waited].observe(duration_s)

    def count_untreated(self, endpoint: str, error: BaseException, trace_id: str) -> None:
        """Count an exception that became an answer which explains nothing."""
        self._untreated.labels(endpoint, type(error).__name__).inc(1, {"trace_id": trace_id})

    def count_hung_up(self, endpoint: str) -> None:
        """Count a client that did not wait for its answer."""
        self._hung_up.labels(endpoint).inc()

    def exposition(self, media_type: str) -> tuple[Iterator[bytes], str]:
        """Return the page of a scrape, and its content type."""
        if media_type == OPENMETRICS:
            page: bytes = openmetrics.generate_latest(self.registry)  # type: ignore[no-untyped-call]
            return iter((page,)), openmetrics.CONTENT_TYPE_LATEST
        return iter((generate_latest(self.registry),)), CONTENT_TYPE_PLAIN_0_0_4

    def _version(self, app_version: str | None, *, may_name: bool) -> str:
        if app_version is None:
            return UNKNOWN
        if app_version not in self._versions:
            if not may_name or len(self._versions) == MAX_APP_VERSIONS:
                return OTHER
            self._versions.add(app_version)
        return app_version
