"""An app at any HTTP API, as a door file describes it: the file is the only argument.

Besides the names of `fleet_wire.doors.form`, a file may use `{token}` and `{booking_id}`, the
customer's own at the platform of the run.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Final

from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.presses import serve, show
from fleet_sim.truth.grading import Screen
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.doors.asking import DoorApi, Reply
from fleet_wire.doors.form import SECRET, Door, FinalMeaning, load_door
from fleet_wire.web.client import NoAnswerError

NAMES: Final = ("token", "booking_id")
POLLED_S: Final = 60.0
"""An app asks for the status of a command for so long [E]."""


class DoorApp:
    """An app that shows what the answers of an API say. Make it where the event loop runs."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._api = DoorApi(door.form)

    async def handle(self, ask: Ask) -> None:
        """Ask for a lock or an unlock, and show how it ends."""
        form = self._door.form.unlock if ask.do == "unlock" else self._door.form.lock
        if ask.do == "look" or form is None:
            return
        show(Screen.WORKING, request=ask.request)
        values = self._values(ask)
        try:
            reply = await self._api.ask(form, values)
        except NoAnswerError:
            show(Screen.UNAVAILABLE, request=ask.request)
            return
        if reply.end_of_request is None:
            reply = await self._until_final(reply, values)
        screen = self._screen(reply, Screen.OPEN if ask.do == "unlock" else Screen.LOCKED)
        if screen is not None:
            show(screen, request=ask.request)

    async def _until_final(self, reply: Reply, values: dict[str, str]) -> Reply:
        poll, ends_s = self._door.form.poll, time.monotonic() + POLLED_S
        while reply.end is None and time.monotonic() < ends_s:
            if poll is None or not self._api.can_poll(reply, values):
                break
            await asyncio.sleep(poll.every_s)
            reply = await self._api.poll(values)
        return reply

    def _screen(self, reply: Reply, done: Screen) -> Screen | None:
        """Return what an answer shows; None: nothing new.

        An API without states means by a success that the car has done it.
        """
        end = reply.end_of_request
        if end is None:
            return done if self._door.form.answer.state is None else None
        return {FinalMeaning.OK: done, FinalMeaning.UNKNOWN: Screen.UNKNOWN}.get(end, Screen.FAILED)

    def _values(self, ask: Ask) -> dict[str, str]:
        trace_id, attempt_id = secrets.token_hex(16), secrets.token_hex(16)
        bookings = self._door.bookings
        return {
            "vehicle_id": ask.vehicle_id,
            "booking_id": bookings.get(ask.vehicle_id, ask.booking_id or ""),
            "token": ask.token or "",
            "attempt_id": attempt_id,
            "trace_id": trace_id,
            SECRET: self._door.secret,
            TRACEPARENT: f"00-{trace_id}-{attempt_id[:16]}-01",
        }

    async def close(self) -> None:
        """Hang up."""
        await self._api.close()


async def _main() -> None:
    door = load_door(Path(sys.argv[1]), more_names=NAMES)
    app = DoorApp(door)
    is_ours = door.form.base_url == os.environ["UNLOCKPATH_API"]
    try:
        await serve("api" if is_ours else "mqtt", app.handle)
    finally:
        await app.close()


if __name__ == "__main__":
    asyncio.run(_main())
