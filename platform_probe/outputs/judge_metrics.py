"""The metrics of the judge's process, as the measuring process shows them beside its own."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample


class Family(msgspec.Struct, frozen=True):
    """A metric with its series, as it goes from the judge's process to the measuring one."""

    name: str
    documentation: str
    type: str
    samples: list[tuple[str, dict[str, str], float]]
    """The name, labels and value of each series."""

    @classmethod
    def from_metric(cls, metric: Metric) -> Family:
        """Return the family of a metric."""
        samples = [(one.name, dict(one.labels), one.value) for one in metric.samples]
        return cls(metric.name, metric.documentation, metric.type, samples)

    def metric(self) -> Metric:
        """Return the metric."""
        made = Metric(self.name, self.documentation, self.type)
        made.samples = [Sample(name, labels, value) for name, labels, value in self.samples]
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
