"""Parts that the shipped client programs share: presses from stdin, screens to stdout."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec

from fleet_sim.truth.client import Ask, Line, Through
from fleet_sim.truth.grading import Screen
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import BrokerAddress
from fleet_wire.web.client import HttpClient, NoAnswerError

ANSWER_S: Final = 10.0
"""Seconds until a program that does not answer counts as failed [E]."""


def show(
    screen: Screen,
    *,
    request: str | None = None,
    vehicle_id: str | None = None,
    text: str | None = None,
) -> None:
    """Print what the user sees now."""
    at = time.time()
    _print(Line(request=request, vehicle_id=vehicle_id, shown=screen, at=at, text=text))


def vehicle_ids() -> list[str]:
    """Return the cars of this client."""
    return Path(os.environ["UNLOCKPATH_VEHICLES"]).read_text("utf-8").split()


class ShownStates:
    """The states of cars that a user sees all the time; prints each that changes."""

    def __init__(self) -> None:
        self._shown: dict[str, Screen] = {}

    def update(self, screens: Mapping[str, Screen]) -> None:
        """Print the screens that differ from what was shown of their cars."""
        for vehicle_id, screen in screens.items():
            if self._shown.get(vehicle_id) is not screen:
                self._shown[vehicle_id] = screen
                show(screen, vehicle_id=vehicle_id)

    def has(self, vehicle_id: str) -> bool:
        """Return whether there is a state of a car."""
        return vehicle_id in self._shown

    def repeat(self, vehicle_id: str) -> None:
        """Print the state of a car again: something else was shown in between."""
        if self.has(vehicle_id):
            show(self._shown[vehicle_id], vehicle_id=vehicle_id)


def plain_broker() -> BrokerAddress:
    """Return the broker's address. Exits where that is not plain MQTT at one broker."""
    brokers = Brokers.parse(os.environ["UNLOCKPATH_BROKER"])
    if len(brokers.addresses) > 1 or brokers.first.scheme != "mqtt":
        sys.exit(f"this client can only be connected to one mqtt:// broker, not to {brokers}")
    return brokers.first


def own_directory() -> Path:
    """Return a new directory for the files of this client."""
    path = Path(os.environ["UNLOCKPATH_VEHICLES"]).with_name("config")
    path.mkdir()
    return path


def require_profile(name: str) -> None:
    """Exit with an error where the cars speak another profile than this client."""
    if os.environ["UNLOCKPATH_PROFILE"] != name:
        sys.exit(f"this client speaks {name}: fleet-sim truth ... --profile {name}")


async def start_program(variable: str, name: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start the program that a variable of the environment names, else the one of a name.

    It ends with this client, and its output goes to this client's stderr.
    """
    program = os.environ.get(variable) or shutil.which(name)
    if program is None:
        sys.exit(f"{name} is not installed, or not in PATH: name it by {variable}=PATH")
    return await asyncio.create_subprocess_exec(
        program, *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=sys.stderr
    )


async def serve(through: Through, handle: Callable[[Ask], Awaitable[None]]) -> None:
    """Announce that the client is ready, then handle each press as a task, until the end."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    work: set[asyncio.Future[None]] = set()
    reading = asyncio.ensure_future(_read(reader, handle, work))
    loop.add_signal_handler(signal.SIGTERM, reading.cancel)
    _print(Line(ready=through))
    try:
        await reading
    except asyncio.CancelledError:
        for each in work:
            each.cancel()


async def serve_polled(
    handle: Callable[[Ask], Awaitable[None]],
    show_changes: Callable[[], Awaitable[object]],
    *,
    every_s: float,
) -> None:
    """Serve a client at the broker, and look for what its screens show every so many seconds."""

    async def poll() -> None:
        while True:
            await asyncio.sleep(every_s)
            await show_changes()

    polling = asyncio.ensure_future(poll())
    try:
        await serve("mqtt", handle)
    finally:
        polling.cancel()


async def body_of(
    http: HttpClient,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> bytes | None:
    """Return the body of an answer with status 200; None for any other, or none in time."""
    try:
        answer = await http.request(
            method, path, timeout_s=ANSWER_S, headers=dict(headers), body=body
        )
    except NoAnswerError:
        return None
    return answer.body if answer.status == HTTPStatus.OK else None


async def _read(
    reader: asyncio.StreamReader,
    handle: Callable[[Ask], Awaitable[None]],
    work: set[asyncio.Future[None]],
) -> None:
    async for line in reader:
        task = asyncio.ensure_future(handle(msgspec.json.decode(line, type=Ask)))
        work.add(task)
        task.add_done_callback(work.discard)


def _print(line: Line) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()
