"""The client that plays Home Assistant: what it writes, presses and shows."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.home_assistant import HomeAssistant, write_configuration
from fleet_wire.web.exchange import JSON, HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer

CARS = ["ha.control.0", "ha.control.1"]


class FakeHomeAssistant:
    """Its REST API, with states that a test sets."""

    def __init__(self) -> None:
        self.states = {"lock.car_0": "locked", "lock.car_1": "locked", "sun.sun": "up"}
        self.status = 200
        self.asked: list[tuple[str, str, bytes]] = []
        self.server = HttpServer(self._answer, connection_s=10.0, max_body_bytes=10_000)

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        self.asked.append(
            (request.path, request.headers.get("Authorization") or "", await request.body())
        )
        states = [{"entity_id": name, "state": it} for name, it in self.states.items()]
        return HttpResponse(self.status, msgspec.json.encode(states), JSON)


@pytest.fixture
async def fake() -> AsyncIterator[FakeHomeAssistant]:
    """Return a Home Assistant that serves."""
    made = FakeHomeAssistant()
    yield made
    await made.server.stop()


async def test_changes_of_entities_are_shown_once(
    fake: FakeHomeAssistant, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each state has its screen; a button that fails shows that it failed."""
    port = await fake.server.start("127.0.0.1", 0)
    home = HomeAssistant(f"http://127.0.0.1:{port}", "token", CARS)
    await home.wait_until_ready()
    for state in ("unlocking", "unlocking", "unlocked", "jammed", "unavailable", "unknown"):
        fake.states["lock.car_1"] = state
        await home.wait_until_ready()
    await home.handle(Ask(do="unlock", request="r1", vehicle_id=CARS[1]))
    fake.status = 500
    await home.handle(Ask(do="look", request="r2", vehicle_id=CARS[0]))
    await home.handle(Ask(do="lock", request="r3", vehicle_id=CARS[0]))
    await home.close()
    lines = [msgspec.json.decode(line) for line in capfdbinary.readouterr().out.splitlines()]
    of_second = [line["shown"] for line in lines if line["vehicle_id"] == CARS[1]]
    assert of_second == ["locked", "working", "open", "failed", "unavailable", "unknown"]
    assert [(line["request"], line["shown"]) for line in lines if line["request"]] == [
        ("r3", "failed")
    ]
    presses = [each for each in fake.asked if "services" in each[0]]
    assert presses == [
        ("/api/services/lock/unlock", "Bearer token", b'{"entity_id":"lock.car_1"}'),
        ("/api/services/lock/lock", "Bearer token", b'{"entity_id":"lock.car_0"}'),
    ]


def test_the_configuration_has_a_lock_for_each_car(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On loopback, at the broker of the run; the token is signed with the key of the account."""
    monkeypatch.setenv("UNLOCKPATH_BROKER", "mqtt://127.0.0.1:18831")
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
    assert entry["data"] == {"broker": "127.0.0.1", "port": 18831, "discovery": False}
    (account,) = msgspec.json.decode((storage / "auth").read_bytes())["data"]["refresh_tokens"]
    signed, _, signature = token.encode().rpartition(b".")
    digest = hmac.digest(account["jwt_key"].encode(), signed, "sha256")
    assert base64.urlsafe_b64encode(digest).rstrip(b"=") == signature
