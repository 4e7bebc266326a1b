"""Prometheus metrics of the probe: what the operator's alerts and dashboards read.

The number of series does not grow with the fleet: no label names a car, a customer or an attempt,
and regions and firmware versions are capped. Every series that can be known in advance exists at 0
from the start, so that `rate()` sees the first event. Bucket edges lie exactly on the thresholds
of the service levels and on the customer's deadline. A cause is a label of counters only. Who asked
is a label of everything that is counted by unlock: many synthetic ones must not hide few customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics

from fleet_wire.contract.attempt import Attempt, Flag, Record, Source, Stage, StrayKind
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import Ended

MAX_LABEL_VALUES: Final = 24
"""Regions, and firmware versions, that get series of their own; the rest share "other"."""
OTHER: Final = "other"
UNKNOWN: Final = "unknown"
"""The label of a box that has not said its region or firmware yet."""
NO_CAUSE: Final = "none"

UNLOCK_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 8, 10, 15, 20, 30, 60)
STAGE_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20)
LAG_BUCKETS_S: Final = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)
FLOOR_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)

SINKS: Final = ("jsonl", "metrics", "log")
OPENMETRICS: Final = "application/openmetrics-text"
_EOF: Final = b"# EOF\n"
PRESENCES: Final = ("online", "asleep", "offline")
SOURCES: Final = (Source.PROBE, Source.CUSTOMER)
"""Whose unlocks are counted; those of the null box have a histogram of their own."""


class _Alone:
    """One metric where the client library expects a registry: a page costs less in pieces."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


