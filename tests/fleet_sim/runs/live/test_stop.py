"""How the user ends what runs on an event loop. Each test has a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENDED_BEFORE_IT_BEGINS = """\
import asyncio, os, signal, sys
from fleet_sim.runs.live.stop import run_loop, route_signals

async def work():
    stop = asyncio.Event()
    route_signals(lambda number: (print(number.name), stop.set()))
    await stop.wait()

def interrupted():
    os.kill(os.getpid(), signal.{name})
    return work()

signal.signal(signal.SIGTERM, signal.default_int_handler)
run_loop(interrupted)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_what_ends_us_before_the_loop_listens_waits_for_it(name: str) -> None:
    """The work was never begun, and said so on stderr: "never awaited"."""
    script = ENDED_BEFORE_IT_BEGINS.format(name=name)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == (f"{name}\n", "")
