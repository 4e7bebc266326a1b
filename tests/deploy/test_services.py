"""The broker, the boxes and the probe of docker-compose.yml at work, without containers.

The commands and files are the shipped ones; only places differ: host names, ports, directories.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from fleet_sim.broker.process import free_port
from tests.helpers.brokers import running_mosquitto
from tests.helpers.compose import compose_services, in_tree
from tests.helpers.shipped import mosquitto_config
from tests.helpers.stack import running, tail_of
from tests.helpers.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.compose]

MODULES = {"fleet-sim": "fleet_sim", "platform-probe": "platform_probe"}


def local(command: list[str]) -> list[str]:
    """Return a command of ours as this virtualenv runs it."""
    return [sys.executable, "-m", MODULES[command[0]], *command[1:]]


async def test_cars_open_with_the_shipped_commands(tmp_path: Path) -> None:
    """The probe becomes healthy, and opens cars that the boxes play, on the shipped broker."""
    services = compose_services()
    boxes, probe = services["boxes"], services["probe"]
    port = free_port()
    with running_mosquitto(mosquitto_config(tmp_path)) as broker:
        places = {
            "mqtt://mosquitto:1883": str(broker.address),
            boxes["command"][2]: str(in_tree(boxes, boxes["command"][2])),
            "/etc/platform-probe.yaml": str(in_tree(probe, "/etc/platform-probe.yaml")),
        }
        boxes_command = local([places.get(word, word) for word in boxes["command"]])
        probe_command = local([places.get(word, word) for word in probe["command"]])
        vehicles_file = in_tree(probe, "/etc/platform-probe-vehicles.txt")
        settings = {
            "PLATFORM_PROBE_BROKER": str(broker.address),
            "PLATFORM_PROBE_LISTEN": f"127.0.0.1:{port}",
            "PLATFORM_PROBE_OUT_DIR": str(tmp_path),
            "PLATFORM_PROBE_LOAD__VEHICLES_FILE": str(vehicles_file),
        }
        with (
            running(boxes_command, tmp_path / "boxes.log"),
            running(probe_command, tmp_path / "probe.log", environment=settings),
        ):
            check = [
                word.replace(":9464/", f":{port}/") for word in probe["healthcheck"]["test"][1:]
            ]
            assert check[0] == "python"

            def is_healthy() -> bool:
                run = subprocess.run([sys.executable, *check[1:]], capture_output=True, check=False)
                return run.returncode == 0

            def cars_opened() -> bool:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
                    lines = page.read().decode().splitlines()
                opened = next(
                    line for line in lines
                    if line.startswith("unlockpath_unlocks_total{")
                    and 'source="probe"' in line and 'outcome="ok"' in line
                )  # fmt: skip
                return float(opened.rpartition(" ")[2]) >= 3

            try:
                await eventually(is_healthy)
                await eventually(cars_opened)
            except AssertionError:
                logs = (tail_of(tmp_path / f"{name}.log") for name in ("boxes", "probe"))
                raise AssertionError("\n".join(logs)) from None