class _Dimension:
    """Counters by source and outcome for at most `MAX_LABEL_VALUES` values from the wire.

    First come, first served: what comes later is "other". None is "unknown". Neither takes a place.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._by_label: dict[str, dict[tuple[Source, Outcome], Counter]] = {}
        for label in (UNKNOWN, OTHER):
            self._add(label)

    @property
    def labels(self) -> Iterable[str]:
        """The label values in use."""
        return self._by_label

    def label(self, value: str | None) -> str:
        """Return the label value for `value`, which takes a place if one is left."""
        if value is None:
            return UNKNOWN
        if value not in self._by_label:
            if len(self._by_label) >= MAX_LABEL_VALUES + 2:
                return OTHER
            self._add(value)
        return value

    def of(self, value: str | None) -> dict[tuple[Source, Outcome], Counter]:
        """Return the counters for `value`."""
        return self._by_label[self.label(value)]

    def _add(self, label: str) -> None:
        self._by_label[label] = {
            (source, outcome): self._counter.labels(source.value, label, outcome.value)
            for source in SOURCES
            for outcome in Outcome
        }


def new_registry() -> CollectorRegistry:
    """Return a registry of its own for one probe."""
    return CollectorRegistry()


class ProbeMetrics:
    """All metrics of a probe, in an injected registry. As a sink it takes every record."""

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        # "_created" series would double those of every counter
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        ProcessCollector(registry=registry)
        self._make_attempt_metrics()
        self._make_dimension_metrics()
        self._make_probe_metrics()
        Gauge(
            "unlockpath_build_info", "Always 1; the label says what runs.", ["version"],
            registry=registry,
        ).labels(version).set(1)  # fmt: skip

    def _make_attempt_metrics(self) -> None:
        unlocks = self._counter(
            "unlocks", "Unlocks that ended, by who asked and why they ended.",
            "source", "outcome", "cause",
        )  # fmt: skip
        causes: tuple[Cause | None, ...] = (None, *Cause)
        self._unlocks = {
            (source, cause): unlocks.labels(
                source.value, outcome_of(cause).value, cause.value if cause else NO_CAUSE
            )
            for source in SOURCES
            for cause in causes
        }
        duration = self._histogram(
            "unlock_duration_seconds", UNLOCK_BUCKETS_S,
            "From the intended start to the end; a timeout counts with its deadline.",
            "source", "outcome",
        )  # fmt: skip
        self._duration = {
            (source, outcome): duration.labels(source.value, outcome.value)
            for source in SOURCES
            for outcome in Outcome
        }
        self._floor_duration = self._histogram(
            "floor_duration_seconds", FLOOR_BUCKETS_S,
            "Unlocks of the null box: what broker, network and probe take by themselves.",
        )  # fmt: skip
        flags = self._counter("attempt_flags", "Ended unlocks that had this oddity.", "flag")
        self._flags = {flag: flags.labels(flag.value) for flag in Flag}
        last_attempt = self._gauge(
            "last_attempt_timestamp_seconds", "Unix time at which an unlock last ended; 0: never.",
            "source",
        )  # fmt: skip
        self._last_attempt = {source: last_attempt.labels(source.value) for source in SOURCES}
        self._make_stage_metrics()
        self._make_stray_metrics()

    def _make_stage_metrics(self) -> None:
        duration = self._histogram(
            "stage_duration_seconds", STAGE_BUCKETS_S,
            "From the stage before to this stage, also where it was waited for in vain; the hops of"
            " one unlock add up to its total.",
            "source", "stage",
        )  # fmt: skip
        self._stage_duration = {
            (source, stage.value): duration.labels(source.value, stage.value)
            for source in SOURCES
            for stage in Stage
            if stage is not Stage.INTENDED
        }
        reached = self._counter(
            "stages_reached", "Unlocks that got as far as this stage.", "source", "stage"
        )
        self._stages_reached = {
            (source, stage.value): reached.labels(source.value, stage.value)
            for source in SOURCES
            for stage in Stage
        }

    def _make_stray_metrics(self) -> None:
        strays = self._counter(
            "stray_answers", "Answers outside of an open unlock, by who had asked.",
            "source", "kind",
        )  # fmt: skip
        sources: tuple[Source | None, ...] = (None, Source.FLOOR, *SOURCES)
        self._strays = {
            (source, kind): strays.labels(source.value if source else UNKNOWN, kind.value)
            for source in sources
            for kind in StrayKind
        }
        late = self._counter(
            "late_unlocks", "Cars that opened after their customer had been told that they did"
            " not, by who had asked.", "source",
        )  # fmt: skip
        self._late_unlocks = {source: late.labels(source.value) for source in SOURCES}

    def _make_dimension_metrics(self) -> None:
        regions = self._counter(
            "region_unlocks", "Unlocks that ended, by region of the car.",
            "source", "region", "outcome",
        )  # fmt: skip
        firmwares = self._counter(
            "firmware_unlocks", "Unlocks that ended, by firmware of the box.",
            "source", "firmware", "outcome",
        )  # fmt: skip
        operators = self._counter(
            "operator_unlocks", "Unlocks that ended, by mobile network of the box.",
            "source", "operator", "outcome",
        )  # fmt: skip
        hardwares = self._counter(
            "hardware_unlocks", "Unlocks that ended, by model of the box.",
            "source", "hardware", "outcome",
        )  # fmt: skip
        self._regions = _Dimension(regions)
        self._firmwares = _Dimension(firmwares)
        self._operators = _Dimension(operators)
        self._hardwares = _Dimension(hardwares)
        self._region_reconnects = self._counter(
            "region_reconnects", "Boxes that came online again without having said goodbye, by"
            " region.", "region",
        )  # fmt: skip
        self._reconnects: dict[str | None, int] = {}
        self._region_boxes = self._gauge(
            "region_boxes", "Boxes that were ever heard, by region and presence.",
            "region", "presence",
        )  # fmt: skip
        self._show_regions({})

    def _make_probe_metrics(self) -> None:
        self._in_flight = self._gauge("in_flight", "Unlocks that have started and not ended.")
        boxes = self._gauge("boxes", "Boxes that were ever heard, by presence.", "presence")
        self._boxes = {presence: boxes.labels(presence) for presence in PRESENCES}
        malformed = self._counter(
            "malformed_messages", "Messages that break the wire contract, by kind of topic.",
            "topic",
        )  # fmt: skip
        self._malformed = {
            topic: malformed.labels(topic) for topic in (*(kind.value for kind in TopicKind), OTHER)
        }
        self._lag = self._histogram(
            "schedule_lag_seconds", LAG_BUCKETS_S,
            "How long after its intended time a synthetic unlock was really started.",
        )  # fmt: skip
        self._dropped = self._counter(
            "starts_dropped",
            "Synthetic unlocks not started: too many were in flight, or the deadline was over.",
        )
        self._connected = self._gauge(
            "broker_connected", "1 while connected to the broker and subscribed, else 0."
        )
        watched = self._counter(
            "watched_seconds", "Seconds that this probe has run, by whether it was connected and"
            " could see what happens.", "connected",
        )  # fmt: skip
        self._watched_s = {
            is_connected: watched.labels("yes" if is_connected else "no")
            for is_connected in (True, False)
        }
        disconnects = self._counter(
            "broker_disconnects", "Connections to the broker that ended or failed.", "why"
        )
        self._disconnects = {why: disconnects.labels(why.value) for why in Ended}
        sink_errors = self._counter("sink_errors", "Records that a sink could not take.", "sink")
        self._sink_errors = {sink: sink_errors.labels(sink) for sink in SINKS}

    def emit(self, record: Record) -> None:
        """Count one ended attempt, or one stray answer.

        Of an attempt that was observed late only its flags are counted.
        """
        if not isinstance(record, Attempt):
            self._strays[record.source, record.kind].inc()
            if record.is_late_unlock and record.source in self._late_unlocks:
                self._late_unlocks[record.source].inc()
            return
        source, outcome = record.source, record.outcome
        is_late = Flag.OBSERVED_LATE in record.flags
        if source is Source.FLOOR:
            if not is_late:
                self._floor_duration.observe(record.total_s)
            return
        if record.cause is Cause.NOT_OBSERVED:
            self._unlocks[source, record.cause].inc()
            return  # nothing was measured
        for flag in record.flags:
            self._flags[flag].inc()
        if is_late:
            return  # an outcome without times belongs into no ratio and no histogram
        self._unlocks[source, record.cause].inc()
        self._duration[source, outcome].observe(record.total_s, {"trace_id": record.trace_id})
        for stage, hop_s in record.hops_s.items():
            self._stage_duration[source, stage].observe(hop_s)
        for stage in record.stages:
            self._stages_reached[source, stage].inc()
        self._regions.of(record.region)[source, outcome].inc()
        self._firmwares.of(record.firmware)[source, outcome].inc()
        self._operators.of(record.operator)[source, outcome].inc()
        self._hardwares.of(record.hardware)[source, outcome].inc()
        self._last_attempt[source].set(record.started_at + record.total_s)

    def observe_start(self, lag_s: float) -> None:
        """Count one synthetic unlock that started `lag_s` after its intended time."""
        self._lag.observe(lag_s)

    def count_dropped_start(self) -> None:
        """Count one synthetic unlock that was not started."""
        self._dropped.inc()

    def count_malformed(self, kind: TopicKind | None) -> None:
        """Count one message that breaks the contract; None: its topic is outside of it."""
        self._malformed[kind.value if kind else OTHER].inc()

    def count_sink_error(self, sink: str, records: int = 1) -> None:
        """Count records that `sink` (one of `SINKS`) could not take."""
        self._sink_errors[sink].inc(records)

    def set_connected(self, *, connected: bool) -> None:
        """Say whether the probe is connected and subscribed."""
        self._connected.set(1 if connected else 0)

    def add_watched(self, seconds: float, *, connected: bool) -> None:
        """Count time that has passed with or without a connection."""
        self._watched_s[connected].inc(seconds)

    def count_disconnect(self, why: Ended) -> None:
        """Count one connection that ended or could not be made."""
        self._disconnects[why].inc()

    def set_fleet(
        self,
        *,
        in_flight: int,
        boxes: Mapping[str, int],
        by_region: Mapping[tuple[str | None, str], int],
    ) -> None:
        """Set the gauges of the fleet. `boxes` maps each of `PRESENCES` to a number of boxes.

        `by_region` maps region and presence.
        """
        self._in_flight.set(in_flight)
        for presence, gauge in self._boxes.items():
            gauge.set(boxes.get(presence, 0))
        self._show_regions(by_region)

    def note_reconnects(self, by_region: Mapping[str | None, int]) -> None:
        """Bring the counters to these totals: boxes that came back without a goodbye."""
        for region, total in by_region.items():
            new = total - self._reconnects.get(region, 0)
            self._region_reconnects.labels(self._regions.label(region)).inc(new)
        self._reconnects = dict(by_region)

    def exposition(self, media_type: str) -> tuple[Iterator[bytes], str]:
        """Return the page of a scrape in pieces, a metric each, and its content type.

        OpenMetrics, with exemplars, where that is the media type, else Prometheus text.
        """
        if media_type == OPENMETRICS:
            return self._openmetrics(), openmetrics.CONTENT_TYPE_LATEST
        pages = map(generate_latest, map(_Alone, self.registry.collect()))
        return pages, CONTENT_TYPE_PLAIN_0_0_4

    def _openmetrics(self) -> Iterator[bytes]:
        for family in self.registry.collect():
            page: bytes = openmetrics.generate_latest(_Alone(family))  # type: ignore[no-untyped-call]
            yield page.removesuffix(_EOF)
        yield _EOF

    def _show_regions(self, by_region: Mapping[tuple[str | None, str], int]) -> None:
        shown = {(label, one): 0 for label in self._regions.labels for one in PRESENCES}
        for (region, presence), count in by_region.items():
            label = self._regions.label(region)
            shown[label, presence] = shown.get((label, presence), 0) + count
        for labels, count in shown.items():
            self._region_boxes.labels(*labels).set(count)
        for label in self._regions.labels:
            self._region_reconnects.labels(label)  # there from the start, as all others

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
