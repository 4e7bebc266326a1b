"""Webhooks over real sockets, and the real Alertmanager."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from platform_probe.tell.messages.webhook import signature_headers
from tests.helpers.json_receiver import json_receiver
from tests.helpers.made_incidents import acknowledged, made_incident, resolved, worse
from tests.helpers.served_messages import hurry, served_messages
from tests.helpers.stack import Api, Webhook, running_alertmanager, running_webhook, until_up
from tests.helpers.waiting import eventually


async def test_a_webhook_gets_signed_posts_and_retries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 500 and 429 again; what it refuses is told, with its name."""
    hurry(monkeypatch)
    (tmp_path / "secret").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n")
    async with json_receiver() as receiver:
        (tmp_path / "url").write_text(receiver.url + "\n")
        hook = {"name": "it", "url_file": tmp_path / "url", "secret_file": tmp_path / "secret"}
        receiver.statuses = [500, 429, 401]
        async with served_messages(tmp_path, {"webhooks": [hook]}, at_once=True) as served:
            served.tell(made_incident())
            await eventually(lambda: receiver.bodies)
            assert receiver.asked == 4
            for why in ("server", "rate", "token"):
                name = "messages_failed_total"
                assert served.value(name, backend="webhook:it", why=why) == 1
            headers = receiver.headers[0]
            expected = signature_headers(
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                headers["webhook-id"],
                receiver.raw[0],
                float(headers["webhook-timestamp"]),
            )
            assert headers["webhook-signature"] == expected["webhook-signature"]
            receiver.statuses = [400]
            served.tell(acknowledged(made_incident()))
            await eventually(lambda: served.events("message_dropped"))
            assert served.value("messages_waiting", backend="webhook:it") == 0


async def test_a_hook_that_is_slow_keeps_no_other_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one whose file says nothing of use."""
    hurry(monkeypatch)
    async with json_receiver() as receiver:
        hooks: list[dict[str, Any]] = [
            {"name": "none", "url_file": tmp_path / "missing"},
            {"name": "closed", "url": "http://127.0.0.1:9"},
            {"name": "good", "url": receiver.url},
        ]
        async with served_messages(tmp_path, {"webhooks": hooks}, at_once=True) as served:
            served.tell(made_incident())
            await eventually(lambda: receiver.bodies)
            await eventually(lambda: len(served.events("message_failed")) == 2)
            for name, why in (("none", "token"), ("closed", "unreachable")):
                labels = {"backend": f"webhook:{name}", "why": why}
                assert served.value("messages_trouble", **labels) == 1


@pytest.mark.prometheus
async def test_the_real_alertmanager_has_one_alert_for_an_incident(tmp_path: Path) -> None:
    """It opens, gets worse, and ends; who routes there gets a notification for each."""
    with running_webhook() as webhook, running_alertmanager(tmp_path, webhook) as api:
        await until_up(api, tmp_path / "alertmanager.log")
        settings = {"urls": [f"http://127.0.0.1:{api.port}"], "repeat_s": 1.0}
        values = {"alertmanager": settings}
        async with served_messages(tmp_path, values, at_once=True) as served:
            first = made_incident()
            served.tell(first)
            await eventually(lambda: severities(api) == ["warning"])
            served.tell(worse(first))
            await eventually(lambda: severities(api) == ["critical"])
            await eventually(lambda: len(notified(webhook)) == 2)
            assert notified(webhook)[0]["annotations"]["summary"] == first.title
            assert served.value("messages_failed_total", backend="alertmanager", why="content") == 0
            served.tell(resolved(worse(first)))
            await eventually(lambda: severities(api) == [])


def severities(api: Api) -> list[str]:
    """Return the severities of the alerts that go on."""
    return [one["labels"]["severity"] for one in api.get("/api/v2/alerts", active="true")]


def notified(webhook: Webhook) -> list[dict[str, Any]]:
    """Return the alerts that a receiver was told of, each once."""
    alerts = [one for message in webhook.messages for one in message.get("alerts", ())]
    return list({one["fingerprint"]: one for one in alerts}.values())
