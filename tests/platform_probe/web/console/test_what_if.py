"""What-ifs that the monitor posts, and mitigations in words; `what_if.txt` has the page."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from fleet_sim.mitigations.form import load_mitigations
from fleet_wire.errors import ConfigError
from platform_probe.tell.posting import MonitorAddress
from platform_probe.tell.what_if import WhatIfPost
from platform_probe.texts.catalogue import texts_of
from platform_probe.web.console import what_if
from tests.helpers.consoles import OPEN, Visitor, served
from tests.helpers.waiting import wait_for
from tests.helpers.what_ifs import made_what_if

PAGE = f"/what-if/{OPEN}"
MONITOR = MonitorAddress("http://127.0.0.1:9464", "token")


def test_the_monitor_posts_a_result(
    console_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the whole result; the page says that it is posted, or the monitor's problem."""
    asked: list[WhatIfPost] = []

    async def take(monitor: MonitorAddress, path: str, what: WhatIfPost) -> bytes:
        assert (monitor, path) == (MONITOR, "/incidents/what-ifs")
        asked.append(what)
        if len(asked) == 1:
            raise ConfigError(["no message in Slack"])
        return b"{}"

    monkeypatch.setattr(what_if, "post", take)
    result = msgspec.json.encode(made_what_if()).decode()
    monkeypatch.setattr(what_if, "COMMAND", (sys.executable, "-c", f"print({result!r})"))
    with served(console_store, tmp_path / "audit.jsonl", monitor=MONITOR) as url:
        visitor = Visitor(url)
        visitor.post(PAGE, {"form_token": visitor.form_token(PAGE)})
        wait_for(lambda: "Post to the Slack thread" in visitor.get(PAGE).text)
        pressed = {"form_token": visitor.form_token(PAGE), "post": "1"}

        assert visitor.post(PAGE, pressed).location == PAGE
        assert "no message in Slack" in visitor.get(PAGE).text
        visitor.post(PAGE, pressed)
        assert "Posted to the Slack thread." in visitor.get(PAGE).text

    assert {each.incident_id for each in asked} == {OPEN}
    assert asked[0].result.mitigations[0].title == "Call <them>"


def test_mitigations_that_ship_are_told_in_each_language() -> None:
    """Their English is that of their files."""
    for name, mitigation in load_mitigations().items():
        for part in ("title", "assumes"):
            key = f"mitigation.{name}.{part}"
            assert texts_of("en")[key] == getattr(mitigation, part)
            assert texts_of("fr")[key] != texts_of("en")[key]
