"""Prometheus metrics of the probe: what the operator's alerts and dashboards read.

The number of series does not grow with the fleet. No label names a car, a customer or an attempt,
and regions and firmware versions are capped. Metrics moved by records are in `attempt_metrics`;
here are those of the fleet and of the probe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import product
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition as openmetrics

from fleet_wire.contract.topics import TopicKind
from fleet_wire.entry_points import names_of_others
from fleet_wire.links.link import EndReason
from fleet_wire.series import Counter, Series
from platform_probe.outputs.attempt_metrics import AttemptMetrics
from platform_probe.outputs.dimension import OF_CARS, OF_PLATFORM, OTHER
from platform_probe.outputs.families import JudgeCollector
from platform_probe.settings.otlp import Signal

LOOP_LAG_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
LAG_BUCKETS_S: Final = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)
SINKS: Final = ("journal", "jsonl", "metrics", "log", "otlp")
OPENMETRICS: Final = "application/openmetrics-text"
_EOF: Final = b"# EOF\n"
HEARD: Final[tuple[TopicKind, ...]] = tuple(
    kind for kind in TopicKind if kind is not TopicKind.WAKE
)
"""The messages that a probe receives."""
PRESENCES: Final = ("online", "asleep", "offline")


class RelockEnd(StrEnum):
    """The end of a car's relock."""

    LOCKED = "locked"
    FAILED = "failed"
    """It may stand open."""
    LEFT = "left"
    """Its customer has come, or it is not to be touched any more."""


class BatteryUse(StrEnum):
    """Uses of a car's battery by the monitor itself."""

    COMMAND = "command"
    WAKE = "wake"


class WithheldReason(StrEnum):
    """Why a synthetic unlock was not started, although it could have been."""

    BOOKED = "booked"
    """Or nobody could tell whether it was."""
    RELOCKING = "relocking"
    """The car was still to be locked again after its last one."""


class Unexported(StrEnum):
    """Why something did not reach the OTLP backend."""

    QUEUE_FULL = "queue_full"
    """Too much waited already."""
    UNDELIVERED = "undelivered"
    """The backend did not take it in time, or refused it."""
    ENDED = "ended"
    """It still waited when the exporter ended, or the probe."""


