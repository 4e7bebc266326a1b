"""The client that plays Home Assistant: what it writes, presses and shows."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as websockets_serve

from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.home_assistant import HomeAssistant
from fleet_sim.truth.clients.home_assistant_files import PACKAGE, write_configuration
from fleet_wire.web.client import HttpClient
from tests.helpers.waiting import eventually

CARS = ["ha.control.0", "ha.control.1"]
TOKEN = "made up"  # noqa: S105


LOCKS = {"lock.car_0": {"s": "locked", "a": {"friendly_name": "car 0"}},
         "lock.car_1": {"s": "locked", "a": {"friendly_name": "car 1"}}}  # fmt: skip


class FakeHomeAssistant:
    """Its WebSocket API: answers commands, and says what a test wants it to say."""

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self.error: dict[str, Any] | None = None
        """The error by which it answers a called service."""
        self._socket: ServerConnection

    async def serve(self, socket: ServerConnection) -> None:
        """Sign a client in, and answer it."""
        self._socket = socket
        await self._say(type="auth_required")
        said = await self._hear()
        is_right = said == {"type": "auth", "access_token": TOKEN}
        await self._say(type="auth_ok" if is_right else "auth_invalid", message="Invalid token")
        async for text in socket:
            command = msgspec.json.decode(text)
            self.commands.append(command)
            error = self.error if command["type"] == "call_service" else None
            more = {} if error is None else {"error": error}
            await self._say(id=command["id"], type="result", success=error is None, **more)

    async def entities(self, **event: Any) -> None:
        """Send a change of entities."""
        await self._event("subscribe_entities", event)

    async def notification(self, kind: str, number: str, **parts: Any) -> None:
        """Send a notification that is new, or gone."""
        notification = {"notification_id": number, "title": None, **parts}
        event = {"type": kind, "notifications": {number: notification}}
        await self._event("persistent_notification/subscribe", event)

    async def _event(self, kind: str, event: dict[str, Any]) -> None:
        (number,) = (each["id"] for each in self.commands if each["type"] == kind)
        await self._say(id=number, type="event", event=event)

    async def _say(self, **message: Any) -> None:
        await self._socket.send(msgspec.json.encode(message), text=True)

    async def _hear(self) -> Any:
        return msgspec.json.decode(await self._socket.recv())


@asynccontextmanager
async def home_assistant(
    fake: FakeHomeAssistant, *, token: str = TOKEN
) -> AsyncIterator[HomeAssistant]:
    """Sign in at a fake, and follow it for the block."""
    async with websockets_serve(fake.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        http = HttpClient(f"http://127.0.0.1:{port}")
        try:
            async with http.text_socket("/api/websocket") as socket:
                home = HomeAssistant(socket, CARS)
                await home.sign_in(token)
                following = asyncio.ensure_future(home.follow())
                await eventually(lambda: len(fake.commands) == 2)
                yield home
                following.cancel()
        finally:
            await http.close()


async def test_all_that_its_user_sees_is_shown(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """States as they change, notifications of a car, and the error of a button."""
    fake, printed = FakeHomeAssistant(), bytearray()

    def shown() -> list[dict[str, Any]]:
        printed.extend(capfdbinary.readouterr().out)
        return [msgspec.json.decode(line) for line in printed.splitlines()]

    async with home_assistant(fake) as home:
        await fake.notification("current", "old", message="car 1 failed yesterday")
        await fake.entities(a=LOCKS)
        await home.wait_until_ready()
        for state in ("unlocking", "unlocked", "jammed", "unavailable", "unknown"):
            await fake.entities(c={"lock.car_1": {"+": {"s": state, "lc": 1.0}}})
        await fake.entities(c={"lock.car_1": {"+": {"a": {"icon": "mdi:car"}}}})
        await fake.entities(r=["lock.car_0"])
        await fake.notification("added", "n1", title="Lock", message="car 1 could not be opened")
        await fake.notification("removed", "n1", message="car 1 could not be opened")
        await fake.notification("added", "n2", message="The update was not installed")
        await eventually(lambda: shown()[-1]["text"])
        await home.handle(Ask(do="look", request="r2", vehicle_id=CARS[1]))
        await home.handle(Ask(do="unlock", request="r1", vehicle_id=CARS[1]))
        await eventually(lambda: len(fake.commands) == 3)
        fake.error = {"code": "home_assistant_error", "message": "no broker"}
        await home.handle(Ask(do="lock", request="r3", vehicle_id=CARS[0]))
        await eventually(lambda: shown()[-1]["request"] == "r3")
    lines = shown()
    states = ["locked", "working", "open", "failed", "unavailable", "unknown"]
    assert [(line["shown"], line["text"]) for line in lines if line["vehicle_id"] == CARS[1]] == [
        *((each, None) for each in states),
        ("failed", "Lock car 1 could not be opened"),
        ("unknown", None),  # a user who looks sees the state too
    ]
    of_first = [line["shown"] for line in lines if line["vehicle_id"] == CARS[0]]
    assert of_first == ["locked", "unavailable"]
    assert (lines[-1]["shown"], lines[-1]["text"]) == ("failed", "no broker")
    presses = [(it["service"], it["target"]) for it in fake.commands if "service" in it]
    assert presses == [
        ("unlock", {"entity_id": "lock.car_1"}),
        ("lock", {"entity_id": "lock.car_0"}),
    ]


async def test_a_wrong_token_is_named() -> None:
    """The user of a running one reads which variable is wrong."""
    with pytest.raises(SystemExit, match="refuses it: Invalid token"):
        async with home_assistant(FakeHomeAssistant(), token=TOKEN[1:]):
            pass


async def test_the_end_of_home_assistant_ends_the_client() -> None:
    """It does not go on as one that shows nothing."""

    async def serve(socket: ServerConnection) -> None:
        await socket.close()

    async with websockets_serve(serve, "127.0.0.1", 0) as server:
        http = HttpClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with http.text_socket("/") as socket:
            with pytest.raises(SystemExit, match="Home Assistant has ended: the server has closed"):
                await HomeAssistant(socket, CARS).follow()
        await http.close()


def test_the_configuration_has_a_lock_for_each_car(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback, at the broker of the run; the token is signed with the key of the account."""
    monkeypatch.setenv("UNLOCKPATH_BROKER", "mqtt://me:p%40ss@127.0.0.1:18831")
    monkeypatch.delenv(PACKAGE, raising=False)
    token = write_configuration(tmp_path, CARS, port=8123)
    written = msgspec.json.decode((tmp_path / "configuration.yaml").read_bytes())
    assert written["http"] == {"server_host": ["127.0.0.1"], "server_port": 8123}
    locks = written["mqtt"]["lock"]
    assert [each["object_id"] for each in locks] == ["car_0", "car_1"]
    assert (
        locks[1]["command_topic"] == "saic/you@example.org/vehicles/ha.control.1/doors/locked/set"
    )
    storage = tmp_path / ".storage"
    (entry,) = msgspec.json.decode((storage / "core.config_entries").read_bytes())["data"][
        "entries"
    ]
    place = {"broker": "127.0.0.1", "port": 18831, "discovery": False}
    assert entry["data"] == place | {"username": "me", "password": "p@ss"}
    (account,) = msgspec.json.decode((storage / "auth").read_bytes())["data"]["refresh_tokens"]
    signed, _, signature = token.encode().rpartition(b".")
    digest = hmac.digest(account["jwt_key"].encode(), signed, "sha256")
    assert base64.urlsafe_b64encode(digest).rstrip(b"=") == signature


def test_a_package_of_the_user_is_included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have automations that tell of what happened; one that is not there is named."""
    monkeypatch.setenv("UNLOCKPATH_BROKER", "mqtt://127.0.0.1:18831")
    package = tmp_path / "mine.yaml"
    monkeypatch.setenv(PACKAGE, str(package))
    with pytest.raises(SystemExit, match=r"mine\.yaml: there is no such file"):
        write_configuration(tmp_path, CARS, port=8123)
    package.write_text("automation: []", encoding="utf-8")
    (tmp_path / ".storage").rmdir()
    write_configuration(tmp_path, CARS, port=8123)
    written = (tmp_path / "configuration.yaml").read_text(encoding="utf-8")
    assert f'"packages": {{"own": !include "{package}"}}' in written
