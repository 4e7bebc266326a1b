"""Metrics under our prefix, in an injected registry, and their series by what they count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

KeyT = TypeVar("KeyT")
MetricT = TypeVar("MetricT", bound=MetricWrapperBase)


class Series(dict[KeyT, MetricT]):
    """The series of a metric by key. Those of `at_start` exist from the start, at 0.

    What nothing can move now has no series; should something move it after all, it gets one.
    """

    def __init__(
        self,
        metric: MetricT,
        labels_of: Callable[[KeyT], tuple[str, ...]],
        at_start: Iterable[KeyT],
    ) -> None:
        super().__init__()
        self._metric = metric
        self._labels_of = labels_of
        for key in at_start:
            self.__missing__(key)

    def __missing__(self, key: KeyT) -> MetricT:
        series = self[key] = self._metric.labels(*self._labels_of(key))
        return series


class SeriesMaker:
    """Makes metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"unlockpath_{name}_total", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"unlockpath_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, buckets: tuple[float, ...], text: str, *labels: str
    ) -> Histogram:
        return Histogram(
            f"unlockpath_{name}", text, labels, buckets=buckets, registry=self.registry
        )
