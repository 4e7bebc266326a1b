"""docs/trial.md: its files can be used, and what one sees is what it says, in virtual time."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest
from click.testing import CliRunner

from bench.score.detection import INCIDENTS
from fleet_sim.broker.process import free_port
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.conclude import COMPLAINTS
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.attempt import Complaint
from fleet_wire.contract.incident import ChangeKind, Incident, IncidentKind, IncidentState
from platform_probe.__main__ import main
from tests.helpers.own_commands import PROGRAMS, accept
from tests.helpers.pages import EXAMPLES, blocks, page
from tests.helpers.virtual_runs import run_virtually
from tests.helpers.waiting import wait_for

TEXT = page("trial.md")
FILES = EXAMPLES / "trial"
ACKNOWLEDGED = {
    "type": "section",
    "text": {"text": "*Warning*, open · :eyes: acknowledged by maren\nHit"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the files of the page, whose Slack has a free port."""
    directory = tmp_path_factory.mktemp("trial")
    port = str(free_port())
    for name in ("city.yaml", "probe.yaml", "slack.py"):
        text = (FILES / name).read_text(encoding="utf-8")
        (directory / name).write_text(text.replace("8099", port), encoding="utf-8")
    secrets = blocks(TEXT, "sh")[0].splitlines()[0]
    subprocess.run(["bash", "-euc", secrets], cwd=directory, check=True)
    return directory


@pytest.fixture
def slack(place: Path) -> Iterator[subprocess.Popen[str]]:
    """Run what stands for Slack."""
    script = [sys.executable, "slack.py"]
    process = subprocess.Popen(script, cwd=place, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_messages_arrive(
    place: Path, slack: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the settings and the script of the page, with the command that it names."""
    monkeypatch.chdir(place)
    settings = ["--config", "probe.yaml"]
    assert CliRunner().invoke(main, ["config", *settings]).exit_code == 0
    wait_for(lambda: CliRunner().invoke(main, ["messages", "test", *settings]).exit_code == 0)
    assert slack.stdout is not None
    assert " post This is a test of the messages of unlockpath" in slack.stdout.readline()
    port = re.findall(r"127.0.0.1:(\d+)/api/", (place / "probe.yaml").read_text("utf-8"))[0]
    edit = {"channel": "C0TRIAL", "ts": "1.1", "text": "Open", "blocks": [ACKNOWLEDGED]}
    reply = {"channel": "C0TRIAL", "thread_ts": "1.1", "text": "Worse", "reply_broadcast": True}
    for method, said in (("chat.update", edit), ("chat.postMessage", reply)):
        body = msgspec.json.encode(said)
        urlopen(f"http://127.0.0.1:{port}/api/{method}", body, timeout=10).close()
    assert slack.stdout.readline().endswith(" edit Open acknowledged by maren\n")
    assert slack.stdout.readline().endswith(" reply to the channel Worse\n")


def test_one_sees_what_the_page_says(place: Path) -> None:
    """One incident: told before anybody calls, then why, resolved after its quarter of an hour."""
    run_virtually(load_scenario(place / "city.yaml"), place / "city", seed=23)
    revisions = [*JsonLines(place / "city" / INCIDENTS, Incident)]
    assert len({one.incident_id for one in revisions}) == 1
    first, last = revisions[0], revisions[-1]
    named = next(one for one in revisions if one.mode is not None)
    called_at = min(one.at for one in JsonLines(place / "city" / COMPLAINTS, Complaint))
    quoted = re.findall(r'"(operator-b, [^"]*)"', TEXT)
    assert [one.title.partition(" since ")[0] for one in (first, named)] == quoted
    assert first.kind is IncidentKind.CARS_LOST
    assert first.at < called_at
    assert named.at - first.at < 60.0
    assert last.state is IncidentState.RESOLVED
    assert last.changes[-1].kind is ChangeKind.RESOLVED
    assert last.ended_at is not None
    assert last.ended_at - last.since < 180.0


def test_each_command_is_one(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the programs of the page, with options that there are."""
    monkeypatch.chdir(place)
    for line in (line for block in blocks(TEXT, "sh") for line in block.splitlines()):
        words = shlex.split(line, comments=True)
        if words and words[0] in PROGRAMS:
            accept(words)
