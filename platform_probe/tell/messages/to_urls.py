"""Alertmanager and webhooks as backends: what their cores decide is posted as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from fleet_wire.config.secrets import read_secret
from fleet_wire.errors import ConfigError
from fleet_wire.web.client import NoAnswerError, post_once
from fleet_wire.web.exchange import JSON, HttpResponse
from fleet_wire.web.retry_after import retry_after_s
from platform_probe.settings.messages import (
    AlertmanagerSettings,
    MessagesSettings,
    WebhookSettings,
)
from platform_probe.settings.section import checked_url
from platform_probe.tell.messages.alerts import ALERTS_PATH, Alert, AlertsCore, Push
from platform_probe.tell.messages.delivery import (
    MAX_DETAIL,
    DeliveryKind,
    Failure,
    Trouble,
    short_detail,
)
from platform_probe.tell.messages.incident_text import console_link
from platform_probe.tell.messages.sending import Backend, BackendParts
from platform_probe.tell.messages.webhook import (
    PAGERDUTY_URL,
    Post,
    WebhookCore,
    WebhookState,
    body_of,
    pagerduty_body,
    signature_headers,
)
from platform_probe.texts.speaking import Speaker

ALERT: Final = "alert"
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
        return Failure(Trouble.UNREACHABLE, short_detail(str(error)))
    except Exception as error:  # noqa: BLE001 - a defect must not keep the lane for ever
        return Failure(Trouble.BROKEN, short_detail(error))
    return failure_of(answer)


def failure_of(answer: HttpResponse) -> Failure | None:
    """Return what an answer says went wrong; None: nothing."""
    status = answer.status
    if status < _GOOD:
        return None
    detail = short_detail(f"HTTP {status} {answer.body[:MAX_DETAIL].decode(errors='replace')}")
    if status in (_TOO_MANY, _TIMEOUT):
        return Failure(Trouble.RATE, detail, retry_after_s(answer.headers))
    if status >= _SERVER_ERROR:
        return Failure(Trouble.SERVER, detail, retry_after_s(answer.headers))
    return Failure(Trouble.CONTENT if status in _OF_CONTENT else Trouble.TOKEN, detail)


class ToAlertmanager(Backend[Push]):
    """Sends to every Alertmanager of a cluster."""

    def __init__(
        self,
        settings: MessagesSettings,
        alertmanager: AlertmanagerSettings,
        parts: BackendParts,
    ) -> None:
        self._timeout_s = alertmanager.timeout_s
        self._alerts = AlertsCore(
            urls=alertmanager.urls,
            repeat_s=alertmanager.repeat_s,
            keep=partial(parts.journal.write_entry, ALERT),
            labels={"monitor": settings.monitor, **alertmanager.labels},
            link_of=partial(_link, settings),
            speaker=parts.speaker,
        )
        self._alerts.restore(parts.journal.values(ALERT, Alert))
        super().__init__("alertmanager", self._alerts, parts)

    async def carry_out(self, push: Push) -> None:
        """Send alerts to one instance, and pass the result to the core."""
        url = push.url.rstrip("/") + ALERTS_PATH
        body = msgspec.json.encode(push.alerts)
        failure = await post_json(url, body, timeout_s=self._timeout_s)
        self._alerts.done(push, failure, self.moment())
        if failure is None:
            self.results.on_sent(
                self.name, DeliveryKind.POST, url=push.url, alerts=len(push.alerts)
            )
        else:
            self.results.failed(self.name, failure, url=push.url)


class ToWebhook(Backend[Post]):
    """Posts to one webhook."""

    def __init__(
        self,
        settings: MessagesSettings,
        hook: WebhookSettings,
        parts: BackendParts,
    ) -> None:
        name = f"webhook:{hook.name}"
        self._settings = settings
        self._speaker = parts.speaker
        self._hook = hook
        self._posts = WebhookCore(takes=hook.takes, keep=partial(parts.journal.write_entry, name))
        self._posts.restore(parts.journal.values(name, WebhookState))
        super().__init__(name, self._posts, parts)
        self._dropped = 0

    async def carry_out(self, post: Post) -> None:
        """Post, and pass the result to the core."""
        about: dict[str, Any] = {"incident_id": post.incident.incident_id, "part": post.event.value}
        try:
            failure = await post_to_webhook(
                self._hook,
                post,
                monitor=self._settings.monitor,
                link=_link(self._settings, post.incident.incident_id),
                unix_s=self.clock.unix_s(),
                speaker=self._speaker,
            )
        except (ConfigError, ValueError) as error:
            failure = Failure(Trouble.TOKEN, short_detail(str(error)))
        self._posts.done(post, failure, self.moment())
        if failure is None:
            self.results.on_sent(self.name, DeliveryKind.POST, **about)
        else:
            self.results.failed(self.name, failure, **about)
        if self._posts.dropped > self._dropped:
            detail = "too old" if failure is None else failure.detail
            self.results.dropped(self.name, detail, **about)
            self._dropped = self._posts.dropped


async def post_to_webhook(
    hook: WebhookSettings,
    post: Post,
    *,
    monitor: str,
    link: str | None,
    unix_s: float,
    speaker: Speaker,
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
        body = pagerduty_body(
            post, routing_key=secret or "", monitor=monitor, link=link, speaker=speaker
        )
    else:
        body = body_of(post, monitor=monitor, link=link, speaker=speaker)
        if secret is not None:
            headers = signature_headers(secret, post.post_id, body, unix_s)
    return await post_json(url, body, timeout_s=hook.timeout_s, headers=headers)


def _link(settings: MessagesSettings, incident_id: str) -> str | None:
    url = settings.console_url
    return None if url is None else console_link(url, incident_id)
