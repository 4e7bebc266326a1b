"""Tries every backend with a message that says it is a test, and says what is wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.incident import (
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from platform_probe.settings.messages import (
    AlertmanagerSettings,
    MessagesSettings,
    SlackSettings,
    WebhookSettings,
)
from platform_probe.tell.messages.alerts import ALERT_NAME, ALERTS_PATH
from platform_probe.tell.messages.delivery import Failure, Trouble
from platform_probe.tell.messages.incident_text import rfc3339
from platform_probe.tell.messages.slack import (
    NEEDED_SCOPES,
    WANTED_SCOPES,
    SlackApi,
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
from platform_probe.texts.speaking import ENGLISH, Speaker

TEST_ID: Final = "unlockpath-test"
TEST_S: Final = 60.0
"""A test alert ends by itself."""
_CURES: Final = {
    "invalid_auth": "the token is wrong: copy the Bot User OAuth Token of the app, xoxb-...",
    "not_authed": "the token's file is empty",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "the token was revoked: install the app again, and copy the new one",
    "token_expired": "turn token rotation off in the app, or renew the file",
    "not_allowed_token_type": "that is no bot token: copy the Bot User OAuth Token, xoxb-...",
    "missing_scope": "add the scope to the app, and install it again",
    "channel_not_found": "no such channel, or a private one: invite the app (/invite @unlockpath)",
    "not_in_channel": "invite the app to the channel: /invite @unlockpath",
    "is_archived": "the channel is archived: name another one",
    "restricted_action": "a workspace setting keeps apps from posting there: ask an administrator",
}


class TryResult(NamedTuple):
    """The result of one try."""

    where: str
    problem: str | None
    """None: it works."""
    said: str = "sent"


def a_test_incident(unix_s: float, speaker: Speaker = ENGLISH) -> Incident:
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
        yield TryResult("slack", _problem_text(checked))
        return
    lacking = [scope for scope in NEEDED_SCOPES if scope not in checked.scopes]
    wanted = [scope for scope in WANTED_SCOPES if scope not in checked.scopes]
    problem = f"the app lacks the scope {lacking[0]}" if lacking else None
    said = f"{checked.user} at {checked.team_url}"
    if wanted:
        said += f"; without {', '.join(wanted)} a post whose answer is lost may come twice"
    yield TryResult("slack", problem, said)
    if slack.signing_secret_file is not None:
        try:
            read_secret(slack.signing_secret_file, name="signing_secret_file")
            yield TryResult("slack buttons", None, "the signing secret is there")
        except ConfigError as error:
            yield TryResult("slack buttons", str(error))
    content = Content(text, None)
    for channel in dict.fromkeys([slack.channel, *(route.channel for route in slack.routes)]):
        place = SlackThread(incident_id=TEST_ID, channel=channel)
        call = Call(Verb.POST, DisplayPart.MESSAGE, place, incident, "", TEST_ID)
        outcome = await api.post(call, content)
        problem = _problem_text(outcome) if isinstance(outcome, Failure) else None
        if isinstance(outcome, Deleted | NotThere):
            problem = "Slack took it for a reply"
        yield TryResult(f"slack {channel}", problem)


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
        "startsAt": rfc3339(incident.at),
        "endsAt": rfc3339(incident.at + TEST_S),
    }
    for url in settings.urls:
        failure = await post_json(
            url.rstrip("/") + ALERTS_PATH,
            msgspec.json.encode([alert]),
            timeout_s=settings.timeout_s,
        )
        yield TryResult(f"alertmanager {url}", None if failure is None else _problem_text(failure))


async def _webhook(
    hook: WebhookSettings, monitor: str, incident: Incident, speaker: Speaker
) -> TryResult:
    post = Post(Event.TEST, incident, f"{TEST_ID}.{incident.at:.0f}")
    try:
        failure = await post_to_webhook(
            hook, post, monitor=monitor, link=None, unix_s=incident.at, speaker=speaker
        )
    except (ConfigError, ValueError) as error:
        return TryResult(f"webhook {hook.name}", str(error))
    return TryResult(f"webhook {hook.name}", None if failure is None else _problem_text(failure))


def _problem_text(failure: Failure) -> str:
    """Return what is wrong, and what to do."""
    first = failure.detail.partition(":")[0]
    cure = _CURES.get(first)
    if cure is not None:
        return f"{failure.detail}: {cure}"
    if failure.trouble is Trouble.TOKEN:
        return f"refused: {failure.detail}"
    return f"{failure.trouble}: {failure.detail}"
