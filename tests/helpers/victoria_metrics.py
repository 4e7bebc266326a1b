"""A real VictoriaMetrics on a free port: a store of metrics that takes OTLP."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from fleet_sim.broker.process import free_port
from tests.helpers.stack import running
from tests.helpers.waiting import wait_for

TIMEOUT_S = 10.0


class VictoriaMetrics:
    """The process, and its HTTP API."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.otlp_url = f"{self.url}/opentelemetry/v1/metrics"

    def is_ready(self) -> bool:
        """Return whether it answers."""
        try:
            return self._get("/health") == b"OK"
        except (urllib.error.URLError, ConnectionError):
            return False

    def query(self, expression: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the value of each series that an expression gives now, by its labels."""
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': expression, 'nocache': 1})}"
        found = msgspec.json.decode(self._get(path))["data"]["result"]
        return {
            tuple(sorted(series["metric"].items())): float(series["value"][1]) for series in found
        }

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=TIMEOUT_S) as answer:  # noqa: S310
            body: bytes = answer.read()
        return body


@contextmanager
def running_victoria_metrics(directory: Path) -> Iterator[VictoriaMetrics]:
    """Run one until the block ends, with its data below `directory`."""
    server = VictoriaMetrics(port := free_port())
    command = [
        "victoria-metrics",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={directory / 'victoria-metrics-data'}",
        "-search.latencyOffset=1ms",
    ]
    with running(command, directory / "victoria-metrics.log"):
        wait_for(server.is_ready)
        yield server
