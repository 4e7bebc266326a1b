"""The page of a what-if: who may start one, its progress, its result, and why there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_sim.mitigations.form import load_mitigations
from fleet_wire.errors import ConfigError
from platform_probe.tell.posting import MonitorAddress
from platform_probe.tell.what_if import WhatIfPost
from platform_probe.texts.catalogue import texts_of
from platform_probe.web.console import what_if
from tests.helpers.consoles import OPEN, SUSPICIOUS, TOKENS, Visitor, looks_in, served, tokens_file
from tests.helpers.waiting import wait_for
from tests.helpers.what_ifs import made_what_if

PAGE = f"/what-if/{OPEN}"
MONITOR = MonitorAddress("http://127.0.0.1:9464", "token")
PLAYS = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
print("5 of 20 runs", file=sys.stderr, flush=True)
while not (folder / "go").exists():
    time.sleep(0.02)
(folder / "asked").write_text(" ".join(sys.argv[2:]))
print((folder / "result.json").read_text())
"""
FAILS = "raise SystemExit('error: no unlock of the incident is diagnosed yet')"


@pytest.fixture(name="command")
def _command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have the console run a program that waits for a file, and prints a result."""
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(made_what_if()))
    monkeypatch.setattr(what_if, "COMMAND", (sys.executable, "-c", PLAYS, str(tmp_path)))
    return tmp_path


@pytest.fixture(name="console")
def _console(console_store: Path, tmp_path: Path) -> Iterator[str]:
    """Serve a console that nobody else uses."""
    with served(console_store, tmp_path / "audit.jsonl") as url:
        yield url


def start(visitor: Visitor, incident_id: str = OPEN) -> Any:
    """Press the button of the page."""
    token = visitor.form_token("/what-if/incident-2")
    return visitor.post(f"/what-if/{incident_id}", {"form_token": token})


@pytest.mark.usefixtures("command")
def test_the_page_shows_progress_and_then_the_ranked_mitigations(
    console: str, tmp_path: Path
) -> None:
    """The first line is the best one; what comes from outside is no HTML.

    Without a monitor there is no button that posts it.
    """
    visitor = Visitor(console)
    assert PAGE in visitor.get(f"/incident/{OPEN}").text

    assert start(visitor).location == PAGE
    wait_for(lambda: "5 of 20 simulations" in visitor.get(PAGE).text)
    assert 'http-equiv="refresh"' in visitor.get(PAGE).text
    (tmp_path / "go").touch()
    wait_for(lambda: "Rentals lost" in visitor.get(PAGE).text)

    text = visitor.get(PAGE).text
    assert text.index("Call &lt;them&gt;") < text.index("Do nothing")
    assert "Support knows &lt;them&gt;." in text
    assert "1.0 to 5.5" in text
    assert 'http-equiv="refresh"' not in text
    assert "Post to the Slack thread" not in text
    assert "1,0 à 5,5" in Visitor(console, Accept_Language="fr").get(PAGE).text
    assert (tmp_path / "asked").read_text().startswith(f"{OPEN} --store ")
    looks = [line for line in looks_in(tmp_path / "audit.jsonl") if line["action"] == "what_if"]
    assert [(line["user"], line["id"]) for line in looks] == [("local", OPEN)]


def test_a_failure_of_the_command_is_told(console: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words stand on the page, and it can be tried again."""
    monkeypatch.setattr(what_if, "COMMAND", (sys.executable, "-c", FAILS))
    visitor = Visitor(console)

    start(visitor)
    wait_for(lambda: "is diagnosed yet" in visitor.get(PAGE).text)

    assert "Run it again" in visitor.get(PAGE).text


@pytest.mark.usefixtures("command")
def test_one_is_played_at_a_time(console: str, tmp_path: Path) -> None:
    """Asking again for the same one shows it; another one must wait."""
    visitor = Visitor(console)

    start(visitor)

    assert start(visitor).location == PAGE
    assert start(visitor, "incident-2").status == 503
    (tmp_path / "go").touch()


@pytest.mark.usefixtures("command")
def test_only_a_known_incident_that_the_person_may_see_is_played(
    console_store: Path, tmp_path: Path
) -> None:
    """An option of the command is no incident; nor is one without our form."""
    settings = {"tokens_file": str(tokens_file(tmp_path))}
    with served(console_store, tmp_path / "audit.jsonl", **settings) as url:
        visitor = Visitor(url)
        visitor.log_in(TOKENS["support"])

        assert start(visitor, "--worlds=x").status == 404
        assert start(visitor, SUSPICIOUS).status == 403
        assert visitor.get(f"/what-if/{SUSPICIOUS}").status == 403
        assert visitor.post(PAGE, {"form_token": ""}).status == 403
    assert not (tmp_path / "asked").exists()


@pytest.mark.usefixtures("command")
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
    (tmp_path / "go").touch()
    with served(console_store, tmp_path / "audit.jsonl", monitor=MONITOR) as url:
        visitor = Visitor(url)
        start(visitor)
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
