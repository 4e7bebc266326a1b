"""Metrics as they go from one process to another, and those of the judge beside our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client import samples as prometheus
from prometheus_client.metrics_core import Metric


class Exemplar(msgspec.Struct, frozen=True, array_like=True):
    """An example of a counted event, as prometheus_client has it."""

    labels: dict[str, str]
    value: float
    at: float | None = None


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One value of a metric, as prometheus_client has it."""

    name: str
    labels: dict[str, str]
    value: float
    timestamp: Any = None
    exemplar: Exemplar | None = None


class Family(msgspec.Struct, frozen=True, array_like=True):
    """A metric with all its series, as prometheus_client has it."""

    name: str
    kind: str
    text: str
    samples: list[Sample]

    @classmethod
    def from_metric(cls, metric: Metric) -> Family:
        """Return the family of a metric."""
        samples: Any = metric.samples  # named tuples, which are written as `Sample` is
        return cls(metric.name, metric.type, metric.documentation, samples)

    def metric(self) -> Metric:
        """Return the metric."""
        made = Metric(self.name, self.text, self.kind)
        made.samples = [prometheus.Sample(one.name, one.labels, one.value) for one in self.samples]
        return made


class JudgeCollector:
    """Shows the families that the judge's process sent last, in the registry of another process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.families: list[Family] = []
        registry.register(self)

    def show(self, families: list[Family]) -> None:
        """Show these from now on."""
        self.families = families

    def describe(self) -> list[Metric]:
        """Return nothing: the metrics are not known beforehand."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Yield each metric."""
        return (each.metric() for each in self.families)
