"""`platform-probe what-if`: real futures of an incident in a store, and their way to Slack."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident
from platform_probe.texts.catalogue import texts_of
from tests.helpers.consoles import incident_of
from tests.helpers.diagnoses import put_believed
from tests.helpers.own_commands import run_here
from tests.helpers.served_messages import SPEED, hurry, served_messages, slack_settings
from tests.helpers.slack_server import slack_server
from tests.helpers.stores import BEGIN_S, put_lines, put_unlocks, unlock
from tests.helpers.waiting import eventually

LASTS_S = 600.0
ONLY = ("--seeds", "2", "--only", "take_cars_out")


@pytest.fixture(name="incident")
def _incident(tmp_path: Path) -> Incident:
    """Put an incident of five cars into a store, and ten customers of well cars."""
    incident = incident_of(since=BEGIN_S, at=BEGIN_S + LASTS_S, mode="no_coverage_garage", cars=5)
    store = tmp_path / "store"
    failed = [unlock(number, car=f"car-{number}", cause=Cause.BOX_OFFLINE) for number in range(5)]
    put_believed(store, failed, "no_coverage_garage")
    well = [unlock(60 * number, car=f"well-{number}") for number in range(1, 11)]
    put_unlocks(store, well)
    put_lines(store, "incidents", [msgspec.json.encode(incident)])
    return incident


async def test_a_ranking_is_printed_and_posted_into_the_thread(
    incident: Incident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread has what the terminal shows; without a message in Slack there is no thread."""
    hurry(monkeypatch)
    async with slack_server(SPEED) as slack:
        settings = slack_settings(tmp_path / "secrets", slack)
        async with served_messages(tmp_path, settings, at_once=True) as served:
            command = (
                *("what-if", incident.incident_id, "--store", tmp_path / "store", "--post"),
                *("--by", "jo", "--monitor", served.url),
                *("--token-file", tmp_path / "secrets" / "actions", *ONLY),
            )
            refused, _, why = await asyncio.to_thread(run_here, "platform_probe", *command)
            served.tell(incident)
            await eventually(lambda: slack.messages)
            code, told, problem = await asyncio.to_thread(run_here, "platform_probe", *command)

    assert (refused, "has no message in Slack" in why) == (2, True)
    assert (code, "Posted to the Slack thread" in problem) == (0, True), problem
    first, reply = slack.messages
    assert reply.thread_ts == first.ts
    for title in ("do_nothing", "take_cars_out"):
        text = texts_of("en")[f"mitigation.{title}.title"]
        assert text in told
        assert text in reply.text


def test_what_contradicts_a_post_is_named(incident: Incident, tmp_path: Path) -> None:
    """Nothing is played before."""
    store = ("--store", tmp_path / "store")
    command = ("what-if", incident.incident_id, *store, "--post", "--by", "jo")
    for words, why in (
        (("--json",), "--post prints what it posts"),
        (("--worlds", tmp_path / "worlds.yaml"), "plays nothing that could be posted"),
        ((), "No token"),
    ):
        code, _, problem = run_here("platform_probe", *command, *words)
        assert (code, why in problem) == (2, True), problem
    assert not (tmp_path / "worlds.yaml").exists()
