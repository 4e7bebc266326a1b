"""The broker, platform, boxes and probe of docker-compose.yml at work, without containers.

The commands and files are the shipped ones; only places differ: host names, ports, directories.
"""

from __future__ import annotations

import sys
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from fleet_sim.broker.process import free_port
from tests.helpers.brokers import running_mosquitto
from tests.helpers.compose import compose_services
from tests.helpers.shipped import DEPLOY, mosquitto_config
from tests.helpers.stack import running, tail_of
from tests.helpers.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.compose]

MODULES = {"fleet-sim": "fleet_sim", "platform-probe": "platform_probe"}


class Places:
    """Where the names of containers lead on this machine."""

    def __init__(self, directory: Path, broker: str) -> None:
        self.api_port, self.metrics_port = free_port(), free_port()
        self._moved = {
            "mqtt://mosquitto:1883": broker,
            "0.0.0.0:8080": f"127.0.0.1:{self.api_port}",
            "platform:8080": f"127.0.0.1:{self.api_port}",
            "/demo/": f"{DEPLOY}/demo/",
            "/data": f"{directory}",
        }

    def local(self, command: list[str]) -> list[str]:
        """Return a command of ours as this virtualenv runs it."""
        words = [*command[1:]]
        for there, here in self._moved.items():
            words = [word.replace(there, here) for word in words]
        return [sys.executable, "-m", MODULES[command[0]], *words]

    def config(self, directory: Path) -> Path:
        """Return the monitor's settings with places of this machine; nothing is told to Slack."""
        text = (DEPLOY / "demo" / "platform-probe.yaml").read_text(encoding="utf-8")
        before, _, rest = text.partition("messages:")
        text = before + rest[rest.index("load:") :]
        for there, here in self._moved.items():
            text = text.replace(there, here)
        path = directory / "probe.yaml"
        path.write_text(text, encoding="utf-8")
        return path


async def test_customers_open_cars_with_the_shipped_commands(tmp_path: Path) -> None:
    """The probe counts what customers and the probe itself have opened, on the shipped broker."""
    services = compose_services()
    (tmp_path / "console").mkdir()
    (tmp_path / "console" / "tokens.txt").touch()
    with running_mosquitto(mosquitto_config(tmp_path)) as broker, ExitStack() as stack:
        places = Places(tmp_path, str(broker.address))
        settings = {
            "PLATFORM_PROBE_LISTEN": f"127.0.0.1:{places.metrics_port}",
            "PLATFORM_PROBE_CONSOLE__LISTEN": "127.0.0.1:0",
        }

        def start(name: str, *more: str) -> None:
            command = [*places.local(services[name]["command"]), *more]
            log = tmp_path / f"{name}.log"
            stack.enter_context(running(command, log, environment=settings))

        def opened(source: str) -> float:
            with urllib.request.urlopen(f"http://127.0.0.1:{places.metrics_port}/metrics") as page:
                lines = page.read().decode().splitlines()
            return sum(
                float(line.rpartition(" ")[2])
                for line in lines
                if line.startswith("unlockpath_unlocks_total{")
                and f'source="{source}"' in line
                and 'outcome="ok"' in line
            )

        try:
            start("platform")
            await eventually(lambda: answers(places.api_port))
            start("boxes")
            start("probe", "--config", str(places.config(tmp_path)))
            await eventually(lambda: answers(places.metrics_port))
            await eventually(lambda: opened("customer") >= 3 and opened("probe") >= 1)
        except AssertionError:
            logs = (tail_of(tmp_path / f"{name}.log") for name in ("platform", "boxes", "probe"))
            raise AssertionError("\n".join(logs)) from None


def answers(port: int) -> bool:
    """Return whether a service is ready: connected with the broker."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10):
            return True
    except OSError:
        return False
