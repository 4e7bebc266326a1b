"""What mosquitto does where MQTT leaves a choice: the broker model has to do the same.

The stories in `links/mosquitto.txt` say most of it; what no story can say stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_wire.links.link import PublishProperties
from tests.helpers.brokers import running_mosquitto
from tests.helpers.harness import Clients, Harness, LiveHarness, ModelHarness
from tests.helpers.link_player import LinkPlayer
from tests.helpers.transcripts import Story, stories

FOLDER = Path(__file__).with_name("links")
MAX_QUEUED = {"mosquitto": 5, "without_limit": 0}
"""The limit of each client's queue in the stories of a file."""
BOTH_BROKERS = [pytest.param("mosquitto", marks=pytest.mark.broker), "model"]


@contextmanager
def harness_of(broker: str, max_queued: int) -> Iterator[Harness]:
    """Give mosquitto or the model of it."""
    if broker == "model":
        yield ModelHarness(max_queued_messages=max_queued)
        return
    with running_mosquitto(f"max_queued_messages {max_queued}\n") as process:
        yield LiveHarness("lean", process)


@pytest.fixture(params=BOTH_BROKERS)
def harness(request: pytest.FixtureRequest) -> Iterator[Harness]:
    """Give each of both in turn."""
    with harness_of(request.param, 5) as made:
        yield made


@pytest.mark.parametrize("broker", BOTH_BROKERS)
@pytest.mark.parametrize(
    ("max_queued", "story"),
    [
        pytest.param(limit, story, id=story.name)
        for name, limit in MAX_QUEUED.items()
        for story in stories(FOLDER / f"{name}.txt")
    ],
)
async def test_story(broker: str, max_queued: int, story: Story) -> None:
    """What comes to each client is what the story says."""
    with harness_of(broker, max_queued) as harness:
        await LinkPlayer(harness).play(story)


async def test_members_of_a_group_take_turns_present_or_not(
    harness: Harness, clients: Clients
) -> None:
    """Each message goes to one member; an absent one has its turn, and finds it on return."""
    here = await clients.connected("here", "$share/group/jobs/+", session_expiry_s=60)
    away = await clients.connected("away", "$share/group/jobs/+", session_expiry_s=60)
    alone = await clients.connected("alone", "$share/other/jobs/+")
    away.link.disconnect()
    sender = await clients.connected("sender")
    for number in range(6):
        sender.link.publish("jobs/1", b"%d" % number, on_ack=sender.acks.append)
    await harness.until(lambda: len(sender.acks) == 6 and len(alone.messages) == 6)
    await clients.connect(away)
    await harness.until(lambda: len(away.messages) == len(here.messages) == 3)
    assert sorted(here.payloads + away.payloads) == alone.payloads


async def test_what_is_left_of_the_expiry_is_passed_on(harness: Harness, clients: Clients) -> None:
    """The expiry interval that arrives is what the wait has left of it."""
    receiver = await clients.connected("receiver", "topic", session_expiry_s=60)
    receiver.link.disconnect()
    sender = await clients.connected("sender")
    sender.link.publish("topic", b"", properties=PublishProperties(expiry_s=10))
    await harness.let_pass(2.1)
    await clients.connect(receiver)
    await harness.until(lambda: receiver.messages)
    assert receiver.messages[0].expiry_s in (7, 8)
