"""Fixtures for the tests of the monitor."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.links.link import LinkFactory
from tests.helpers.hand_made_boxes import links_to


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """Return the root logger of the standard library; put it back as it was."""
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield root
    root.handlers[:], root.level = before[0], before[1]


@pytest.fixture
async def links(mosquitto: BrokerProcess) -> AsyncIterator[LinkFactory]:
    """Return a factory of links to the test's own broker, which are closed after the test."""
    async with links_to(mosquitto.address) as factory:
        yield factory
