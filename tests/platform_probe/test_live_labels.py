"""A real monitor takes labels: from the command, and from a page of its console."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_sim.broker.process import BrokerProcess
from platform_probe.__main__ import main
from platform_probe.journal.entries import UnlockLabelled
from platform_probe.journal.reader import entries_in
from tests.helpers.consoles import Visitor
from tests.helpers.live_fleet import failing_load
from tests.helpers.running_probe import RunningProbe, running_probe
from tests.helpers.stores import selected
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker
_FAILED = "SELECT attempt_id FROM diagnosed ORDER BY began_at LIMIT 2"
_LABELLED = "SELECT label, labelled_by FROM labelled ORDER BY ALL"


def by_page(url: str, attempt_id: str) -> int:
    """Label an unlock on its page; return the status of the answer."""
    visitor = Visitor(url)
    token = visitor.form_token(f"/unlock/{attempt_id}")
    fields = {"form_token": token, "attempt": attempt_id, "mode": "unknown"}
    return visitor.post("/label", fields).status


async def by_command(probe: RunningProbe, attempt_id: str, *words: str) -> str:
    """Label an unlock by the command; return what it prints."""
    url = probe.of_kind("ready")[0]["metrics_url"].removesuffix("/metrics")
    config = str(probe.directory / "probe.yaml")
    given = ["label", attempt_id, *words, "--by", "jo", "--config", config, "--monitor", url]
    return (await asyncio.to_thread(CliRunner().invoke, main, given)).output


async def test_labels_are_journal_entries(tmp_path: Path, mosquitto: BrokerProcess) -> None:
    """They reach the store by the journal and the judge, while the monitor writes to both."""
    token, store = tmp_path / "token", tmp_path / "store"
    token.write_text("secret of this test")
    settings = {
        "load": failing_load(5, rate_per_s=2),
        "store": {"directory": str(store)},
        "messages": {"actions_token_file": str(token)},
        "console": {"listen": "127.0.0.1:0"},
    }
    async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
        await probe.ready()
        await eventually((store / "store.json").exists)
        await eventually(lambda: len(selected(store, "FROM diagnosed")) > 2)
        await eventually(lambda: [one for one in probe.log() if one["event"] == "console"])
        first, second = (row[0] for row in selected(store, _FAILED))
        assert "phone_side by jo" in await by_command(probe, first, "phone_side")
        (console,) = [one["url"] for one in probe.log() if one["event"] == "console"]
        assert await asyncio.to_thread(by_page, console, second) == 303
        both = [("phone_side", "jo"), ("unknown", "local")]
        await eventually(lambda: [*selected(store, _LABELLED)] == both)
        assert "label withdrawn by jo" in await by_command(probe, first, "--withdraw")
        await eventually(lambda: [*selected(store, _LABELLED)] == both[1:])
    entries = [*entries_in(tmp_path / "out" / "journal")]
    said = [one.label.mode for one in entries if isinstance(one, UnlockLabelled)]
    assert said == ["phone_side", "unknown", None]
