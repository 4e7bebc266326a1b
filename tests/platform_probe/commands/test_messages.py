"""`platform-probe messages` and `platform-probe incidents ack`: what they ask and say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_wire.contract.incident import ActionKind
from platform_probe.__main__ import main
from tests.helpers.json_receiver import json_receiver
from tests.helpers.served_messages import served_messages, slack_settings
from tests.helpers.slack_server import slack_server


async def typed(*arguments: str) -> Result:
    """Return what a command says, beside a server in this event loop."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(arguments))


def config_of(directory: Path, messages: dict[str, Any]) -> str:
    """Write settings with this section, and return their path."""
    path = directory / "probe.yaml"
    path.write_bytes(msgspec.json.encode({"messages": messages}, enc_hook=str))
    return str(path)


@pytest.mark.parametrize(
    ("language", "text", "printed"),
    [
        (
            "en",
            "This is a test of the messages of unlockpath: nothing is wrong",
            ("unlockpath at", "slack buttons: the signing secret is there", ": sent"),
        ),
        (
            "fr",
            "Ceci est un essai des messages d'unlockpath : tout va bien",
            ("unlockpath sur", "boutons de slack : le secret de signature est là", " : envoyé"),
        ),
    ],
)
async def test_a_test_message_goes_everywhere(
    tmp_path: Path, language: str, text: str, printed: tuple[str, str, str]
) -> None:
    """To each backend, says that it is one, and does so in the one language of the settings."""
    who, buttons, sent = printed
    async with slack_server() as slack, json_receiver() as receiver:
        values = slack_settings(tmp_path, slack, routes=[{"channel": "#support"}])
        key = tmp_path / "routing_key"
        key.write_text("key")
        duty = {"name": "duty", "url": receiver.url, "form": "pagerduty", "secret_file": key}
        values["webhooks"] = [{"name": "it", "url": receiver.url}, duty]
        values["alertmanager"] = {"urls": [receiver.url]}
        values["language"] = language
        result = await typed("messages", "test", "--config", config_of(tmp_path, values))
        assert result.exit_code == 0, result.output
        assert result.output.splitlines() == [
            f"slack{sent.split(':')[0]}: {who} https://fleet.slack.com/",
            buttons,
            f"slack #unlocks{sent}",
            f"slack #support{sent}",
            f"alertmanager {receiver.url}{sent}",
            f"webhook it{sent}",
            f"webhook duty{sent}",
        ]
        assert all(text in message.text for message in slack.messages)
        alerts, test, event = receiver.bodies
        assert (test["type"], test["title"]) == ("test", text)
        assert alerts[0]["annotations"]["summary"] == event["payload"]["summary"] == text


@pytest.mark.parametrize(
    ("token", "spoilt", "language", "said"),
    [
        (
            "xoxb-wrong", {}, "en",
            "slack: invalid_auth: the token is wrong. Copy the app's Bot User OAuth Token",
        ),
        (
            "", {"archived": {"C0UNLOCKS"}}, "en",
            "slack #unlocks: is_archived: the channel is archived. Name another one.",
        ),
        (
            "", {"archived": {"C0UNLOCKS"}}, "fr",
            "slack #unlocks : is_archived : le canal est archivé.",
        ),
        (
            "", {"uninvited": {"C0UNLOCKS"}}, "en",
            "slack #unlocks: not_in_channel: invite the app to the channel",
        ),
        (
            "", {"scopes": "channels:read"}, "en",
            "slack #unlocks: missing_scope: chat:write: channels:read: add the scope",
        ),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_with_its_cure(
    tmp_path: Path, token: str, spoilt: dict[str, Any], language: str, said: str
) -> None:
    """In a line each, in the language of the settings, and in the exit code; without a secret."""
    async with slack_server() as slack:
        values = slack_settings(tmp_path, slack) | {"language": language}
        if token:
            (tmp_path / "token").write_text(token)
        for name, value in spoilt.items():
            setattr(slack, name, value)
        result = await typed("messages", "test", "--config", config_of(tmp_path, values))
    assert result.exit_code == 1
    assert said in result.output
    assert "xoxb-wrong" not in result.output


async def test_people_act_by_commands(tmp_path: Path) -> None:
    """Acknowledge, mute, unmute, close: with who and why."""
    async with slack_server() as slack:
        values = slack_settings(tmp_path, slack)
        config = config_of(tmp_path, values)
        async with served_messages(tmp_path / "out", values, at_once=True) as served:
            url = served.client._base_url

            async def act(*words: str) -> Result:
                why = ["--reason", "works", "--by", "jo", "--config", config, "--monitor", url]
                return await typed("incidents", *words, *why)

            assert (await act("ack", "inc-1")).output == "inc-1: acknowledged by jo\n"
            assert (await act("mute", "inc-1", "--for", "60")).exit_code == 0
            assert (await act("unmute", "inc-1")).exit_code == 0
            assert (await act("close", "inc-1")).exit_code == 0
            assert [one.kind for one in served.acted] == list(ActionKind)
            assert served.acted[1].until == served.acted[1].at + 60
            gone = await act("ack", "inc-9")
            assert gone.exit_code == 2
            assert "No open incident has this id. It may be over." in gone.output
            (tmp_path / "actions").write_text("changed")
            other = tmp_path / "other"
            other.write_text("wrong")
            wrong = await act("ack", "inc-1", "--token-file", str(other))
            assert "The token is wrong" in wrong.output
    away = await act("ack", "inc-1")
    assert "No monitor answers at" in away.output
