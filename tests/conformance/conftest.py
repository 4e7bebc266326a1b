"""Fixtures of the conformance tests: every harness in turn, on the event loop of the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import uvloop

from tests.helpers.broker_model_harness import broker_model, broker_model_311
from tests.helpers.harness import HARNESSES, Clients, Harness

_ALL = {**HARNESSES, "model": broker_model, "model-3.1.1": broker_model_311}
_ON_MOSQUITTO = {name for name in _ALL if name.endswith("-mosquitto")}


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(
    params=[
        pytest.param(name, marks=[pytest.mark.broker] if name in _ON_MOSQUITTO else [])
        for name in _ALL
    ]
)
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Give each harness in turn, with a broker of its own."""
    with _ALL[request.param]() as made:
        yield made


@pytest.fixture
async def clients(harness: Harness) -> AsyncIterator[Clients]:
    """Make clients, and drop their connections in the end."""
    made = Clients(harness)
    yield made
    made.close()
