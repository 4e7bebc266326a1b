"""Plays transcripts of the door over HTTP: what an API answers, and what MQTT shows of unlocks."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from fleet_wire.contract.attempt import Record
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.trace_context import TraceContext, parse_traceparent
from fleet_wire.doors.form import load_door
from fleet_wire.web.exchange import JSON, HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer
from platform_probe.measure.doors.http import HttpDoor
from tests.helpers.join_bench import SPAN_ID, JoinBench
from tests.helpers.places import ROOT
from tests.helpers.told_attempts import USUAL, Accounts
from tests.helpers.tracker_bench import CAR, DEADLINE_S
from tests.helpers.transcripts import Teller
from tests.helpers.waiting import eventually

FORM = ROOT / "tests/platform_probe/measure/doors/door.yaml"
USUAL_HERE = {**USUAL, "source": "probe", "endpoint": "/cars/{vehicle_id}/open"}

VARIES = "; trace_id [0-9a-f]{32}|(?<=no answer): [^;]*(?=[)] in )"
"""What each run has anew: ids, and the port in an error."""


class Api:
    """An API that listens, and a door to it."""

    def __init__(self) -> None:
        self.answers: list[HttpResponse] = []
        """One after the other, the last again and again."""
        self.asked: list[str] = []
        """Each request, once."""
        self.traceparent = ""
        self.repeated = 0
        self.locks: list[str] = []
        self.server = HttpServer(self._answer, connection_s=10.0, max_body_bytes=10_000)

    async def open(self, join: JoinBench) -> HttpDoor:
        """Listen, and return a door for unlocks that are joined there."""
        port = await self.server.start("127.0.0.1", 0)
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            (folder / "token.txt").write_text("s3cret\n")
            (folder / "bookings.txt").write_text(f"{CAR} b7\n")
            (folder / "door.yaml").write_text(FORM.read_text("utf-8").replace("PORT", str(port)))
            door = load_door(folder / "door.yaml")
        return HttpDoor(
            door,
            tracker=join.behind.tracker,
            clock=join.behind.clock,
            seed=1,
            deadline_s=DEADLINE_S,
            locked=lambda car, why: self.locks.append(f"{car} {why or 'is locked'}"),
        )

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        headers, body = dict(request.headers), (await request.body()).decode()
        self.traceparent = headers.get("traceparent", self.traceparent)
        token = headers.get("Authorization", "")
        line = " ".join(filter(None, (request.method, request.path, body, token)))
        self.asked += [line] if line not in self.asked else []
        if len(self.answers) > 1:
            return self.answers.pop(0)
        self.repeated += 1
        return self.answers[0]


class DoorPlayer(Teller):
    """A door between an API and a tracker whose attempts are joined.

    `api STATUS` is what the API answers next, with the fields of its JSON; `raw STATUS TEXT` has no
    JSON. The last answer comes again and again, unless it is `forgotten`; after `gone` none comes.
    `unlock`, `asks_on` and `seen`, a command on MQTT, last until the API says nothing new. At the
    `end` the deadline passes if nothing ended the unlock before.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.accounts = Accounts(USUAL_HERE)
        self.join, self.api = JoinBench(), Api()
        self.tracker = self.join.behind.tracker
        self.tracker.on_other = lambda *_: None
        self.loop = asyncio.new_event_loop()
        self.door = self.loop.run_until_complete(self.api.open(self.join))

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            "asks_on": lambda: self._begin(lambda: None),
            "executed": self.join.behind.executed,
            "forgotten": self.api.answers.clear,
            "gone": lambda: self.loop.run_until_complete(self.api.server.stop()),
            "lock": lambda: self._begin(lambda: self.door.lock(CAR)),
            "opens": self.join.opens,
            "received": self.join.behind.received,
            "unlock": lambda: self._begin(
                lambda: self.door.unlock(CAR, intended_s=self.join.behind.clock.now_s)
            ),
        }

    def news(self) -> list[str]:
        """Return what the API was asked, what became of locks, and the records that came."""
        told = [*self.new_of(self.api.asked), *self.new_of(self.api.locks)]
        strays = self.new_of(self.join.behind.strays)
        records: list[Record] = [*self.new_of(self.join.records), *strays]
        for record in records:
            told += [re.sub(VARIES, "", line) for line in self.accounts.of(record)]
        return told

    def close(self) -> None:
        """Ask for nothing more, and answer nothing."""
        self.loop.run_until_complete(self.door.close())
        self.loop.run_until_complete(self.api.server.stop())
        self.loop.close()

    def _do_api(self, status: int, location: str = "/c/1", **body: Any) -> None:
        content = msgspec.json.encode(body)
        self.api.answers.append(HttpResponse(status, content, JSON, {"Location": location}))

    def _do_raw(self, status: int, text: str = "", kind: str = JSON) -> None:
        content = text.encode("latin-1")
        self.api.answers.append(HttpResponse(status, content, kind, {"Elsewhere": "/login"}))

    def _do_seen(self, command_id: str = "k1") -> None:
        parent = parse_traceparent(self.api.traceparent)
        trace_id = parent.trace_id if parent else self.join.records[-1].trace_id
        command = Command(command_id, Action.UNLOCK, 0, 30_000, 1, "signature", booking_id="b7")
        self.tracker.command_seen(CAR, command, TraceContext(trace_id, SPAN_ID))
        self._begin(lambda: None)

    def _do_end(self) -> None:
        if not len(self.join.joiner):
            self.join.behind.wait(DEADLINE_S)
        self.join.joiner.flush()

    def _begin(self, begin: Callable[[], object]) -> None:
        async def settle() -> None:
            self.api.repeated = 0
            begin()
            await eventually(self._is_settled)

        self.loop.run_until_complete(settle())

    def _is_settled(self) -> bool:
        """Return whether the door waits for nothing, or hears nothing new."""
        said = (attempt.api_said or "" for attempt in self.tracker._open.values())
        is_unheard = any("no answer" in each for each in said)
        return not self.door._tasks or self.api.repeated > 2 or is_unheard
