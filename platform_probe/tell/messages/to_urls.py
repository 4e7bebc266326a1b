"""Alertmanager and webhooks as backends: what their cores decide is posted as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fleet_wire.clock import Clock
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.incident import Incident
from fleet_wire.error_text import on_one_line, shortened
from fleet_wire.errors import ConfigError
from fleet_wire.web.client import NoAnswerError, post_once
from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.retry_after import retry_after_s
from platform_probe.settings.messages import (
    AlertmanagerSettings,
    MessagesSettings,
    WebhookSettings,
    checked_url,
)
from platform_probe.tell.messages.alerts import ALERTS_PATH, Alert, AlertsCore, Push
from platform_probe.tell.messages.delivery import CallResults, DeliveryKind, Failure, Trouble
from platform_probe.tell.messages.incident_text import console_link
from platform_probe.tell.messages.journal import Journal
from platform_probe.tell.messages.sending import Sending
from platform_probe.tell.messages.webhook import (
    PAGERDUTY_URL,
    Post,
    WebhookCore,
    WebhookState,
    body_of,
    pagerduty_body,
    signature_headers,
)

ALERT: Final = "alert"
MAX_DETAIL: Final = 200
_GOOD: Final = 300
_TOO_MANY: Final = 429
_TIMEOUT: Final = 408
_SERVER_ERROR: Final = 500
_OF_CONTENT: Final = (400, 413, 415, 422)
"""The body is at fault, and would be the next time too."""


async def post_json(
    url: str, body: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None
) -> Failure | None:
    """Post JSON, and return what went wrong; None: it was taken."""
    about = {"Content-Type": JSON, **(headers or {})}
    try:
        answer = await post_once(url, body, timeout_s=timeout_s, headers=about)
    except NoAnswerError as error:
        return Failure(Trouble.UNREACHABLE, _short(str(error)))
    except Exception as error:  # noqa: BLE001 - a defect must not keep the lane for ever
        return Failure(Trouble.BROKEN, _short(f"{type(error).__name__}: {error}"))
    return failure_of(answer)


def failure_of(answer: HttpResponse) -> Failure | None:
    """Return what an answer says went wrong; None: nothing."""
    status = answer.status
    if status < _GOOD:
        return None
    detail = _short(f"HTTP {status} {answer.body[:MAX_DETAIL].decode(errors='replace')}")
    if status in (_TOO_MANY, _TIMEOUT):
        return Failure(Trouble.RATE, detail, retry_after_s(answer.headers))
    if status >= _SERVER_ERROR:
        return Failure(Trouble.SERVER, detail, retry_after_s(answer.headers))
    return Failure(Trouble.CONTENT if status in _OF_CONTENT else Trouble.TOKEN, detail)


class ToAlertmanager:
    """Sends to every Alertmanager of a cluster."""

    name = "alertmanager"

    def __init__(
        self,
        settings: MessagesSettings,
        alertmanager: AlertmanagerSettings,
        *,
        journal: Journal,
        tell: CallResults,
        clock: Clock,
    ) -> None:
        self._settings = alertmanager
        self._journal = journal
        self._tell = tell
        self._clock = clock
        self._core = AlertsCore(
            urls=alertmanager.urls,
            repeat_s=alertmanager.repeat_s,
            keep=self._keep,
            labels={"monitor": settings.monitor, **alertmanager.labels},
            link_of=lambda incident: _link(settings, incident),
        )
        self._core.restore(journal.values(ALERT, Alert))
        self._sending = Sending(self._core, self._carry_out, clock, tell.not_kept)

    def start(self) -> None:
        """Begin to send. Call it in the event loop."""
        self._sending.start()

    def handle_incident(self, incident: Incident) -> None:
        """Handle a revision. Never blocks."""
        self._sending.handle_incident(incident)

    def forgets(self, incident_id: str) -> bool:  # noqa: ARG002 - as other backends
        """Agree: alerts that are over forget themselves."""
        return True

    def waiting(self) -> tuple[int, float]:
        """Return how many instances are behind, and by how many seconds the worst is."""
        return self._core.waiting(self._clock.monotonic_s())

    async def close(self, *, at_once: bool) -> None:
        """Send what is due, for a few seconds at most, and end."""
        await self._sending.close(at_once=at_once)

    def _keep(self, key: str, alert: Alert | None) -> None:
        if alert is None:
            self._journal.remove(ALERT, key)
        else:
            self._journal.write_entry(ALERT, key, alert)

    async def _carry_out(self, push: Push) -> None:
        url = push.url.rstrip("/") + ALERTS_PATH
        body = msgspec.json.encode(push.alerts)
        failure = await post_json(url, body, timeout_s=self._settings.timeout_s)
        self._core.done(push, failure, self._sending.moment())
        if failure is None:
            self._tell.on_sent(self.name, DeliveryKind.POST, url=push.url, alerts=len(push.alerts))
        else:
            self._tell.failed(self.name, failure, url=push.url)


class ToWebhook:
    """Posts to one webhook."""

    def __init__(
        self,
        settings: MessagesSettings,
        hook: WebhookSettings,
        *,
        journal: Journal,
        tell: CallResults,
        clock: Clock,
    ) -> None:
        self.name = f"webhook:{hook.name}"
        self._settings = settings
        self._hook = hook
        self._journal = journal
        self._tell = tell
        self._clock = clock
        self._core = WebhookCore(takes=hook.takes, keep=self._keep)
        self._core.restore(journal.values(self.name, WebhookState))
        self._sending = Sending(self._core, self._carry_out, clock, tell.not_kept)
        self._dropped = 0

    def start(self) -> None:
        """Begin to send. Call it in the event loop."""
        self._sending.start()

    def handle_incident(self, incident: Incident) -> None:
        """Handle a revision. Never blocks."""
        self._sending.handle_incident(incident)

    def forgets(self, incident_id: str) -> bool:
        """Forget an incident that is long over, unless something of it waits."""
        return self._core.forgets(incident_id)

    def waiting(self) -> tuple[int, float]:
        """Return how many posts wait, and for how long the oldest has, in seconds."""
        return self._core.waiting(self._clock.monotonic_s())

    async def close(self, *, at_once: bool) -> None:
        """Send what is due, for a few seconds at most, and end."""
        await self._sending.close(at_once=at_once)

    def _keep(self, incident_id: str, told: WebhookState | None) -> None:
        if told is None:
            self._journal.remove(self.name, incident_id)
        else:
            self._journal.write_entry(self.name, incident_id, told)

    async def _carry_out(self, post: Post) -> None:
        about: dict[str, Any] = {"incident_id": post.incident.incident_id, "part": post.event.value}
        try:
            failure = await post_to_webhook(
                self._hook,
                post,
                monitor=self._settings.monitor,
                link=_link(self._settings, post.incident),
                unix_s=self._clock.unix_s(),
            )
        except (ConfigError, ValueError) as error:
            failure = Failure(Trouble.TOKEN, _short(str(error)))
        self._core.done(post, failure, self._sending.moment())
        if failure is None:
            self._tell.on_sent(self.name, DeliveryKind.POST, **about)
        else:
            self._tell.failed(self.name, failure, **about)
        if self._core.dropped > self._dropped:
            detail = "too old" if failure is None else failure.detail
            self._tell.dropped(self.name, detail, **about)
            self._dropped = self._core.dropped


async def post_to_webhook(
    hook: WebhookSettings, post: Post, *, monitor: str, link: str | None, unix_s: float
) -> Failure | None:
    """Post, in the form that a webhook wants, and return what went wrong; None: it was taken.

    Raises `ConfigError`, `ValueError` for files that say nothing of use.
    """
    secret = None
    if hook.secret_file is not None:
        secret = read_secret(hook.secret_file, name="secret_file").strip()
    url = hook.url or PAGERDUTY_URL
    if hook.url_file is not None:
        url = checked_url(read_secret(hook.url_file, name="url_file").strip())
    headers: dict[str, str] = {}
    if hook.form == "pagerduty":
        body = pagerduty_body(post, routing_key=secret or "", monitor=monitor, link=link)
    else:
        body = body_of(post, monitor=monitor, link=link)
        if secret is not None:
            headers = signature_headers(secret, post.post_id, body, unix_s)
    return await post_json(url, body, timeout_s=hook.timeout_s, headers=headers)


def _link(settings: MessagesSettings, incident: Incident) -> str | None:
    if settings.console_url is None:
        return None
    return console_link(settings.console_url, incident.incident_id)


def _short(text: str) -> str:
    return shortened(on_one_line(text), MAX_DETAIL)
