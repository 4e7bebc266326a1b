"""What mosquitto says of its clients and whom it turns away, and the broker model like it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_sim.broker.access import MONITOR_USER, PLATFORM_USER, BrokerAccess
from fleet_sim.broker.model.control import ModelControl
from fleet_sim.runs.live.run_brokers import MosquittoControl
from fleet_wire.contract.broker_log import BROKER_LOG
from fleet_wire.links.connecting import Identity
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import Link, LinkHandler, LinkLimits
from tests.helpers.brokers import running_mosquitto
from tests.helpers.harness import Clients, LiveHarness, ModelHarness
from tests.helpers.link_player import LinkPlayer
from tests.helpers.transcripts import Story, stories

MAX_QUEUED = 3
USERS = {"monitor": MONITOR_USER, "platform": PLATFORM_USER}


class _UserHarness(LiveHarness):
    """mosquitto with access rules: the monitor and the platform are users, others have no name."""

    access: BrokerAccess
    control: MosquittoControl

    def link(self, handler: LinkHandler, limits: LinkLimits | None = None) -> Link:
        """Return a new link; who is refused comes as somebody whom the broker does not know."""
        client_id = handler.session().client_id
        address = self._broker.address
        if client_id in USERS:
            address = self.access.address_of(USERS[client_id], address)

        def identity_of(_handler: LinkHandler) -> Identity | None:
            is_refused = client_id in self.control.refused
            return Identity(username="nobody", password="") if is_refused else None

        return LeanLinkFactory(address, limits=limits, identity_of=identity_of)(handler)


@contextmanager
def _mosquitto() -> Iterator[_UserHarness]:
    with tempfile.TemporaryDirectory() as directory:
        access = BrokerAccess(Path(directory))
        with running_mosquitto(f"max_queued_messages {MAX_QUEUED}\n" + access.config()) as broker:
            harness = _UserHarness("lean", broker)
            harness.access = access
            harness.control = MosquittoControl([broker], access)
            yield harness


@pytest.mark.parametrize("broker", [pytest.param("mosquitto", marks=pytest.mark.broker), "model"])
@pytest.mark.parametrize(
    "story",
    [*stories(Path(__file__).with_name("links") / "broker_log.txt")],
    ids=lambda story: story.name,
)
async def test_story(broker: str, story: Story) -> None:
    """Both brokers say the same."""
    if broker == "model":
        harness = ModelHarness(max_queued_messages=MAX_QUEUED)
        await LinkPlayer(harness, ModelControl(harness._broker)).play(story)
        return
    with _mosquitto() as live:
        await LinkPlayer(live, live.control).play(story)


@pytest.mark.broker
async def test_the_log_is_for_the_monitor_alone() -> None:
    """Whoever else subscribes is granted it, and sent nothing."""
    with _mosquitto() as live:
        clients = Clients(live)
        monitor = await clients.connected("monitor", BROKER_LOG)
        spy = await clients.connected("spy", BROKER_LOG)
        await clients.connected("car-1")
        await live.until(lambda: any(b"car-1" in payload for payload in monitor.payloads))
        assert spy.messages == []
        clients.close()


async def test_the_model_says_nothing_where_nobody_listens() -> None:
    """What nobody reads costs nothing: not even a message that is thrown away."""
    harness = ModelHarness()
    clients = Clients(harness)
    await clients.connected("car-1")
    assert harness._broker.router._listeners == 0
    monitor = await clients.connected("monitor", BROKER_LOG)
    assert harness._broker.router._listeners == 1
    monitor.link.disconnect()
    await harness.let_pass(1.0)
    assert harness._broker.router._listeners == 0
