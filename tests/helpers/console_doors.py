"""A console whose people sign in at a provider of OpenID Connect, with the provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet_sim.broker.process import free_port
from tests.helpers.consoles import Got, Visitor, looks_in, metric, served
from tests.helpers.oidc_provider import CLIENT, SECRET, OidcProvider, oidc_provider

ROLES: Final = {"helpdesk": "support", "sre": "oncall"}
"""The role of each group."""


@dataclass
class Door:
    """A console, its provider, and its audit log."""

    url: str
    provider: OidcProvider
    audit: Path

    def visitor(self) -> Visitor:
        """Return somebody who has not been here."""
        return Visitor(self.url)

    def reason(self) -> str:
        """Return why the last one was not let in."""
        line = looks_in(self.audit)[-1]
        assert line["action"] == "login_failed"
        return str(line["reason"])


@contextmanager
def a_door(
    store: Path, directory: Path, *, oidc: dict[str, Any] | None = None, **settings: Any
) -> Iterator[Door]:
    """Serve a console whose people sign in at a provider."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    secret = directory / "secret"
    secret.write_text(f"{SECRET}\n")
    with oidc_provider(f"{url}/login/return") as provider:
        chosen = {
            "issuer": provider.url,
            "client_id": CLIENT,
            "client_secret_file": str(secret),
            "roles": ROLES,
            **(oidc or {}),
        }
        more = {"listen": f"127.0.0.1:{port}", "public_url": url, "oidc": chosen, **settings}
        with served(store, directory / "audit.jsonl", **more):
            yield Door(url, provider, directory / "audit.jsonl")


def sent_back(door: Door, visitor: Visitor, path: str = "/login/begin") -> str:
    """Return the address at which the provider sends a visitor back to the console."""
    to_provider = visitor.get(path).location
    assert to_provider.startswith(door.provider.url)
    status, back = door.provider.answered("GET", to_provider, "", "")[:2]
    assert status == 302, back
    return str(back).removeprefix(door.url)


def signed_in(door: Door, visitor: Visitor | None = None) -> Got:
    """Return what somebody gets who signs in."""
    visitor = visitor or door.visitor()
    return visitor.get(sent_back(door, visitor))


def up(door: Door) -> float:
    """Return what the metric says of the provider."""
    return metric(door.visitor(), "unlockpath_console_provider_up")
