"""The files of a Home Assistant that a run starts: its locks, its broker, and a token."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_sim.truth.clients.presses import plain_broker
from fleet_wire.links.link import BrokerAddress

TOPIC: Final = "saic/you@example.org/vehicles/{}/doors/locked"
TOKEN_S: Final = 86_400.0
PACKAGE: Final = "HOME_ASSISTANT_PACKAGE"
"""The variable that names a YAML file with more of the configuration."""


def write_configuration(directory: Path, vehicles: list[str], *, port: int) -> str:
    """Write what Home Assistant needs to start; return a token for its API."""
    broker = plain_broker()
    storage = directory / ".storage"
    storage.mkdir()
    configuration = {
        "homeassistant": {"name": "truth", "unit_system": "metric", "time_zone": "UTC"},
        "http": {"server_host": ["127.0.0.1"], "server_port": port},
        "api": None,
        "mqtt": {"lock": [_lock(car, number) for number, car in enumerate(vehicles)]},
    }
    _write_yaml(directory / "configuration.yaml", configuration)
    write_broker(storage, broker)
    key = secrets.token_hex(64)
    _store(storage, "auth", _accounts(key), minor_version=1)
    return _token("token", key)


def write_broker(storage: Path, broker: BrokerAddress) -> None:
    """Write the entry of a broker that Home Assistant's page would make."""
    own = {"username": broker.username, "password": broker.password}
    entry: dict[str, Any] = {
        **dict.fromkeys(("disabled_by", "unique_id")),
        **dict.fromkeys(("created_at", "modified_at"), "2025-01-01T00:00:00+00:00"),
        **dict.fromkeys(("pref_disable_new_entities", "pref_disable_polling"), False),
        "data": {
            "broker": broker.host,
            "port": broker.port,
            "discovery": False,
            **{key: value for key, value in own.items() if value is not None},
        },
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


def _write_yaml(path: Path, configuration: dict[str, Any]) -> None:
    """Write a configuration, with the package of the user. Exits where that cannot be read."""
    text = msgspec.json.encode(configuration).decode()  # it is YAML
    if package := os.environ.get(PACKAGE):
        if not os.access(package, os.R_OK):
            sys.exit(f"{PACKAGE}={package}: there is no such file, or it cannot be read")
        name = msgspec.json.encode(str(Path(package).resolve())).decode()
        before = '"homeassistant":{'
        text = text.replace(before, f'{before}"packages": {{"own": !include {name}}}, ', 1)
    path.write_text(text, "utf-8")


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
