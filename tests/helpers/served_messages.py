"""Messages in this process, with backends on ports of this machine, and pages to ask for things."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from fleet_wire.contract.incident import Incident, IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.system_clock import SystemClock
from fleet_wire.web.client import HttpClient
from fleet_wire.web.exchange import HttpResponse
from platform_probe.settings.messages import MessagesSettings
from platform_probe.tell.messages import (
    alerts,
    delivery,
    slack_outbox,
    webhook,
)
from platform_probe.tell.messages.metrics import MessageMetrics
from platform_probe.tell.messages.service import Messages
from platform_probe.web.server import ProbePages
from tests.helpers.log_lines import Log
from tests.helpers.slack_server import TOKEN, SlackServer

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105 - the example of Slack's documentation
ACTIONS_TOKEN = "let-me"  # noqa: S105 - of nobody
SPEED = 10.0
"""Seconds of pace are tenths here."""


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all that is paced in seconds be paced in tenths of them."""
    for module, names in (
        (
            slack_outbox,
            (
                "POST_EVERY_S",
                "EDIT_EVERY_S",
                "SAME_EDIT_EVERY_S",
                "HISTORY_EVERY_S",
                "LOOKED_AT_S",
            ),
        ),
        (delivery, ("FIRST_RETRY_S",)),
        (alerts, ("GROWTH_S",)),
        (webhook, ("GROWTH_EVERY_S",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name) / SPEED)
    monkeypatch.setattr(delivery, "FIXED_RETRY_S", 0.3)


class ServedMessages:
    """The messages of one monitor."""

    def __init__(self, directory: Path, values: dict[str, Any]) -> None:
        self.registry = CollectorRegistry()
        self.log = Log("debug", SystemClock())
        self.acted: list[IncidentAction] = []
        self.labels: list[Label] = []
        self.keeps_labels = True
        """Whether there is a store."""
        self.known = {"inc-1"}
        """Incidents to which something can be done."""
        settings = MessagesSettings(**values)
        self.messages = Messages(
            settings,
            directory=directory,
            metrics=MessageMetrics(self.registry, settings.backends),
            logger=self.log.logger,
            clock=SystemClock(),
        )
        self.url = ""
        self._presses = count()
        self.client: HttpClient

    def act(self, action: IncidentAction) -> bool:
        """Do what is asked for."""
        self.acted.append(action)
        return action.incident_id in self.known

    def keep_label(self, label: Label) -> bool:
        """Keep a label, where there is a store."""
        if self.keeps_labels:
            self.labels.append(label)
        return self.keeps_labels

    def tell(self, *incidents: Incident) -> None:
        """Tell of incidents."""
        for incident in incidents:
            self.messages.send_incident(incident)

    def value(self, name: str, **labels: str) -> float | None:
        """Return a metric's value."""
        self.messages.refresh_gauges()
        return self.registry.get_sample_value(f"unlockpath_{name}", labels)

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return lines of the log."""
        return [line for line in self.log.lines if line["event"] == name]

    async def press(
        self,
        action_id: str,
        value: str = "inc-1",
        *,
        at: float | None = None,
        secret: str = SECRET,
        response_url: str = "",
    ) -> HttpResponse:
        """Press a button, as Slack tells of it."""
        payload = {
            "type": "block_actions",
            "user": {"id": "U1", "username": "jo"},
            "actions": [{"action_id": action_id, "value": value, "type": "button"}],
            "response_url": response_url,
            "trigger_id": str(next(self._presses)),
        }
        body = urlencode({"payload": msgspec.json.encode(payload).decode()}).encode()
        return await self.post_signed(body, at=at, secret=secret)

    async def post_signed(
        self, body: bytes, *, at: float | None = None, secret: str = SECRET
    ) -> HttpResponse:
        """Post something that Slack has signed."""
        return await self.post(
            "/slack/interactivity", body, self.signed(body, at=at, secret=secret)
        )

    def signed(
        self, body: bytes, *, at: float | None = None, secret: str = SECRET
    ) -> dict[str, str]:
        """Return the headers of something that Slack has signed."""
        stamp = f"{SystemClock().unix_s() if at is None else at:.0f}"
        signed = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signed.hexdigest()}",
        }

    async def post(self, path: str, body: bytes, headers: dict[str, str]) -> HttpResponse:
        """Post something."""
        return await self.client.request("POST", path, timeout_s=10, headers=headers, body=body)


def slack_settings(directory: Path, slack: SlackServer, **values: Any) -> dict[str, Any]:
    """Return settings for a local Slack, with secrets in files."""
    directory.mkdir(exist_ok=True)
    for name, secret in (("token", TOKEN), ("signing", SECRET), ("actions", ACTIONS_TOKEN)):
        path = directory / name
        if not path.exists():
            path.write_text(secret + "\n", encoding="utf-8")
    return {
        "console_url": "https://console.example",
        "actions_token_file": directory / "actions",
        "slack": {
            "token_file": directory / "token",
            "signing_secret_file": directory / "signing",
            "channel": "#unlocks",
            "api_url": slack.url,
            "timeout_s": 2,
            **values,
        },
    }


@asynccontextmanager
async def served_messages(
    directory: Path, values: dict[str, Any], *, at_once: bool = False
) -> AsyncIterator[ServedMessages]:
    """Run messages until the block ends."""
    served = ServedMessages(directory, values)
    pages = ProbePages(
        metrics=lambda _: (iter(()), ""),
        not_ready=lambda: None,
        posts=served.messages.pages(served.act, served.keep_label),
        max_body_bytes=262_144,
    )
    server = pages.server()
    port = await server.start("127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{port}"
    served.client = HttpClient(served.url)
    served.messages.start()
    try:
        yield served
    finally:
        await served.messages.close(at_once=at_once)
        await served.client.close()
        await server.stop()