class _SingleMetricRegistry:
    """One metric where the client library expects a registry: a page costs less in pieces."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


def _labels_of_kind(kind: TopicKind | None) -> tuple[str, ...]:
    return (OTHER if kind is None else kind.value,)


def new_registry() -> CollectorRegistry:
    """Return a registry of its own for one probe."""
    return CollectorRegistry()


class ProbeMetrics(AttemptMetrics):
    """All metrics of a probe, in an injected registry. It is a sink that counts every record.

    Series that one event moves are attributes: whoever sees the event moves them.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        version: str,
        follows_platform: bool = False,
        asks_api: bool = False,
    ) -> None:
        # "_created" series would double those of every counter
        disable_created_metrics()  # type: ignore[no-untyped-call]
        super().__init__(registry, follows_platform=follows_platform, asks_api=asks_api)
        ProcessCollector(registry=registry)
        self._make_fleet()
        self._make_load()
        self._make_traffic()
        self._make_connection()
        self._make_export()
        self._make_judge()
        Gauge(
            "unlockpath_build_info", "Always 1; the label says what runs.", ["version"],
            registry=registry,
        ).labels(version).set(1)  # fmt: skip

    def _make_fleet(self) -> None:
        self._in_flight = self._gauge("in_flight", "Unlocks that have started and not ended.")
        boxes = self._gauge("boxes", "Boxes that were ever heard, by presence.", "presence")
        self._boxes = {presence: boxes.labels(presence) for presence in PRESENCES}
        self._region_reconnects = self._counter(
            "region_reconnects", "Boxes that came online again without having said goodbye, by"
            " region.", "region",
        )  # fmt: skip
        self._reconnects: dict[str | None, int] = {}
        self._region_boxes = self._gauge(
            "region_boxes", "Boxes that were ever heard, by region and presence.",
            "region", "presence",
        )  # fmt: skip
        self._shown: set[tuple[str, str]] = set()
        """The regions and presences that have a series."""
        self._show_regions({})

    def _make_load(self) -> None:
        self.start_lag = self._histogram(
            "schedule_lag_seconds", LAG_BUCKETS_S,
            "How long after its intended time a synthetic unlock was really started.",
        ).labels()  # fmt: skip
        self.dropped_starts = self._counter(
            "starts_dropped",
            "Synthetic unlocks not started: too many were in flight, or the deadline was over.",
        ).labels()
        withheld = self._counter(
            "starts_withheld", "Synthetic unlocks not started, to leave the car alone.", "why"
        )
        self.withheld_starts = {why: withheld.labels(why.value) for why in WithheldReason}
        relocks = self._counter(
            "relocks", "Cars that were to be locked again after a synthetic unlock, by what became"
            " of it; of those that failed some may stand open.", "end",
        )  # fmt: skip
        self.relocks = {end: relocks.labels(end.value) for end in RelockEnd}
        battery = self._counter(
            "battery_ampere_hours", "Battery charge that cars used for synthetic unlocks, the locks"
            " after them and the wakes before them, as the settings estimate it.", "what",
        )  # fmt: skip
        self.battery = {what: battery.labels(what.value) for what in BatteryUse}

    def _make_traffic(self) -> None:
        messages = self._counter(
            "messages", "Well-formed messages that came, by kind of topic.", "topic"
        )
        heard = self._gauge(
            "last_message_timestamp_seconds", "Unix time at which such a message last came; 0:"
            " never. What is concluded about cars is as old as these.", "topic",
        )  # fmt: skip
        malformed = self._counter(
            "malformed_messages", "Messages that break the wire contract, by kind of topic.",
            "topic",
        )  # fmt: skip
        self._messages = {kind: messages.labels(kind.value) for kind in HEARD}
        self._last_message = {kind: heard.labels(kind.value) for kind in HEARD}
        self._noted = dict.fromkeys(HEARD, 0)
        self.malformed: Series[TopicKind | None, Counter] = Series(
            malformed, (*HEARD, None), _labels_of_kind
        )
        """Counts by kind of topic; None: the topic is outside of the contract."""
        defects = self._counter(
            "message_defects", "Messages at which code of the monitor itself failed, by kind of"
            " topic; the others went on.", "topic",
        )  # fmt: skip
        self.message_defects: Series[TopicKind | None, Counter] = Series(
            defects, (*HEARD, None), _labels_of_kind
        )
        """Counts by kind of topic; None: it is not known."""
        capped = self._counter(
            "capped_values", "Values of cars or of the platform that became `other`, because too"
            " many different ones came, by what they say.", "trait",
        )  # fmt: skip
        self.capped_values = {trait: capped.labels(trait) for trait in (*OF_CARS, *OF_PLATFORM)}
        self._not_followed = self._counter(
            "commands_not_followed", "Unlocks of customers that were not followed, because too many"
            " were open.",
        ).labels()  # fmt: skip
        self._noted_not_followed = 0
        self.loop_lag = self._histogram(
            "loop_lag_seconds", LOOP_LAG_BUCKETS_S,
            "How long after its time a call of the event loop came, ten times a second: what the"
            " probe times is late by as much.",
        ).labels()  # fmt: skip

    def _make_connection(self) -> None:
        self.connected = self._gauge(
            "broker_connected",
            "1 while connected to the broker and subscribed, else 0; of several"
            " brokers, to one at least.",
        )
        self.brokers_away = self._gauge(
            "brokers_away",
            "Brokers of the list that there is no connection to: their cars are"
            " neither heard nor reached.",
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
        self.disconnects = {why: disconnects.labels(why.value) for why in EndReason}
        sink_errors = self._counter("sink_errors", "Records that a sink could not take.", "sink")
        names = (*SINKS, *names_of_others("unlockpath.sinks"))
        self.sink_errors = {sink: sink_errors.labels(sink) for sink in names}
        self.http_defects = self._counter(
            "http_defects", "Requests that an exception of the monitor itself ended; they are"
            " answered 500, and the log has one a minute.",
        ).labels()  # fmt: skip

    def _make_export(self) -> None:
        exported = self._counter(
            "otlp_exported", "Unlocks (as traces), lines of the log, and collections of these"
            " metrics that the backend of `otlp` has taken.", "signal",
        )  # fmt: skip
        self.exported = {signal: exported.labels(signal.value) for signal in Signal}
        unexported = self._counter(
            "otlp_dropped", "Those that the backend did not get, by why.", "signal", "why"
        )
        self.unexported = {
            (signal, why): unexported.labels(signal.value, why.value)
            for signal, why in product(Signal, Unexported)
        }

    def _make_judge(self) -> None:
        self.judge_lag = self._gauge(
            "judge_lag_seconds", "How far the judge, which diagnoses and finds incidents, is behind"
            " what was measured; as long as this process runs where it has said nothing.",
        )  # fmt: skip
        self.journal_waiting = self._gauge(
            "journal_waiting_bytes", "Entries of the journal that wait in memory for the disk."
        )
        self.judge = JudgeCollector(self.registry)
        """Metrics of the judge's process."""

    def note_traffic(
        self, messages: Mapping[TopicKind, int], not_followed: int, unix_s: float
    ) -> None:
        """Bring the counters to these totals; what has grown was last heard at `unix_s`."""
        for kind, noted in self._noted.items():
            total = messages[kind]
            if total != noted:
                self._messages[kind].inc(total - noted)
                self._last_message[kind].set(unix_s)
                self._noted[kind] = total
        self._not_followed.inc(not_followed - self._noted_not_followed)
        self._noted_not_followed = not_followed

    def add_watched(self, seconds: float, *, connected: bool) -> None:
        """Count time that has passed with or without a connection."""
        self._watched_s[connected].inc(seconds)

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
        pages = map(generate_latest, map(_SingleMetricRegistry, self.registry.collect()))
        return pages, CONTENT_TYPE_PLAIN_0_0_4

    def _openmetrics(self) -> Iterator[bytes]:
        for family in self.registry.collect():
            page: bytes = openmetrics.generate_latest(_SingleMetricRegistry(family))  # type: ignore[no-untyped-call]
            yield page.removesuffix(_EOF)
        yield _EOF

    def _show_regions(self, by_region: Mapping[tuple[str | None, str], int]) -> None:
        labelled = [
            ((self._regions.label(region), presence), count)
            for (region, presence), count in by_region.items()
        ]
        shown = dict.fromkeys(product(self._regions.labels, PRESENCES), 0)
        for labels, count in labelled:
            shown[labels] = shown.get(labels, 0) + count
        for labels in self._shown - shown.keys():
            self._region_boxes.remove(*labels)
        for labels, count in shown.items():
            self._region_boxes.labels(*labels).set(count)
        self._shown = set(shown)
        for label in self._regions.labels:
            self._region_reconnects.labels(label)  # there from the start, as all others
