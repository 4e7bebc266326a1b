"""Fixtures for all tests, and the programs that a test without their marker does not find."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.brokers import running_mosquitto
from tests.helpers.longest_first import longest_first
from tests.helpers.outside_programs import OPTIONAL, StandIns
from tests.helpers.survivors import end_survivors_of_this_process
from tests.helpers.worker_memory import WorkerMemory

pytest_plugins = ["tests.helpers.second_try"]

# A busy machine is slow, not wrong. Each run draws other examples: twenty are enough for one.
# `make test-all` draws a hundred.
hypothesis.settings.register_profile("twenty", deadline=None, max_examples=20)
hypothesis.settings.register_profile("hundred", deadline=None, max_examples=100)
hypothesis.settings.load_profile("twenty")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # else each start looks for some
os.environ.setdefault("GOGC", "off")  # promtool and its like: a third less to do, with more memory
os.environ.setdefault("GOMEMLIMIT", "400MiB")


def pytest_configure(config: pytest.Config) -> None:
    """Let no test start a program from outside without the marker that says so.

    Nothing is garbage while modules and tests are gathered. What tests start ends with them.
    """
    gc.disable()
    end_survivors_of_this_process()
    directory = TemporaryDirectory(prefix="stand-ins-")
    config.add_cleanup(directory.cleanup)
    config.pluginmanager.register(StandIns(Path(directory.name)))
    config.pluginmanager.register(WorkerMemory())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort; leave out what few have, such as other brokers, unless `-m` names its marker."""
    longest_first(items)
    unnamed = {marker for marker in OPTIONAL if marker not in config.option.markexpr}
    left_out = [item for item in items if unnamed & {each.name for each in item.iter_markers()}]
    config.hook.pytest_deselected(items=left_out)
    out = {*left_out}
    items[:] = [item for item in items if item not in out]


def pytest_collection_finish() -> None:
    """Let the garbage collector look through what tests leave, and not through the tests."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def mosquitto() -> Iterator[BrokerProcess]:
    """Run a mosquitto of its own for one test."""
    with running_mosquitto() as broker:
        yield broker
