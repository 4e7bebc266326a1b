"""What a monitor hands to its exporter."""

from __future__ import annotations

from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.topics import TopicKind, topic_of
from platform_probe.outputs.otlp.lines import LETTERS, ExporterConfig
from platform_probe.outputs.otlp.sink import exporter_config
from platform_probe.outputs.otlp.spans import ANY_VEHICLE, Broker
from platform_probe.settings.otlp import OtlpSettings, Signal
from tests.helpers.fake_clock import EPOCH_S

NATIVE_BROKER = Broker(
    "broker.example", 1883, "5", {kind: topic_of(kind, ANY_VEHICLE) for kind in TopicKind}
)


def config_for(url: str, **settings: Any) -> ExporterConfig:
    """Return what an exporter to `url` has to know."""
    return exporter_config(
        OtlpSettings.model_validate({"endpoint": url, **settings}),
        broker=NATIVE_BROKER,
        resource={"service.name": "platform-probe", "service.version": "1.2.3"},
        started_s=EPOCH_S,
    )


def trace_line(attempt: Attempt) -> bytes:
    """Return the line of an unlock."""
    return LETTERS[Signal.TRACES] + msgspec.json.encode(attempt) + b"\n"


def log_line(**fields: Any) -> bytes:
    """Return a line of the log."""
    line = {"at": EPOCH_S + 1.5, "level": "info", "event": "stopping", **fields}
    return LETTERS[Signal.LOGS] + msgspec.json.encode(line) + b"\n"


def metrics_line(registry: CollectorRegistry, at_s: float = EPOCH_S + 15) -> bytes:
    """Return a collection of all metrics."""
    families = [(f.name, f.type, f.documentation, f.samples) for f in registry.collect()]
    return LETTERS[Signal.METRICS] + msgspec.json.encode((round(at_s * 1e9), families)) + b"\n"
