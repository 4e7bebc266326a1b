"""Fixtures of the conformance tests: every harness in turn, on the event loop of the product."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest
import uvloop

from tests.helpers.harness import (
    HARNESSES,
    LINK_DIFFERENCES,
    Clients,
    Harness,
    LinkKind,
    LiveHarness,
)
from tests.helpers.other_brokers import OTHER_BROKERS, SharedBrokers

_ON_MOSQUITTO = {name for name in HARNESSES if name.endswith("-mosquitto")}
_ON_OTHERS: dict[str, tuple[LinkKind, str]] = {
    f"{link}-{broker}": (link, broker) for broker in OTHER_BROKERS for link in LINK_DIFFERENCES
}


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on uvloop."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def other_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedBrokers]:
    """Give the brokers that start slowly; each serves all tests that ask for it."""
    with SharedBrokers(tmp_path_factory.mktemp("brokers")) as brokers:
        yield brokers


@pytest.fixture(
    params=[
        *(
            pytest.param(name, marks=[pytest.mark.broker] if name in _ON_MOSQUITTO else [])
            for name in HARNESSES
        ),
        *(pytest.param(name, marks=pytest.mark.other_brokers) for name in _ON_OTHERS),
    ]
)
def harness(request: pytest.FixtureRequest, other_brokers: SharedBrokers) -> Iterator[Harness]:
    """Give each harness in turn: a broker of its own, or a name of its own on a shared one."""
    if request.param in HARNESSES:
        with HARNESSES[request.param]() as made:
            yield made
    else:
        link, broker = _ON_OTHERS[request.param]
        yield LiveHarness(link, other_brokers[broker], name=other_brokers.new_name())
        other_brokers[broker].continue_reading()


@pytest.fixture
async def clients(harness: Harness) -> AsyncIterator[Clients]:
    """Make clients, and drop their connections in the end."""
    made = Clients(harness)
    yield made
    made.close()
