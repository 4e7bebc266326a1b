"""A real monitor, a real broker, and a local Slack: from cars that fail to who looks after it."""

from __future__ import annotations

import hashlib
import hmac
import signal
import time
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.incident import Incident, IncidentKind
from platform_probe.outputs.sinks import INCIDENTS_FILE
from platform_probe.tell.messages.slack_blocks import ACTION_ACKNOWLEDGE
from tests.helpers.live_fleet import failing_load
from tests.helpers.running_probe import RunningProbe, running_probe
from tests.helpers.served_messages import SECRET, slack_settings
from tests.helpers.slack_server import Message, SlackServer, slack_server
from tests.helpers.waiting import eventually, eventually_answers, whole_lines

pytestmark = pytest.mark.broker
ALL_DAY = {"since": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}


def incidents(probe: RunningProbe) -> list[Incident]:
    """Return all revisions on disk, but for those that say that a busy machine sees late."""
    lines = whole_lines(probe.records.with_name(INCIDENTS_FILE))
    found = [msgspec.json.decode(each, type=Incident) for each in lines]
    return [one for one in found if one.kind is IncidentKind.FAILURES]


def roots(slack: SlackServer) -> list[Message]:
    """Return the messages that begin a thread, but for those that say that it sees late."""
    return [root for root in slack.roots if "The monitor" not in root.text]


def written(probe: RunningProbe) -> int:
    """Return how many unlocks are on disk, those included that a busy machine let it see late."""
    return len(whole_lines(probe.records))


async def press(probe: RunningProbe, incident_id: str) -> int:
    """Press a button, as Slack tells of it; return the status of the answer."""
    payload = {
        "type": "block_actions", "user": {"username": "jo"},
        "actions": [{"action_id": ACTION_ACKNOWLEDGE, "value": incident_id}],
    }  # fmt: skip
    body = urlencode({"payload": msgspec.json.encode(payload).decode()})
    stamp = f"{time.time():.0f}"
    signed = hmac.new(SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signed}",
    }
    url = probe.of_kind("ready")[0]["metrics_url"].replace("/metrics", "/slack/interactivity")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_a_storm_is_one_message_and_a_press_says_who_has_it(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Cars fail, Slack has one message; a button acknowledges; it is killed and says nothing again.

    Neither does a third process, which has a maintenance window for everybody.
    """
    async with slack_server() as slack:
        messages = msgspec.to_builtins(slack_settings(tmp_path, slack), enc_hook=str)
        settings = {"load": failing_load(200, rate_per_s=20), "detection": {}, "messages": messages}
        async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
            await probe.ready()
            await eventually(lambda: incidents(probe) and roots(slack))
            (opened,) = {one.incident_id for one in incidents(probe)}
            assert incidents(probe)[0].title in roots(slack)[0].text
            assert await press(probe, "forged") == 200
            assert await press(probe, opened) == 200
            await eventually(lambda: "acknowledged by jo" in roots(slack)[0].whole)

            async def is_counted() -> bool:
                """Return whether the judge's process has said what it counted."""
                series = await probe.series("incident_requests_total")
                return (series["taken",], series["unknown",]) == (1, 1)

            await eventually_answers(is_counted)
            probe.process.kill()
            assert await probe.exit_code() == -signal.SIGKILL
            before = written(probe)
        async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
            await probe.ready()
            await eventually(lambda: written(probe) > before + 100)
        settings["detection"] = {"maintenance": [{"name": "works", **ALL_DAY}]}
        async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
            await probe.ready()
            await eventually(lambda: incidents(probe)[-1].maintenance == "works")
        assert {one.incident_id for one in incidents(probe)} == {opened}
        assert len(roots(slack)) == 1
        assert (slack.limited, slack.mistakes) == (0, [])
