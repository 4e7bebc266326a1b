"""The one adapter: a client is a program that reads presses and prints what its user sees.

A press is a line of JSON on the program's stdin, a change of a screen a line on its stdout. The
program first prints `{"ready": "api"}` if it asks the platform, or `{"ready": "mqtt"}` if it sends
commands to the broker itself. Its environment names both, see `Surroundings`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from fleet_sim.broker.process import dies_with_us
from fleet_sim.truth.grading import Screen, ScreenChange
from fleet_wire.errors import ConfigError
from fleet_wire.private_files import open_to_append

READY_S: Final = 180.0
"""A client that starts a Home Assistant needs a minute on a busy machine."""
ENDS_S: Final = 5.0
MAX_LINE_BYTES: Final = 64_000
MAX_TEXT: Final = 500
"""Letters of a screen's words that are kept."""
MAX_SCREENS: Final = 100_000
"""Screens of one client that are kept; a client that shows more is ended."""
Through = Literal["api", "mqtt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The addresses that a client program finds in its environment."""

    broker_url: str
    api_url: str
    profile: str

    def environment(self, vehicles_file: Path) -> dict[str, str]:
        """Return the variables that are set for the program."""
        return {
            "UNLOCKPATH_BROKER": self.broker_url,
            "UNLOCKPATH_API": self.api_url,
            "UNLOCKPATH_PROFILE": self.profile,
            "UNLOCKPATH_VEHICLES": str(vehicles_file),
        }


class Ask(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line for the program: what its user does."""

    do: Literal["unlock", "lock", "look"]
    """A press of a button, or a look at the app by a user who returns."""
    request: str
    vehicle_id: str
    booking_id: str | None = None
    """The booking of the car, for the platform's API."""
    token: str | None = None
    """The customer's bearer token there."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the program: it is ready, or its screen changes."""

    ready: Through | None = None
    request: str | None = None
    vehicle_id: str | None = None
    shown: Screen | None = None
    at: float | None = None
    """Unix seconds; None: now."""
    text: str | None = None
    """The words on the screen."""


class Client:
    """A client program under test. `argv` starts it; `vehicle_ids` are its cars."""

    def __init__(self, name: str, argv: Sequence[str], vehicle_ids: Sequence[str]) -> None:
        self.name = name
        self._argv = argv
        self._screens: dict[str, list[ScreenChange]] = {each: [] for each in vehicle_ids}
        self._vehicle_of: dict[str, str] = {}
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._lines = 0
        self._is_closing = False
        self.through: Through | None = None
        """The address that it uses; None until it is ready."""
        self.bad_lines = 0
        self.first_bad_line: str | None = None
        """Which of its lines could not be read first, and why."""
        self.error: str | None = None
        """Why it could not be graded to the end."""

    async def start(self, directory: Path, surroundings: Surroundings) -> None:
        """Start the program in `directory`; its stderr goes to a file there.

        Raises `ConfigError` if it cannot be started, or ends or waits before it is ready.
        """
        vehicles_file = _write_vehicles(directory, self._screens)
        try:
            await self._start(directory / "stderr.log", surroundings.environment(vehicles_file))
        except OSError as error:
            raise ConfigError([f"client {self.name}: {self._argv[0]}: {error.strerror}"]) from None
        try:
            async with asyncio.timeout(READY_S):
                while self.through is None and self.error is None:
                    await self._wait_for_change()
        except TimeoutError:
            self.error = f'has not printed and flushed {{"ready": ...}} within {READY_S:g} s'
        if self.through is None:
            why = self.first_bad_line or f"its stderr is in {directory / 'stderr.log'}"
            raise ConfigError([f"client {self.name}: {self.error}; {why}"])

    async def _start(self, stderr_file: Path, environment: Mapping[str, str]) -> None:
        with os.fdopen(open_to_append(stderr_file), "ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *dies_with_us(),
                *self._argv,
                stdin=PIPE,
                stdout=PIPE,
                stderr=stderr,
                env={**os.environ, **environment},
                limit=MAX_LINE_BYTES,
                start_new_session=True,  # it and what it starts end together
            )
        self._reader = asyncio.ensure_future(self._read(self._process))

    def send(self, ask: Ask) -> None:
        """Hand the program what its user does; one that reads nothing gets nothing."""
        self._vehicle_of[ask.request] = ask.vehicle_id
        if self._process is not None and self._process.stdin is not None and self.error is None:
            with contextlib.suppress(OSError, RuntimeError):
                self._process.stdin.write(msgspec.json.encode(ask) + b"\n")

    def screens_of(self, vehicle_id: str) -> Sequence[ScreenChange]:
        """Return what the client has shown of a car so far."""
        return self._screens[vehicle_id]

    async def wait_for(
        self, vehicle_id: str, wanted: frozenset[Screen], *, since_s: float, until_s: float
    ) -> Screen | None:
        """Return the first wanted screen of a car since a moment; None: it did not come by then."""
        while True:
            for shown in self._screens[vehicle_id]:
                if shown.at_s >= since_s and shown.screen in wanted:
                    return shown.screen
            try:
                async with asyncio.timeout(max(until_s - time.monotonic(), 0.0)):
                    await self._wait_for_change()
            except TimeoutError:
                return None

    async def close(self) -> None:
        """End the program, and all that it has started."""
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        self._is_closing = True
        self._signal(process, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), ENDS_S)
        self._signal(process, signal.SIGKILL)
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reader, ENDS_S)

    def _signal(self, process: Process, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    # What it prints

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 - opened as a pipe
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:
                self._note_bad(f"longer than {MAX_LINE_BYTES} bytes")
                continue
            if not line:
                break
            if line.strip() and self.error is None:
                self._handle_line(line)
                if self.error is not None:
                    self._signal(process, signal.SIGKILL)
            self._wake()
        code = await process.wait()
        if not self._is_closing:
            self.error = self.error or f"ended with exit code {code}"
        self._wake()

    def _handle_line(self, line: bytes) -> None:
        self._lines += 1
        try:
            self._handle(msgspec.json.decode(line, type=Line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._note_bad(str(error))

    def _handle(self, line: Line) -> None:
        if line.ready is not None:
            self.through = line.ready
            return
        vehicle_id = self._vehicle_of.get(line.request or "") or line.vehicle_id or ""
        screens = self._screens.get(vehicle_id)
        if line.shown is None:
            self._note_bad("neither `ready` nor `shown`")
        elif screens is None:
            self._note_bad(f"request {line.request!r}, vehicle_id {line.vehicle_id!r}: no such car")
        else:
            at_s = _moment(line.at)
            if screens:
                at_s = max(at_s, screens[-1].at_s)
            text = None if line.text is None else line.text[:MAX_TEXT]
            screens.append(
                ScreenChange(at_s=at_s, screen=line.shown, request=line.request, text=text)
            )
            if self._lines > MAX_SCREENS:
                self.error = f"has printed more than {MAX_SCREENS} lines"

    def _note_bad(self, why: str) -> None:
        self.bad_lines += 1
        self.first_bad_line = self.first_bad_line or f"line {self._lines} of its stdout: {why}"

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_for_change(self) -> None:
        await self._changed.wait()

    def as_json(self) -> dict[str, Any]:
        """Return what the result says of the program."""
        return {
            "through": self.through,
            "error": self.error,
            "lines": self._lines,
            "bad_lines": self.bad_lines,
            "first_bad_line": self.first_bad_line,
        }


def _write_vehicles(directory: Path, vehicle_ids: Iterable[str]) -> Path:
    """Make the directory of a client with the file that lists its cars."""
    directory.mkdir()
    file = directory.resolve() / "vehicles.txt"
    file.write_text("".join(f"{each}\n" for each in vehicle_ids), "utf-8")
    return file


def _moment(unix_s: float | None) -> float:
    """Return a client's time on the monotonic clock; nothing was shown later than it is told."""
    now_s = time.monotonic()
    return now_s if unix_s is None else min(now_s - (time.time() - unix_s), now_s)
