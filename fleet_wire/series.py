"""Counters and histograms under our prefix, in an injected registry, and their series.

They show what those of `prometheus_client` would, and are moved by one thread alone. Its own take a
lock for each bucket and check their labels at each step: a third of the CPU of an unlock.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final, Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

KeyT = TypeVar("KeyT")
SeriesT = TypeVar("SeriesT")
PREFIX: Final = "unlockpath_"


class HasTrace(Protocol):
    """What can be an example of what was counted: it has a trace."""

    @property
    def trace_id(self) -> str:
        """The trace."""
        ...

    @property
    def span_id(self) -> str:
        """The span in it."""
        ...


_Example = tuple[HasTrace, float, float]
"""An example: the counted thing, its value, and the time in Unix seconds."""


class Counter:
    """One series of a counter."""

    __slots__ = ("example", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.example: _Example | None = None
        """The last one that was given."""

    def inc(self, amount: float = 1.0, example: HasTrace | None = None) -> None:
        """Add `amount`, for which `example` stands."""
        self.value += amount
        if example is not None:
            self.example = example, amount, time.time()


class Histogram:
    """One series of a histogram."""

    __slots__ = ("counts", "examples", "sum", "upper")

    def __init__(self, upper: Sequence[float]) -> None:
        self.upper = upper
        self.sum = 0.0
        self.counts = [0] * len(upper)
        """The count of each bucket alone, up to and with its bound."""
        self.examples: dict[int, _Example] = {}
        """The last example of each bucket."""

    def observe(self, value: float, example: HasTrace | None = None) -> None:
        """Count one value, which `example` has."""
        bucket = bisect_left(self.upper, value)
        self.counts[bucket] += 1
        self.sum += value
        if example is not None:
            self.examples[bucket] = example, value, time.time()


def observe_each(histograms: Mapping[KeyT, Histogram], values: Mapping[KeyT, float]) -> None:
    """Count each value in its histogram, without a call for each: an unlock has eight or nine."""
    for key, value in values.items():
        histogram = histograms[key]
        histogram.counts[bisect_left(histogram.upper, value)] += 1
        histogram.sum += value


def count_each(counters: Mapping[KeyT, Counter], keys: Iterable[KeyT]) -> None:
    """Count one for each key, without a call for each."""
    for key in keys:
        counters[key].value += 1.0


class Family(ABC, Generic[SeriesT]):
    """A metric: its series by the values of its labels. A registry reads it as a collector."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._about = name, text
        self._labels = labels
        self._series: dict[tuple[str, ...], SeriesT] = {}

    def labels(self, *values: str) -> SeriesT:
        """Return the series with these values, a new one where there is none."""
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = self._new()
        return series

    def remove(self, *values: str) -> None:
        """Remove a series."""
        del self._series[values]

    def describe(self) -> Iterable[Metric]:
        """Return the metric without its series: so a registry sees that no name comes twice."""
        return (self._metric({}),)

    def collect(self) -> Iterable[Metric]:
        """Return the metric with its series."""
        return (self._metric(self._series),)

    @abstractmethod
    def _new(self) -> SeriesT:
        """Return a series at 0."""

    @abstractmethod
    def _metric(self, series: dict[tuple[str, ...], SeriesT]) -> Metric:
        """Return the metric with these series, as a registry reads it."""


class CounterFamily(Family[Counter]):
    """A counter."""

    def _new(self) -> Counter:
        return Counter()

    def _metric(self, series: dict[tuple[str, ...], Counter]) -> Metric:
        metric = CounterMetricFamily(*self._about, labels=self._labels)
        for values, counter in series.items():
            metric.add_metric(values, counter.value, exemplar=_exemplar(counter.example))
        return metric


class HistogramFamily(Family[Histogram]):
    """A histogram with these upper bounds of its buckets, and one above all."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> None:
        super().__init__(name, text, labels)
        self._upper = (*buckets, math.inf)
        as_text: Callable[[float], str] = floatToGoString
        self._names = [as_text(bound) for bound in self._upper]

    def _new(self) -> Histogram:
        return Histogram(self._upper)

    def _metric(self, series: dict[tuple[str, ...], Histogram]) -> Metric:
        metric = HistogramMetricFamily(*self._about, labels=self._labels)
        for values, histogram in series.items():
            buckets = [
                (name, float(count), _exemplar(histogram.examples.get(number)))
                for number, (name, count) in enumerate(
                    zip(self._names, accumulate(histogram.counts), strict=True)
                )
            ]
            metric.add_metric(values, buckets, histogram.sum)  # type: ignore[arg-type]
        return metric


def _exemplar(example: _Example | None) -> Exemplar | None:
    if example is None:
        return None
    traced, value, unix_s = example
    labels = {"trace_id": traced.trace_id, "span_id": traced.span_id}
    return Exemplar(labels, value, unix_s)


def as_labels(key: object) -> tuple[str, ...]:
    """Return a key of series as values of labels: each part of a tuple is one."""
    return tuple(map(str, key)) if isinstance(key, tuple) else (str(key),)


class Series(dict[KeyT, SeriesT]):
    """The series of a metric by key: its label or labels, unless `labels_of` says otherwise.

    Those of `at_start` exist from the start, at 0.

    A key that nothing can count now has no series; it gets one if it is counted after all.
    """

    def __init__(
        self,
        family: Family[SeriesT],
        at_start: Iterable[KeyT],
        labels_of: Callable[[KeyT], tuple[str, ...]] = as_labels,
    ) -> None:
        super().__init__()
        self._family = family
        self._labels_of = labels_of
        for key in at_start:
            self.__missing__(key)

    def __missing__(self, key: KeyT) -> SeriesT:
        series = self[key] = self._family.labels(*self._labels_of(key))
        return series


class SeriesMaker:
    """Makes metrics in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

    def _counter(self, name: str, text: str, *labels: str) -> CounterFamily:
        family = CounterFamily(f"{PREFIX}{name}_total", text, labels)
        self.registry.register(family)
        return family

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"{PREFIX}{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, buckets: tuple[float, ...], text: str, *labels: str
    ) -> HistogramFamily:
        family = HistogramFamily(f"{PREFIX}{name}", text, labels, buckets)
        self.registry.register(family)
        return family
