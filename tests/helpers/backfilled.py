"""A Prometheus that has the metrics of a run in virtual time, as if it had scraped the monitor."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from fleet_sim.broker.process import free_port
from fleet_sim.results.summary import JsonLines
from fleet_wire.contract.attempt import Attempt
from platform_probe.outputs.metrics import ProbeMetrics
from tests.helpers.stack import Api, running
from tests.helpers.waiting import wait_for

SCRAPED_EVERY_S = 5.0


def scraped(run: Path) -> Iterator[str]:
    """Yield the lines of OpenMetrics that back-fill the metrics of unlocks."""
    ended: dict[str, Attempt] = {}
    for one in JsonLines(run / "attempts.jsonl", Attempt):
        ended.setdefault(one.attempt_id, one)  # metrics count what was judged first
    attempts = sorted(ended.values(), key=_end_of)
    registry = CollectorRegistry()
    metrics = ProbeMetrics(registry, version="docs")
    families: dict[str, list[str]] = {}
    at = _end_of(attempts[0])
    while attempts:
        at += SCRAPED_EVERY_S
        while attempts and _end_of(attempts[0]) <= at:
            metrics.emit(attempts.pop(0))
        for family in registry.collect():
            if family.name.endswith(("unlocks", "unlock_duration_seconds")):
                head = f"# TYPE {family.name} {family.type}"
                families.setdefault(head, []).extend(_line(one, at) for one in family.samples)
    for head, lines in families.items():
        yield head
        yield from lines
    yield "# EOF"


def _end_of(attempt: Attempt) -> float:
    return attempt.started_at + attempt.total_s


def _line(sample: Sample, at: float) -> str:
    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
    return f"{sample.name}{{{labels}}} {sample.value} {at:.3f}"


@contextmanager
def prometheus_of(run: Path) -> Iterator[str]:
    """Serve the metrics of a run; yield the address of Prometheus."""
    with TemporaryDirectory() as parent:
        directory = Path(parent)
        lines, data = directory / "metrics.txt", directory / "data"
        lines.write_text("\n".join(scraped(run)) + "\n", encoding="utf-8")
        backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(lines), str(data)]
        subprocess.run(backfill, check=True, capture_output=True)
        config = directory / "prometheus.yml"
        config.write_text("global: {}\n", encoding="utf-8")
        port = free_port()
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={data}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=50y"]
        with running(command, directory / "prometheus.log"):
            wait_for(Api(port).is_up)
            yield f"http://127.0.0.1:{port}"
