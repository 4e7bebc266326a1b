"""A client program: what it is handed, what it prints, and how it goes wrong."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from fleet_sim.truth import client as client_module
from fleet_sim.truth.client import Ask, Client, Surroundings
from fleet_sim.truth.grading import ANSWERS, Screen
from fleet_wire.errors import ConfigError
from tests.helpers.waiting import eventually

CAR = "mine.control.0"
AROUND = Surroundings(broker_url="mqtt://b:1", api_url="http://a:2", profile="saic")
ECHO = """
import json, os, sys
print(json.dumps({"ready": "mqtt"}), flush=True)
print(open(os.environ["UNLOCKPATH_VEHICLES"]).read(), os.environ["UNLOCKPATH_BROKER"],
      os.environ["UNLOCKPATH_API"], os.environ["UNLOCKPATH_PROFILE"], file=sys.stderr, flush=True)
for line in sys.stdin:
    ask = json.loads(line)
    print(json.dumps({"request": ask["request"], "shown": "open"}), flush=True)
"""


async def started(tmp_path: Path, program: str) -> Client:
    """Return a client that runs a program in Python, and is ready."""
    client = Client("mine", [sys.executable, "-c", program], [CAR])
    await client.start(tmp_path / "mine", AROUND)
    return client


async def test_a_press_is_answered_on_the_screen_of_its_car(tmp_path: Path) -> None:
    """The program finds broker, API and cars in its environment."""
    client = await started(tmp_path, ECHO)
    began_s = time.monotonic()
    client.send(Ask(do="unlock", request="r1", vehicle_id=CAR))
    shown = await client.wait_for(CAR, ANSWERS, since_s=began_s, until_s=began_s + 200)
    await client.close()
    assert shown is Screen.OPEN
    assert client.through == "mqtt"
    assert [(each.request, each.screen) for each in client.screens_of(CAR)] == [("r1", "open")]
    told = (tmp_path / "mine" / "stderr.log").read_text().split()
    assert told == [CAR, "mqtt://b:1", "http://a:2", "saic"]
    assert client.error is None, "we have ended it"


async def test_lines_that_cannot_be_read_are_counted_and_named(tmp_path: Path) -> None:
    """They change nothing, and the next line counts."""
    bad = ["{", "[]", "7", '{"shown": "opened"}', '{"vehicle_id": "x", "shown": "open"}',
           '{"request": "r9", "shown": "open"}', "{}", "x" * 70_000]  # fmt: skip
    program = f"""
print('{{"ready": "api"}}')
for line in {bad!r}:
    print(line)
print('{{"vehicle_id": "{CAR}", "shown": "locked"}}', flush=True)
input()
"""
    client = await started(tmp_path, program)
    await eventually(lambda: client.screens_of(CAR))
    await client.close()
    assert client.bad_lines >= len(bad)
    assert client.first_bad_line is not None
    assert client.first_bad_line.startswith("line 2 of its stdout: ")
    assert [each.screen for each in client.screens_of(CAR)] == [Screen.LOCKED]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("raise SystemExit(3)", "client mine: ended with exit code 3; its stderr is in"),
        (
            "print('ready'); raise SystemExit(3)",
            "client mine: ended with exit code 3; line 1 of its stdout: ",
        ),
        ("input()", "has not printed and flushed"),
        (None, "client mine"),
    ],
)
async def test_a_program_that_is_never_ready_is_refused(
    tmp_path: Path, program: str | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has three minutes; the error says whose, and why."""
    if program == "input()":
        monkeypatch.setattr(client_module, "READY_S", 0.1)
    argv = [str(tmp_path / "none")] if program is None else [sys.executable, "-c", program]
    client = Client("mine", argv, [CAR])
    with pytest.raises(ConfigError, match=why):
        await client.start(tmp_path / "mine", AROUND)
    await client.close()


async def test_the_end_of_a_program_is_an_error_and_stops_nothing(tmp_path: Path) -> None:
    """What its user does then comes to nobody."""
    client = await started(tmp_path, 'print(\'{"ready": "api"}\', flush=True)')
    await eventually(lambda: client.error)
    client.send(Ask(do="unlock", request="r1", vehicle_id=CAR))
    await client.close()
    assert client.error == "ended with exit code 0"


async def test_a_flood_of_screens_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client cannot fill our memory."""
    monkeypatch.setattr(client_module, "MAX_SCREENS", 10)
    line = f'{{"vehicle_id": "{CAR}", "shown": "locked"}}'
    flood = f"input()\nwhile True: print({line!r}, flush=True)"
    client = await started(tmp_path, f'print(\'{{"ready": "api"}}\', flush=True)\n{flood}')
    client.send(Ask(do="unlock", request="r1", vehicle_id=CAR))
    await eventually(lambda: client.error)
    await client.close()
    assert client.error == "has printed more than 10 lines"
    assert len(client.screens_of(CAR)) <= 11


async def test_times_of_a_client_are_never_in_the_future(tmp_path: Path) -> None:
    """A screen is shown at the time that it says, at the latest when we hear of it."""
    program = f"""
import time
print('{{"ready": "api"}}', flush=True)
for at in (time.time() - 5, time.time() + 5000):
    print('{{"vehicle_id": "{CAR}", "shown": "locked", "at": %r}}' % at, flush=True)
input()
"""
    client = await started(tmp_path, program)
    await eventually(lambda: len(client.screens_of(CAR)) == 2)
    await client.close()
    first, second = (each.at_s for each in client.screens_of(CAR))
    assert first + 5 <= second <= time.monotonic()
