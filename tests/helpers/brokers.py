"""Real brokers, each on a free port of its own until the end of a block."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from fleet_sim.broker.process import BrokerProcess, start_broker


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


def write_passwords(path: Path, passwords: Mapping[str, str]) -> str:
    """Write a password file of mosquitto; return the configuration that lets in nobody else."""
    path.touch(mode=0o600)
    for user, password in passwords.items():
        command = ["mosquitto_passwd", "-b", str(path), user, password]
        subprocess.run(command, check=True, capture_output=True)
    return f"password_file {path}\nallow_anonymous false\n"
