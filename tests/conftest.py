"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from fleet_sim.broker.process import BrokerProcess
from tests.helpers.brokers import running_mosquitto

hypothesis.settings.register_profile("no-deadline", deadline=None)
hypothesis.settings.load_profile("no-deadline")  # a busy machine is slow, not wrong


@pytest.fixture
def mosquitto() -> Iterator[BrokerProcess]:
    """Run a mosquitto of its own for one test."""
    with running_mosquitto() as broker:
        yield broker


@pytest.fixture(scope="module")
def shared_mosquitto() -> Iterator[BrokerProcess]:
    """Run one mosquitto for all tests of a module: they keep to topics of their own."""
    with running_mosquitto() as broker:
        yield broker
