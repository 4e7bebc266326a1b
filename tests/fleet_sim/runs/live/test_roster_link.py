"""Shards that announce themselves, on a real broker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_sim.runs.live.fleet import GOODBYE_S, FleetOptions
from fleet_sim.runs.live.roster import Announcement
from fleet_sim.runs.live.roster_link import RosterLink
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import BrokerAddress
from tests.helpers.brokers import running_mosquitto
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

FIRST = Announcement(
    fleet="city", number=1, host="boxes-0", total=2, cars=9, scenario="a", seed=7, brokers="b"
)  # fmt: skip
SECOND = msgspec.structs.replace(FIRST, number=2, host="boxes-1")


class Shard:
    """A shard's link, and what it has said."""

    def __init__(self, own: Announcement, *brokers: BrokerAddress) -> None:
        self.said: list[str] = []
        options = FleetOptions(brokers=Brokers(brokers), seed=7)
        self.link = RosterLink(own, options, self.said.append)
        self.link.start()

    async def end(self) -> None:
        """Say goodbye, and let it leave."""
        self.link.close()
        await asyncio.sleep(GOODBYE_S)

    async def has_said(self, text: str) -> None:
        """Wait until it has."""
        await eventually(lambda: any(text in each for each in self.said))

    async def until(self, state: str) -> None:
        """Wait until it says so of the others."""
        await eventually(lambda: self.link.state() == state, message=f"{self.said}")


async def test_two_hear_of_each_other_until_one_is_told_to_end(mosquitto: BrokerProcess) -> None:
    """Whoever comes first; a goodbye is no loss, and leaves nothing behind at the broker."""
    first, second = (Shard(own, mosquitto.address) for own in (FIRST, SECOND))
    for shard in (first, second):
        await shard.until("2 of 2 shards")
    await second.end()
    await first.until("1 of 2 shards, 4 boxes missing with shard 2")
    state = "1 of 2 shards, 4 boxes missing with shard 2"
    assert first.said == [f"shard 2/2 on boxes-1 (4 boxes) is gone: it was told to end; {state}"]
    assert second.said == []
    again = Shard(SECOND, mosquitto.address)
    await again.until("2 of 2 shards")
    assert again.said == [], "of the one before nothing is retained"
    for shard in (first, again):
        await shard.end()


async def test_shards_whose_lists_have_another_order_find_each_other(
    mosquitto: BrokerProcess,
) -> None:
    """The first of one list is not the first of the other, and that is what is said."""
    with running_mosquitto() as other:
        lists = [(mosquitto.address, other.address), (other.address, mosquitto.address)]
        shards = []
        for number, addresses in enumerate(lists, 1):
            own = msgspec.structs.replace(
                FIRST, number=number, brokers=f"{number}", broker_set="s", broker_count=2
            )
            shards.append(Shard(own, *addresses))
        for shard in shards:
            await shard.has_said("its --broker list has the same brokers in another order")
            await shard.end()


async def test_who_may_not_publish_there_says_so_once(tmp_path: Path) -> None:
    """Mosquitto hangs up each time: it is tried again, and the boxes go on without."""
    acl = tmp_path / "acl"
    acl.write_text("user fleet\ntopic readwrite cars/#\n")
    acl.chmod(0o600)
    with running_mosquitto(f"acl_file {acl}\n") as broker:
        shard = Shard(FIRST, replace(broker.address, username="fleet"))
        await eventually(lambda: shard.said)
        assert shard.link.state() == "other shards unknown"
        await shard.end()
    (said,) = shard.said
    assert said.startswith("this shard and the others cannot hear of each other: ")
    assert said.endswith("135); may the user of --broker read and write shards/#?")


async def test_a_broker_that_comes_back_is_found_again(mosquitto: BrokerProcess) -> None:
    """It has forgotten who announced themselves; they do again, and nobody is missed."""
    first, second = (Shard(own, mosquitto.address) for own in (FIRST, SECOND))
    for shard in (first, second):
        await shard.until("2 of 2 shards")
    mosquitto.restart()
    for shard in (first, second):
        await shard.has_said("cannot hear of each other")
        await shard.until("2 of 2 shards")
    for shard in (first, second):
        await shard.end()
    assert not any("has come" in each for each in (*first.said, *second.said))
