"""The facts without which a number means nothing."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

_SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
_FORGOTTEN_AFTER_S = 70
_FEW_CONNECTIONS = 1_000
_STACKS = ("mqtt5", "uvloop", "simpy", "paho-mqtt", "gmqtt", "aiomqtt", "aiohttp")


def machine_facts() -> dict[str, str]:
    """Return what stands above the table, by name."""
    return {
        "cores": f"{len(os.sched_getaffinity(0))} of {_processor()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "mosquitto": _mosquitto_version(),
        **{name: version(name) for name in _STACKS},
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _mosquitto_version() -> str:
    program = shutil.which("mosquitto", path=_SEARCH_PATH) or "mosquitto"
    answer = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)
    first_line = (answer.stdout or answer.stderr).partition("\n")[0]
    return first_line.removeprefix("mosquitto version ")


async def closed_connections_gone() -> None:
    """Wait until the connections that earlier fleets have closed are forgotten, a minute at most.

    The kernel keeps each for 60 s (TIME_WAIT, Linux). With 29,000 of them the real probe's p99 was
    measured as 4.9 ms, and without any as 2.0 ms.
    """
    for _ in range(_FORGOTTEN_AFTER_S):
        if _closed_connections() < _FEW_CONNECTIONS:
            return
        await asyncio.sleep(1)


def _closed_connections() -> int:
    words = Path("/proc/net/sockstat").read_text(encoding="ascii").split()
    return int(words[words.index("tw") + 1])
