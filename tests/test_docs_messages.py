"""The pages about messages: settings, manifest, route, JSON and code are right, and the numbers."""

from __future__ import annotations

import asyncio
import json
import re
import runpy
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import jsonschema
import msgspec
import pytest

from fleet_wire.contract.incident import ActionKind
from fleet_wire.system_clock import SystemClock
from platform_probe.settings.messages import INTERACTIVITY_PATH
from platform_probe.settings.monitor import load_settings
from platform_probe.tell.messages.slack import NEEDED_SCOPES, WANTED_SCOPES
from platform_probe.tell.messages.webhook import Body, Event, schema, signature_headers
from tests.helpers.pages import EXAMPLES, page
from tests.helpers.served_messages import served_messages, slack_settings
from tests.helpers.shipped import output_of, yaml
from tests.helpers.slack_server import slack_server

TEXT = page("messages.md")
POSTS = page("messages-reference.md")


def test_the_unit_names_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables replace the files that the settings name."""
    text = (EXAMPLES / "systemd" / "slack_secrets.conf").read_text(encoding="utf-8")
    for name, value in re.findall(r"^Environment=(\w+)=(.*)$", text, re.MULTILINE):
        monkeypatch.setenv(name, value.replace("%d", "/run/credentials"))
    messages = load_settings(EXAMPLES / "settings" / "messages.yaml").messages
    assert messages is not None
    assert messages.slack is not None
    slack = messages.slack
    found = (slack.token_file, slack.signing_secret_file)
    given = re.findall(r"^LoadCredential=([^:]+):", text, re.MULTILINE)
    assert [str(path) for path in found] == [f"/run/credentials/{name}" for name in given]


async def test_a_press_that_is_signed_by_hand_is_taken(tmp_path: Path) -> None:
    """As the page signs it; with another secret it is answered 401."""
    press = (EXAMPLES / "programs" / "press_button.sh").read_text(encoding="utf-8")
    async with slack_server() as slack:
        values = slack_settings(tmp_path, slack)
        async with served_messages(tmp_path, values, at_once=True) as served:
            for secret, status in (("signing", b"200"), ("actions", b"401")):
                script = press.replace("http://127.0.0.1:9464", served.url)
                script = script.replace("/etc/unlockpath/slack.signing-secret", secret)
                shell = await asyncio.create_subprocess_exec(
                    "bash", "-euc", script.replace("INCIDENT", "inc-1"), cwd=tmp_path,
                    stdout=PIPE, stderr=DEVNULL,
                )  # fmt: skip
                said, _ = await shell.communicate()
                assert said.startswith(b"HTTP/1.1 " + status)
    (taken,) = served.acted
    assert (taken.kind, taken.by, taken.incident_id) == (ActionKind.ACKNOWLEDGE, "jo", "inc-1")


def test_the_manifest_grants_what_is_needed() -> None:
    """No scope less, none more; presses come to where they are taken."""
    manifest = yaml(EXAMPLES / "slack" / "manifest.yaml")
    assert manifest["oauth_config"]["scopes"]["bot"] == [*NEEDED_SCOPES, *WANTED_SCOPES]
    assert manifest["settings"]["interactivity"]["request_url"].endswith(INTERACTIVITY_PATH)


@pytest.mark.prometheus
def test_alertmanager_takes_the_route() -> None:
    """As amtool reads it; an incident of a network goes to its squad."""
    path = EXAMPLES / "alertmanager" / "incidents.yml"
    output_of("amtool", "check-config", path)
    labels = ("alertname=UnlockpathIncident", "party=network")
    routed = output_of("amtool", "config", "routes", "test", f"--config.file={path}", *labels)
    assert routed.strip() == "network-squad"


def test_the_json_is_what_is_posted() -> None:
    """The published schema takes it, and so do we; all types are named."""
    text = (EXAMPLES / "webhooks" / "worse.json").read_bytes()
    jsonschema.validate(json.loads(text), schema())
    assert msgspec.json.decode(text, type=Body).type is Event.WORSE
    named = set(re.findall(r"`(incident\.\w+|test)`", POSTS)) - {"incident.resolve"}
    assert named >= {event.value for event in Event}


def test_the_code_knows_a_genuine_post() -> None:
    """And one that is not."""
    names = runpy.run_path(str(EXAMPLES / "programs" / "verify_webhook.py"))
    body = b'{"id": "x"}'
    for secret in ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "plain"):
        headers = signature_headers(secret, "x", body, SystemClock().unix_s())
        assert names["is_genuine"](secret, headers, body)
        assert not names["is_genuine"](secret, headers, body + b" ")
        assert not names["is_genuine"]("other", headers, body)
        old = signature_headers(secret, "x", body, SystemClock().unix_s() - 301)
        assert not names["is_genuine"](secret, old, body)
