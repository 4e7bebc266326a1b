"""The door over HTTP: unlocks as a phone asks for them, at an API that a file describes.

The command that the API makes is recognised on MQTT by its trace; from there on MQTT shows the
unlock. An unlock that never reaches MQTT ends with the API's answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from hashlib import blake2b
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import PlatformSide, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.problems import BASE, is_yes
from fleet_wire.contract.trace_context import TRACEPARENT
from fleet_wire.doors.asking import DoorApi, Reply, no_answer
from fleet_wire.doors.form import SECRET, Door, FinalMeaning, RequestForm
from fleet_wire.web.client import NoAnswerError
from platform_probe.measure.attempts.open_attempt import OpenAttempt
from platform_probe.measure.attempts.start import Start
from platform_probe.measure.attempts.tracker import AttemptTracker

_CAUSES: Final = {
    FinalMeaning.OK: None,
    FinalMeaning.REFUSED: Cause.API_REFUSED,
    FinalMeaning.FAILED: Cause.API_FAILED,
    FinalMeaning.UNKNOWN: Cause.NOT_OBSERVED,
}
"""The cause of a final state if MQTT shows nothing of the command."""


class HttpDoor:
    """Asks for unlocks and locks. Use it where the event loop runs.

    `locked` gets each lock that was asked for: the car, and why it may not have worked, None if it
    did.
    """

    def __init__(
        self,
        door: Door,
        *,
        tracker: AttemptTracker,
        clock: Clock,
        seed: int,
        deadline_s: float,
        locked: Callable[[str, str | None], None],
    ) -> None:
        self._door = door
        self._tracker = tracker
        self._clock = clock
        self._deadline_s = deadline_s
        self._locked = locked
        self._api = DoorApi(door.form)
        self._run_prefix = f"{seed}/http/{clock.unix_s()}/".encode()
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def unlock(self, vehicle_id: str, *, intended_s: float) -> None:
        """Begin to open a car."""
        attempt_id, trace_id = self._new_ids()
        start = Start(
            attempt_id=attempt_id,
            command_id=attempt_id,
            vehicle_id=vehicle_id,
            trace_id=trace_id,
            source=Source.PROBE,
            intended_s=intended_s,
            booking_id=self._door.bookings.get(vehicle_id),
            through_api=True,
        )
        attempt = self._tracker.start(start)
        form = self._door.form.unlock
        route = form.path.partition("?")[0]
        attempt.asked = PlatformSide(method=form.method, endpoint=route)
        self._run(self._unlock(attempt, self._values(vehicle_id, attempt_id, trace_id)))

    def lock(self, vehicle_id: str) -> None:
        """Begin to lock a car."""
        form = self._door.form.lock
        if form is None:
            self._locked(vehicle_id, "the API's file has no lock")
            return
        values = self._values(vehicle_id, *self._new_ids())
        self._run(self._lock(form, vehicle_id, values))

    async def close(self) -> None:
        """Ask for nothing more, and wait for nothing."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._api.close()

    # Within

    async def _unlock(self, attempt: OpenAttempt, values: dict[str, str]) -> None:
        form, tracker = self._door.form, self._tracker
        try:
            reply = await self._api.ask(form.unlock, values)
        except NoAnswerError as error:
            tracker.end_as_told(attempt, Cause.API_FAILED, no_answer(error))
            return
        tracker.api_answered(attempt, reply.status, problem=_problem_of(reply))
        if reply.command_id is not None:
            tracker.name_command(attempt, reply.command_id)
        end = reply.end_of_request
        if end is None:
            reply = await self._until_final(reply, values, attempt)
            end = reply.end
        if end is not None:
            tracker.end_as_told(attempt, _CAUSES[end], reply.reason)

    async def _lock(self, form: RequestForm, vehicle_id: str, values: dict[str, str]) -> None:
        try:
            reply = await self._api.ask(form, values)
        except NoAnswerError as error:
            self._locked(vehicle_id, no_answer(error))
            return
        if reply.end_of_request is None:
            reply = await self._until_final(reply, values)
        is_good = is_yes(reply.status) and reply.end in (None, FinalMeaning.OK)
        self._locked(vehicle_id, None if is_good else reply.reason)

    async def _until_final(
        self, reply: Reply, values: dict[str, str], attempt: OpenAttempt | None = None
    ) -> Reply:
        """Ask again and again how far a command is, until that is final or nobody waits for it.

        A command without an id or a Location cannot be polled.
        """
        form, ends_s = self._door.form.poll, self._clock.monotonic_s() + self._deadline_s
        while reply.end is None:
            if attempt is not None:
                self._tracker.api_said(attempt, reply.reason)
                if not self._tracker.is_open(attempt):
                    break
            is_over = self._clock.monotonic_s() >= ends_s
            if form is None or is_over or not self._api.can_poll(reply, values):
                break
            await asyncio.sleep(form.every_s)
            reply = await self._api.poll(values)
        return reply

    def _values(self, vehicle_id: str, attempt_id: str, trace_id: str) -> dict[str, str]:
        """Return what the names in braces stand for."""
        return {
            "vehicle_id": vehicle_id,
            "booking_id": self._door.bookings.get(vehicle_id, ""),
            "attempt_id": attempt_id,
            "trace_id": trace_id,
            SECRET: self._door.secret,
            TRACEPARENT: f"00-{trace_id}-{attempt_id[:16]}-01",
        }

    def _new_ids(self) -> tuple[str, str]:
        """Return the ids of an attempt and of its trace."""
        self._number += 1
        text = self._run_prefix + str(self._number).encode()
        digest = blake2b(text, digest_size=32).hexdigest()
        return digest[:32], digest[32:]

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _problem_of(reply: Reply) -> str | None:
    """Return the slug of the problem that an error names."""
    return reply.error_class.removeprefix(BASE) if reply.error_class else None
