"""Metrics that went to a real VictoriaMetrics over OTLP are what /metrics showed."""

from __future__ import annotations

import signal
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_sim.broker.process import BrokerProcess, free_port
from tests.helpers.hand_made_boxes import boxes, links_to
from tests.helpers.running_probe import running_probe
from tests.helpers.stack import running
from tests.helpers.waiting import PATIENCE_S, eventually, wait_for

pytestmark = [pytest.mark.broker, pytest.mark.victoria]

TIMEOUT_S = 10.0


CARS = ["centre-1", "north-1"]


def get(url: str) -> bytes:
    """Return what a page holds; nothing while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310
            body: bytes = answer.read()
    except (urllib.error.URLError, ConnectionError):
        return b""
    return body


@contextmanager
def running_victoria_metrics(directory: Path) -> Iterator[str]:
    """Run one until the block ends, with its data below `directory`; yield its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [
        "victoria-metrics",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={directory / 'victoria-metrics-data'}",
        "-search.latencyOffset=1ms",
    ]
    with running(command, directory / "victoria-metrics.log"):
        wait_for(lambda: get(f"{url}/health") == b"OK")
        yield url


def stored(url: str, metric: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return the present value of each series of the probe's, by the values of these labels."""
    expression = f'{metric}{{service.name="platform-probe"}}'
    query = urllib.parse.urlencode({"query": expression, "nocache": 1})
    found = msgspec.json.decode(get(f"{url}/api/v1/query?{query}"))["data"]["result"]
    return {tuple(one["metric"][name] for name in labels): float(one["value"][1]) for one in found}


async def test_it_stores_what_metrics_shows(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """Counters, gauges and every bucket, under the same names."""
    stage = {"kind": "constant", "rate_per_s": 20, "duration_s": 2}
    load = {"stages": [stage], "vehicles": CARS, "relock": False, "deadline_s": PATIENCE_S}
    with running_victoria_metrics(tmp_path) as url:
        off = {"enabled": False}
        metrics = {"endpoint": f"{url}/opentelemetry/v1/metrics", "every_s": 1}
        settings: dict[str, Any] = {
            "load": load,
            "otlp": {"metrics": metrics, "traces": off, "logs": off},
        }
        async with links_to(mosquitto.address) as links:
            fleet = boxes(links, CARS)
            await eventually(lambda: all(box.link.is_connected for box in fleet))
            async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
                await probe.ready()
                await eventually(lambda: probe.latest.get("ended", 0) == 40)
                unlocks = await probe.series("unlocks_total")
                buckets = await probe.series("unlock_duration_seconds_bucket")
                presences = await probe.series("boxes")
                probe.process.send_signal(signal.SIGTERM)
                assert await probe.exit_code() == 0
                counts = probe.counts()
                assert len(probe.attempts()) == 40
        ends = ("unlockpath_unlocks_total", "cause", "outcome", "source")
        await eventually(lambda: stored(url, *ends) == unlocks)
        counted = {key: number for key, number in unlocks.items() if number}
        assert counted == {(cause, end, source): n for (source, end, cause), n in counts.items()}
        assert stored(url, "unlockpath_boxes", "presence") == presences
        edges = stored(url, "unlockpath_unlock_duration_seconds_bucket", "le", "outcome", "source")
        assert {_edge(labels): count for labels, count in edges.items()} == {
            _edge(labels): count for labels, count in buckets.items()
        }


def _edge(labels: tuple[str, ...]) -> tuple[object, ...]:
    """Return the labels of a bucket with its edge as a number: 1 and 1.0 are the same."""
    return float(labels[0]), *labels[1:]
