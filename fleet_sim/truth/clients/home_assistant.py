"""Home Assistant: a lock entity over MQTT for each car, pressed and read over the REST API.

The variable `HASS` names the program to start (default: `hass` in PATH). With
`HOME_ASSISTANT_URL` and `HOME_ASSISTANT_TOKEN` a running one is used, whose entities are called
`lock.car_0`, `lock.car_1` and so on in the order of the cars.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_sim.broker.process import free_port
from fleet_sim.truth.client import Ask
from fleet_sim.truth.clients.presses import (
    ShownStates,
    body_of,
    broker_address,
    own_directory,
    require_profile,
    serve_polled,
    show,
    start_program,
    vehicle_ids,
)
from fleet_sim.truth.grading import Screen
from fleet_wire.web.client import HttpClient
from fleet_wire.web.exchange import JSON

PROFILE: Final = "saic"
TOPIC: Final = "saic/you@example.org/vehicles/{}/doors/locked"
POLL_S: Final = 0.5
STARTS_S: Final = 170.0
TOKEN_S: Final = 86_400.0
MAX_STATES_BYTES: Final = 10_000_000
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


class HomeAssistant:
    """A Home Assistant at a URL. Make it where the event loop runs."""

    def __init__(self, url: str, token: str, vehicles: list[str]) -> None:
        self._http = HttpClient(url, max_answer_bytes=MAX_STATES_BYTES)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": JSON}
        self._entities = {each: f"lock.car_{number}" for number, each in enumerate(vehicles)}
        self._states = ShownStates()

    async def handle(self, ask: Ask) -> None:
        """Press a button of the entity; an error that is shown says that it did not work."""
        if ask.do == "look":
            return
        body = msgspec.json.encode({"entity_id": self._entities[ask.vehicle_id]})
        path = f"/api/services/lock/{ask.do}"
        if await body_of(self._http, "POST", path, headers=self._headers, body=body) is None:
            show(Screen.FAILED, request=ask.request)

    async def wait_until_ready(self) -> None:
        """Wait for all entities. Exits where they do not come."""
        ends_s = time.monotonic() + STARTS_S
        while (found := await self.show_changes()) < len(self._entities):
            if time.monotonic() > ends_s:
                sys.exit(f"Home Assistant has {found} of {len(self._entities)} locks")
            await asyncio.sleep(POLL_S)

    async def show_changes(self) -> int:
        """Show what has changed; return how many of the entities there are."""
        answer = await body_of(self._http, "GET", "/api/states", headers=self._headers)
        if answer is None:
            return 0
        states = {
            each["entity_id"]: each["state"]
            for each in msgspec.json.decode(answer, type=list[dict[str, Any]])
        }
        found = {car: states[it] for car, it in self._entities.items() if it in states}
        self._states.update(
            {car: _SCREENS.get(state, Screen.UNKNOWN) for car, state in found.items()}
        )
        return len(found)

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()


def write_configuration(directory: Path, vehicles: list[str], *, port: int) -> str:
    """Write what Home Assistant needs to start; return a token for its API."""
    host, broker_port = broker_address()
    storage = directory / ".storage"
    storage.mkdir()
    configuration = {
        "homeassistant": {"name": "truth", "unit_system": "metric", "time_zone": "UTC"},
        "http": {"server_host": ["127.0.0.1"], "server_port": port},
        "api": None,
        "mqtt": {"lock": [_lock(car, number) for number, car in enumerate(vehicles)]},
    }
    (directory / "configuration.yaml").write_bytes(msgspec.json.encode(configuration))  # it is YAML
    entry: dict[str, Any] = {
        **dict.fromkeys(("disabled_by", "unique_id")),
        **dict.fromkeys(("created_at", "modified_at"), "2025-01-01T00:00:00+00:00"),
        **dict.fromkeys(("pref_disable_new_entities", "pref_disable_polling"), False),
        "data": {"broker": host, "port": broker_port, "discovery": False},
        "discovery_keys": {},
        "domain": "mqtt",
        "entry_id": "01HAMQTT000000000000000000",
        "version": 1,
        "minor_version": 2,
        "options": {},
        "source": "user",
        "subentries": [],
        "title": "broker",
    }
    _store(storage, "core.config_entries", {"entries": [entry]}, minor_version=5)
    key = secrets.token_hex(64)
    _store(storage, "auth", _accounts(key), minor_version=1)
    return _token("token", key)


def _lock(vehicle_id: str, number: int) -> dict[str, str]:
    topic = TOPIC.format(vehicle_id)
    return {
        "name": f"car {number}",
        "unique_id": f"car_{number}",
        "object_id": f"car_{number}",
        "state_topic": topic,
        "command_topic": f"{topic}/set",
        "payload_lock": "true",
        "payload_unlock": "false",
        "state_locked": "true",
        "state_unlocked": "false",
        "value_template": "{{ value | lower }}",
    }


def _accounts(key: str) -> dict[str, Any]:
    """Return an owner with a token that lives long, as `auth_store.py` of 2025.4 keeps them."""
    user = {
        **dict.fromkeys(("is_owner", "is_active"), True),
        **dict.fromkeys(("system_generated", "local_only"), False),
        "id": "owner",
        "group_ids": ["system-admin"],
        "name": "owner",
    }
    token = {
        **dict.fromkeys(("client_id", "client_icon", "last_used_at", "last_used_ip")),
        **dict.fromkeys(("expire_at", "credential_id", "version")),
        "id": "token",
        "user_id": "owner",
        "client_name": "truth",
        "token_type": "long_lived_access_token",
        "created_at": "2025-01-01T00:00:00+00:00",
        "access_token_expiration": TOKEN_S,
        "token": secrets.token_hex(64),
        "jwt_key": key,
    }
    groups = [{"id": "system-admin", "name": "Administrators"}]
    return {"users": [user], "groups": groups, "credentials": [], "refresh_tokens": [token]}


def _token(token_id: str, key: str) -> str:
    """Return a JSON web token (RFC 7519) that is signed with HMAC-SHA256."""
    now_s = int(time.time())
    claims = {"iss": token_id, "iat": now_s, "exp": now_s + int(TOKEN_S)}
    parts = [_base64(msgspec.json.encode(it)) for it in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(parts)
    return (signed + b"." + _base64(hmac.digest(key.encode(), signed, "sha256"))).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _store(storage: Path, name: str, data: Any, *, minor_version: int) -> None:
    content = {"version": 1, "minor_version": minor_version, "key": name, "data": data}
    (storage / name).write_bytes(msgspec.json.encode(content))


async def _main() -> None:
    require_profile(PROFILE)
    cars, url = vehicle_ids(), os.environ.get("HOME_ASSISTANT_URL")
    token = os.environ.get("HOME_ASSISTANT_TOKEN", "")
    if url is None:
        directory, port = own_directory(), free_port()
        url, token = f"http://127.0.0.1:{port}", write_configuration(directory, cars, port=port)
        await start_program("HASS", "hass", "-c", str(directory), "--skip-pip")
    home = HomeAssistant(url, token, cars)
    await home.wait_until_ready()
    try:
        await serve_polled(home.handle, home.show_changes, every_s=POLL_S)
    finally:
        await home.close()


if __name__ == "__main__":
    asyncio.run(_main())
