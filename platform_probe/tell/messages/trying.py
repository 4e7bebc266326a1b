"""Tries every backend with a message that says it is a test, and says what is wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Final, NamedTuple

import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.incident import (
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.text import Text, Value
from fleet_wire.errors import ConfigError
from platform_probe.settings.messages import (
    AlertmanagerSettings,
    MessagesSettings,
    SlackSettings,
    WebhookSettings,
)
from platform_probe.tell.messages.alerts import ALERT_NAME, ALERTS_PATH
from platform_probe.tell.messages.delivery import Failure
from platform_probe.tell.messages.slack import (
    NEEDED_SCOPES,
    WANTED_SCOPES,
    SlackApi,
    TokenIdentity,
)
from platform_probe.tell.messages.slack_blocks import Content
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    DisplayPart,
    NotThere,
    SlackThread,
    Verb,
)
from platform_probe.tell.messages.to_urls import post_json, post_to_webhook
from platform_probe.tell.messages.webhook import Event, Post
from platform_probe.texts.catalogue import as_is, has_text
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import iso_of

TEST_ID: Final = "unlockpath-test"
TEST_S: Final = 60.0
"""A test alert ends by itself."""


class TryResult(NamedTuple):
    """The result of one try."""

    where: Text
    problem: Text | None
    """None: it works."""
    said: Text = Text(key="try.sent")


def a_test_incident(unix_s: float, speaker: Speaker) -> Incident:
    """Return an incident that says that it is none."""
    return Incident(
        incident_id=TEST_ID,
        revision=1,
        at=unix_s,
        kind=IncidentKind.MONITOR_BLIND,
        severity=Severity.NOTICE,
        state=IncidentState.OPEN,
        title=speaker.say(Text(key="post.test")),
        since=unix_s,
        opened_at=unix_s,
    )


async def try_all(settings: MessagesSettings) -> AsyncIterator[TryResult]:
    """Send a test to every backend, and yield the results."""
    speaker = Speaker(settings.language)
    incident = a_test_incident(time.time(), speaker)
    if settings.slack is not None:
        sent_by = Text(
            key="post.sent_by", values={"title": incident.title, "monitor": settings.monitor}
        )
        async for tried in _slack(settings.slack, speaker.say(sent_by), incident):
            yield tried
    if settings.alertmanager is not None:
        async for tried in _alertmanager(settings.alertmanager, incident):
            yield tried
    for hook in settings.webhooks:
        yield await _webhook(hook, settings.monitor, incident, speaker)


async def _slack(slack: SlackSettings, text: str, incident: Incident) -> AsyncIterator[TryResult]:
    api = SlackApi(token_file=slack.token_file, api_url=slack.api_url, timeout_s=slack.timeout_s)
    checked = await api.check()
    if isinstance(checked, Failure):
        yield TryResult(as_is("slack"), _problem_text(checked))
        return
    yield _identity_result(checked)
    if slack.signing_secret_file is not None:
        where = Text(key="try.buttons")
        try:
            read_secret(slack.signing_secret_file, name="signing_secret_file")
            yield TryResult(where, None, Text(key="try.signing_secret"))
        except ConfigError as error:
            yield TryResult(where, as_is(str(error)))
    content = Content(text, None)
    for channel in dict.fromkeys([slack.channel, *(route.channel for route in slack.routes)]):
        place = SlackThread(incident_id=TEST_ID, channel=channel)
        call = Call(Verb.POST, DisplayPart.MESSAGE, place, incident, "", TEST_ID)
        outcome = await api.post(call, content)
        problem = _problem_text(outcome) if isinstance(outcome, Failure) else None
        if isinstance(outcome, Deleted | NotThere):
            problem = Text(key="try.reply")
        yield TryResult(as_is(f"slack {channel}"), problem)


def _identity_result(identity: TokenIdentity) -> TryResult:
    """Return whose token it is, and which scopes it lacks."""
    lacking = [scope for scope in NEEDED_SCOPES if scope not in identity.scopes]
    wanted = [scope for scope in WANTED_SCOPES if scope not in identity.scopes]
    problem = Text(key="try.lacks_scope", values={"scope": lacking[0]}) if lacking else None
    its: dict[str, Value] = {"user": identity.user, "team": identity.team_url}
    said = Text(key="try.identity", values=its)
    if wanted:
        said = Text(key="try.identity_without", values=its | {"scopes": ", ".join(wanted)})
    return TryResult(as_is("slack"), problem, said)


async def _alertmanager(
    settings: AlertmanagerSettings, incident: Incident
) -> AsyncIterator[TryResult]:
    labels = {
        **settings.labels, "alertname": ALERT_NAME, "incident_id": TEST_ID,
        "kind": incident.kind.value, "severity": incident.severity.value,
    }  # fmt: skip
    alert = {
        "labels": labels,
        "annotations": {"summary": incident.title},
        "startsAt": iso_of(incident.at, UTC),
        "endsAt": iso_of(incident.at + TEST_S, UTC),
    }
    for url in settings.urls:
        failure = await post_json(
            url.rstrip("/") + ALERTS_PATH,
            msgspec.json.encode([alert]),
            timeout_s=settings.timeout_s,
        )
        yield TryResult(
            as_is(f"alertmanager {url}"), None if failure is None else _problem_text(failure)
        )


async def _webhook(
    hook: WebhookSettings, monitor: str, incident: Incident, speaker: Speaker
) -> TryResult:
    where = as_is(f"webhook {hook.name}")
    post = Post(Event.TEST, incident, f"{TEST_ID}.{incident.at:.0f}")
    try:
        failure = await post_to_webhook(
            hook, post, monitor=monitor, link=None, unix_s=incident.at, speaker=speaker
        )
    except (ConfigError, ValueError) as error:
        return TryResult(where, as_is(str(error)))
    return TryResult(where, None if failure is None else _problem_text(failure))


def _problem_text(failure: Failure) -> Text:
    """Return what is wrong, and what to do."""
    key = f"try.cure_{failure.detail.partition(':')[0]}"
    if not has_text(key):
        key = f"try.trouble_{failure.trouble}"
    return Text(key=key, values={"detail": failure.detail})
