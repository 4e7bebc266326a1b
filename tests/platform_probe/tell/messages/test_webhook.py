"""What a webhook gets, and when, in virtual time; its body, its schema and its signature."""

from __future__ import annotations

import base64
import hmac
import json

import jsonschema

from fleet_wire.contract.incident import ChangeKind
from platform_probe.tell.messages.alerts import annotations_of
from platform_probe.tell.messages.webhook import (
    Event,
    Post,
    body_of,
    pagerduty_body,
    schema,
    signature_headers,
)
from tests.helpers.english import ENGLISH, FRENCH
from tests.helpers.made_incidents import TITLE, acknowledged, made_incident, resolved, then


def test_a_body_is_what_its_schema_says() -> None:
    """The published one."""
    post = Post(Event.OPENED, acknowledged(made_incident()), "inc-1.2")
    body = json.loads(
        body_of(post, monitor="m", link="https://console.example/incident/inc-1", speaker=ENGLISH)
    )
    jsonschema.validate(body, schema())
    assert (body["id"], body["type"], body["incident"]["incident_id"]) == (
        "inc-1.2", "incident.opened", "inc-1",
    )  # fmt: skip
    assert body["timestamp"].startswith("2023-11-14T22:13:21")
    assert body["title"] == TITLE


def test_all_words_are_in_the_language_of_the_settings() -> None:
    """Of both forms; names that programs read stay as they are."""
    day_after = then(made_incident(), ChangeKind.GREW, after_s=86_400.0)
    post = Post(Event.UPDATED, day_after, "inc-1.2")
    body = json.loads(body_of(post, monitor="m", link=None, speaker=FRENCH))
    assert body["title"].endswith("depuis 22:12 le 14/11, 31 clients")
    assert "ouvertures en échec (" in body["counts"]
    assert " ; ailleurs 12 sur 900" in body["counts"]
    assert body["what"].startswith("le réseau mobile")
    assert "Qui agit :" in body["action"]
    assert (body["type"], body["incident"]["severity"]) == ("incident.updated", "warning")
    event = json.loads(
        pagerduty_body(post, routing_key="k", monitor="m", link="https://x.example", speaker=FRENCH)
    )
    assert event["payload"]["summary"] == body["title"]
    assert event["payload"]["custom_details"] == {
        key: body[key] for key in ("counts", "what", "action")
    }
    assert event["links"][0]["text"] == "Ouvrir dans la console"
    said = annotations_of(day_after, FRENCH)
    assert (said["summary"], said["description"]) == (body["title"], body["counts"])
    assert (said["action"], said["cause"]) == (body["action"], body["what"])
    assert said["hit"] == "31 clients et 29 voitures"


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """The example of its specification, with a secret of its form."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification
    headers = signature_headers(
        secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1_614_265_330.2
    )
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    plain = signature_headers("hello", "a", b"{}", 1.0)["webhook-signature"]
    signed = hmac.digest(b"hello", b"a.1.{}", "sha256")
    assert plain == f"v1,{base64.b64encode(signed).decode()}"


def test_pagerduty_gets_what_it_understands() -> None:
    """Trigger, acknowledge, resolve, under one key."""
    first = made_incident()
    for incident, action in (
        (first, "trigger"),
        (acknowledged(first), "acknowledge"),
        (resolved(acknowledged(first)), "resolve"),
    ):
        post = Post(Event.UPDATED, incident, "x")
        event = json.loads(
            pagerduty_body(post, routing_key="key", monitor="m", link=None, speaker=ENGLISH)
        )
        assert (event["event_action"], event["dedup_key"]) == (action, "inc-1")
        assert event["payload"]["severity"] == "warning"
