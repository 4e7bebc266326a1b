"""Starts the real Prometheus and Alertmanager on the shipped files, on 127.0.0.1 and free ports.

Of the files only places and intervals differ: which hosts to scrape (the `targets` files exist for
that), where the secrets lie, and how often things happen, so that a minute is long enough.
"""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.broker.process import free_port
from tests.helpers.http_thread import QuietHandler, served_by
from tests.helpers.shipped import ALERTMANAGER, PROMETHEUS
from tests.helpers.waiting import eventually

TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 20.0

# What may differ from the shipped files, and nothing else.
FASTER = {
    "prometheus.yml": ((r"(scrape|evaluation)_interval: 15s", r"\1_interval: 1s"),),
    "rules/recording.yml": (
        (r"    interval: 2m", r"    interval: 1s"),
        (r"(\[\dh|\[\dd):5m\]", r"\1:15s]"),
    ),
}


@dataclass
class Webhook:
    """Takes what Alertmanager sends."""

    url: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)


@contextlib.contextmanager
def running_webhook() -> Iterator[Webhook]:
    """Serve one until the block ends."""
    webhook = Webhook()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server calls it so
            webhook.messages.append(msgspec.json.decode(self.body()))
            self.send_response(200)
            self.end_headers()

    with served_by(Handler) as url:
        webhook.url = f"{url}/"
        yield webhook


class Api:
    """The HTTP API of Prometheus or Alertmanager."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, **parameters: str) -> Any:
        """Return the decoded answer; fail with the body of an answer that is an error."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}{path}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
                return msgspec.json.decode(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{url}: {error.read().decode()}") from None

    def post(self, path: str, value: Any) -> None:
        """Send a value as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        with contextlib.closing(connection):
            body = msgspec.json.encode(value)
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read().decode()

    def is_up(self) -> bool:
        """Return whether it serves."""
        url = f"http://127.0.0.1:{self.port}/-/ready"
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S):
                return True
        except OSError:
            return False

    def numbers(self, promql: str) -> list[float]:
        """Return the values that are numbers (not NaN, not infinite) of an instant query."""
        result = self.get("/api/v1/query", query=promql)["data"]["result"]
        values = [float(sample["value"][1]) for sample in result]
        return [value for value in values if math.isfinite(value)]


def copy_prometheus(directory: Path, ports: Mapping[str, int]) -> Path:
    """Copy deploy/prometheus, with other targets and shorter intervals; return the main file.

    `ports` are those of the jobs, by their names.
    """
    shutil.copytree(PROMETHEUS, directory)
    for name, changes in FASTER.items():
        text = (directory / name).read_text(encoding="utf-8")
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text)
            assert count, f"{name} has no {pattern} any more"
        (directory / name).write_text(text, encoding="utf-8")
    for job, port in ports.items():
        target = directory / "targets" / f"{job}.yml"
        target.write_text(f'- targets: ["127.0.0.1:{port}"]\n', encoding="utf-8")
    return directory / "prometheus.yml"


def copy_alertmanager(directory: Path, *, webhook_url: str) -> Path:
    """Copy deploy/alertmanager, with its secrets in `directory` and no time to gather alerts."""
    shutil.copytree(ALERTMANAGER, directory)
    (directory / "secrets" / "webhook_url").write_text(webhook_url, encoding="utf-8")
    # Slack is the same server: what it is sent is the rendered template.
    (directory / "secrets" / "slack_url").write_text(f"{webhook_url}slack", encoding="utf-8")
    path = directory / "alertmanager.yml"
    text = path.read_text(encoding="utf-8").replace(
        "/etc/alertmanager/secrets/", f"{directory}/secrets/"
    )
    text, count = re.subn(r"group_wait: \d+s", "group_wait: 1s", text)
    assert count == 2
    path.write_text(text, encoding="utf-8")
    return path


@contextmanager
def running(
    command: list[str], log: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with its output in `log`; ask it to end afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        with ended_afterwards(process, within_s=STOP_TIMEOUT_S):
            yield process


@contextmanager
def ended_afterwards(process: subprocess.Popen[bytes], *, within_s: float) -> Iterator[None]:
    """Ask a program to end afterwards, and kill one that does not."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_alertmanager(directory: Path, webhook: Webhook) -> Iterator[Api]:
    """Run Alertmanager on the shipped configuration."""
    config = copy_alertmanager(directory / "alertmanager", webhook_url=webhook.url)
    port = free_port()
    command = [
        "prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={directory / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, directory / "alertmanager.log"):
        yield Api(port)


@contextmanager
def running_prometheus(directory: Path, ports: Mapping[str, int]) -> Iterator[Api]:
    """Run Prometheus on the shipped configuration and rules; `ports` are those of its jobs."""
    config = copy_prometheus(directory / "prometheus", ports)
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'prometheus-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    with running(command, directory / "prometheus.log"):
        yield Api(port)


async def until_up(api: Api, log: Path) -> None:
    """Wait until a server serves; fail with its log."""
    try:
        await eventually(api.is_up)
    except AssertionError:
        raise AssertionError(tail_of(log)) from None


def tail_of(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]
