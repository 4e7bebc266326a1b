"""Home Assistant: a lock entity over MQTT for each car, pressed and read over the WebSocket API.

The variable `HASS` names the program to start (default: `hass` in PATH), and
`HOME_ASSISTANT_PACKAGE` a YAML file with more of its configuration. With `HOME_ASSISTANT_URL` and
`HOME_ASSISTANT_TOKEN` a running one is used, whose entities are called `lock.car_0`, `lock.car_1`
and so on in the order of the cars.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from fleet_sim.broker.process import free_port
from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.home_assistant_files import write_configuration
from fleet_sim.truth.clients.notifications import Notifications
from fleet_sim.truth.clients.presses import (
    ShownStates,
    own_directory,
    require_profile,
    serve,
    show,
    start_program,
    vehicle_ids,
)
from fleet_sim.truth.grading import Screen
from fleet_wire.web.client import HttpClient, NoAnswerError, TextSocket

PROFILE: Final = "saic"
API: Final = "/api/websocket"
RETRY_S: Final = 0.5
STARTS_S: Final = 170.0
MAX_MESSAGE_BYTES: Final = 10_000_000
_SCREENS: Final = {
    "locked": Screen.LOCKED,
    "unlocked": Screen.OPEN,
    "open": Screen.OPEN,
    "locking": Screen.WORKING,
    "unlocking": Screen.WORKING,
    "opening": Screen.WORKING,
    "jammed": Screen.FAILED,
    "unavailable": Screen.UNAVAILABLE,
    "unknown": Screen.UNKNOWN,
}
"""The screen that a state of the entity is to a user."""


class _Message(msgspec.Struct, frozen=True):
    """A message of the server (developers.home-assistant.io, "WebSocket API")."""

    type: str
    id: int = 0
    success: bool = True
    error: dict[str, Any] = {}
    event: dict[str, Any] = {}
    message: str = ""


class HomeAssistant:
    """The screen of a Home Assistant, over a socket of its API."""

    def __init__(self, socket: TextSocket, vehicles: Sequence[str]) -> None:
        self._socket = socket
        self._entities = {each: f"lock.car_{number}" for number, each in enumerate(vehicles)}
        self._vehicles = {entity: vehicle for vehicle, entity in self._entities.items()}
        self._notifications = Notifications(self._vehicles)
        self._states = ShownStates()
        self._asked = 0
        self._presses: dict[int, Ask] = {}
        self._on_event = {
            "subscribe_entities": self._show_entities,
            "persistent_notification/subscribe": self._show_notifications,
        }
        self._subscriptions: dict[int, str] = {}
        self._has_all = asyncio.Event()

    async def sign_in(self, token: str) -> None:
        """Sign in, and ask for all that is shown. Raises `NoAnswerError`; exits if refused."""
        await self._receive()
        await self._send({"type": "auth", "access_token": token})
        answer = await self._receive()
        if answer.type != "auth_ok":
            sys.exit(f"HOME_ASSISTANT_TOKEN: Home Assistant refuses it: {answer.message}")
        await self._subscribe("subscribe_entities", entity_ids=list(self._vehicles))
        await self._subscribe("persistent_notification/subscribe")

    async def follow(self) -> None:
        """Show what changes, for ever. Exits when Home Assistant ends."""
        while True:
            try:
                message = await self._receive()
            except NoAnswerError as error:
                sys.exit(f"Home Assistant has ended: {error}")
            if message.type == "event":
                self._on_event[self._subscriptions[message.id]](message.event)
            elif message.type == "result":
                self._handle_result(message)

    async def handle(self, ask: Ask) -> None:
        """Press a button of the entity; a user who returns looks at its state."""
        if ask.do == "look":
            self._states.repeat(ask.vehicle_id)
            return
        self._presses[self._asked + 1] = ask
        target = {"entity_id": self._entities[ask.vehicle_id]}
        await self._ask("call_service", domain="lock", service=ask.do, target=target)

    async def wait_until_ready(self) -> None:
        """Wait for all entities. Exits where they do not come."""
        try:
            await asyncio.wait_for(self._has_all.wait(), STARTS_S)
        except TimeoutError:
            missing = [it for it, car in self._vehicles.items() if not self._states.has(car)]
            sys.exit(f"Home Assistant lacks {len(missing)} locks, {missing[0]} first")

    # What is shown

    def _show_entities(self, event: Mapping[str, Any]) -> None:
        """Show new and changed states; an entity that is gone is not available."""
        states = {name: it["s"] for name, it in event.get("a", {}).items()}
        for name, change in event.get("c", {}).items():
            if (state := change.get("+", {}).get("s")) is not None:
                states[name] = state
        states.update(dict.fromkeys(event.get("r", ()), "unavailable"))
        for name, it in event.get("a", {}).items():
            self._notifications.add_name(name, str(it.get("a", {}).get("friendly_name", "")))
        self._states.update(
            {
                self._vehicles[name]: _SCREENS.get(state, Screen.UNKNOWN)
                for name, state in states.items()
                if name in self._vehicles
            }
        )
        if all(map(self._states.has, self._entities)):
            self._has_all.set()

    def _show_notifications(self, event: Mapping[str, Any]) -> None:
        """Show those that come while we watch; those that are there are old."""
        if event["type"] not in ("added", "updated"):
            return
        for notification in event["notifications"].values():
            title, message = notification.get("title"), notification.get("message")
            found = self._notifications.meaning(
                str(title or ""), str(message or ""), str(notification["notification_id"])
            )
            if found is not None:
                show(found.screen, vehicle_id=found.vehicle_id, text=found.text)

    def _handle_result(self, message: _Message) -> None:
        """Show the error of a press, as the frontend does; a press that is fine shows nothing."""
        press = self._presses.pop(message.id, None)
        if message.success:
            return
        text = str(message.error.get("message", ""))
        if press is None:
            sys.exit(f"Home Assistant refuses {self._subscriptions.get(message.id)}: {text}")
        show(Screen.FAILED, request=press.request, text=text)

    # The API

    async def _subscribe(self, kind: str, **more: Any) -> None:
        self._subscriptions[self._asked + 1] = kind
        await self._ask(kind, **more)

    async def _ask(self, kind: str, **more: Any) -> None:
        """Send a command; each has the next number."""
        self._asked += 1
        await self._send({"id": self._asked, "type": kind, **more})

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._socket.send(msgspec.json.encode(message))

    async def _receive(self) -> _Message:
        return msgspec.json.decode(await self._socket.receive(), type=_Message)


async def _run(socket: TextSocket, token: str, cars: Sequence[str]) -> None:
    """Serve presses by one connection."""
    home = HomeAssistant(socket, cars)
    await home.sign_in(token)
    following = asyncio.ensure_future(home.follow())
    try:
        await home.wait_until_ready()
        await serve("mqtt", home.handle)
    finally:
        following.cancel()


async def _main() -> None:
    require_profile(PROFILE)
    cars, url = vehicle_ids(), os.environ.get("HOME_ASSISTANT_URL")
    token = os.environ.get("HOME_ASSISTANT_TOKEN", "")
    if url is None:
        directory, port = own_directory(), free_port()
        url, token = f"http://127.0.0.1:{port}", write_configuration(directory, cars, port=port)
        await start_program("HASS", "hass", "-c", str(directory), "--skip-pip")
    http, ends_s = HttpClient(url, max_answer_bytes=MAX_MESSAGE_BYTES), time.monotonic() + STARTS_S
    try:
        while True:
            try:
                async with http.text_socket(API) as socket:
                    return await _run(socket, token, cars)
            except NoAnswerError as error:
                if time.monotonic() > ends_s:
                    sys.exit(f"Home Assistant does not answer at {url}: {error}")
            await asyncio.sleep(RETRY_S)
    finally:
        await http.close()


if __name__ == "__main__":
    asyncio.run(_main())
