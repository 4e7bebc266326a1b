"""What many tests need: waiting for a condition, free ports, real brokers."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from fleet_sim.broker.process import BrokerProcess, free_port, start_broker

__all__ = ["eventually", "free_port", "running_iotcore", "running_mosquitto"]


async def eventually(
    predicate: Callable[[], object], timeout_s: float = 20.0, message: str = ""
) -> None:
    """Wait until `predicate()` is true; fail with `message` when it is not in `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > deadline_s:
            raise AssertionError(message or f"not true within {timeout_s} s: {predicate}")
        await asyncio.sleep(0.005)


@contextmanager
def running_mosquitto(config: str = "", *, also_port: int | None = None) -> Iterator[BrokerProcess]:
    """Run a private mosquitto on a free port; `config` is appended to its configuration.

    An option that comes twice has its last value. A second listener of `config` is waited for
    where its port is given as `also_port`.
    """
    with (
        tempfile.TemporaryDirectory(prefix="mosquitto-") as directory,
        start_broker("mosquitto", Path(directory), config=config) as broker,
    ):
        if also_port is not None:
            broker.wait_until_accepting(also_port)
        yield broker


@contextmanager
def running_iotcore(protocol: Literal["5", "3.1.1"] = "5") -> Iterator[BrokerProcess]:
    """Run a private iotcore on a free port, for one version of MQTT."""
    with (
        tempfile.TemporaryDirectory(prefix="iotcore-") as directory,
        start_broker("iotcore", Path(directory), protocol=protocol) as broker,
    ):
        yield broker
