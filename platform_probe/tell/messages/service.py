"""The messages of a monitor: every revision of an incident, to every backend that is set.

`tell` never blocks and never raises: it puts the revision on disk and wakes who sends. What is on
disk is sent after a restart too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, Final

from fleet_wire.clock import Clock
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.incident import Incident
from fleet_wire.contract.text import Text
from fleet_wire.web.exchange import HttpRequest, HttpResponse
from platform_probe.outputs.logs import Logger
from platform_probe.settings.messages import (
    ACTIONS_PATH,
    INTERACTIVITY_PATH,
    LABELS_PATH,
    WHAT_IFS_PATH,
    MessagesSettings,
)
from platform_probe.tell.messages.asking import (
    Act,
    Actions,
    Buttons,
    KeepLabel,
    PostWhatIf,
    SayTo,
)
from platform_probe.tell.messages.incident_text import has_ended
from platform_probe.tell.messages.journal import Journal
from platform_probe.tell.messages.metrics import CallResults, MessageMetrics
from platform_probe.tell.messages.sending import Backend, BackendParts
from platform_probe.tell.messages.to_slack import ToSlack
from platform_probe.tell.messages.to_urls import ToAlertmanager, ToWebhook
from platform_probe.tell.what_if import WhatIfPost
from platform_probe.texts.speaking import Speaker

JOURNAL_FILE: Final = "messages.jsonl"
INCIDENT: Final = "incident"
KEPT_S: Final = 86_400.0
"""An incident that is over is remembered for a day, should it come back [E]."""
FORGET_EVERY_S: Final = 600.0

Page = Callable[[HttpRequest], Awaitable[HttpResponse]]


class Messages:
    """Sends messages about incidents; handles requests by their buttons."""

    def __init__(
        self,
        settings: MessagesSettings,
        *,
        directory: Path,
        metrics: MessageMetrics,
        logger: Logger,
        clock: Clock,
        zone: tzinfo = UTC,
    ) -> None:
        """Read what was sent before. Raises `OSError` where the disk does not allow it."""
        self._settings = settings
        self._speaker = Speaker(settings.language, zone)
        self._metrics = metrics
        self._clock = clock
        self._results = CallResults(metrics, logger, clock)
        self._journal = Journal(directory / JOURNAL_FILE, self._results.not_kept)
        self._incidents: dict[str, Incident] = self._journal.values(INCIDENT, Incident)
        if self._journal.unreadable:
            self._results.complain("messages_unreadable", "journal", lines=self._journal.unreadable)
        self._say_to: SayTo | None = None
        self._post_what_if: PostWhatIf = _no_slack
        self._backends = self._make_backends()
        for incident in self._incidents.values():
            for backend in self._backends:
                backend.handle_incident(incident)
        self._old: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send. Call it in the event loop."""
        for backend in self._backends:
            backend.start()
        self._old = asyncio.ensure_future(self._forget_old())

    def send_incident(self, incident: Incident) -> None:
        """Send a revision of an incident. Never blocks, never raises."""
        before = self._incidents.get(incident.incident_id)
        if before is not None and before.revision >= incident.revision:
            return  # a monitor that starts again tells what it knows
        self._incidents[incident.incident_id] = incident
        self._journal.write_entry(INCIDENT, incident.incident_id, incident)
        for backend in self._backends:
            try:
                backend.handle_incident(incident)
            except Exception as error:  # noqa: BLE001 - whoever finds incidents goes on
                self._results.not_kept(error)

    def pages(self, act: Act, keep_label: KeepLabel) -> dict[str, Page]:
        """Return what answers, by path, to requests about an incident, and to labels."""
        pages: dict[str, Page] = {}
        count = self._metrics.count_asked
        slack, token_file = self._settings.slack, self._settings.actions_token_file
        if slack is not None and slack.signing_secret_file is not None and self._say_to is not None:
            secret = partial(read_secret, slack.signing_secret_file, name="signing_secret_file")
            buttons = Buttons(
                secret=secret, act=act, count=count, say_to=self._say_to,
                complain=self._results.complain, clock=self._clock,
                speaker=self._speaker,
            )  # fmt: skip
            pages[INTERACTIVITY_PATH] = buttons.answer
        if token_file is not None:
            token = partial(read_secret, token_file, name="actions_token_file")
            actions = Actions(
                token=token, act=act, keep_label=keep_label, post_what_if=self._post_what_if,
                count=count, clock=self._clock, speaker=self._speaker,
            )  # fmt: skip
            paths = (ACTIONS_PATH, LABELS_PATH, WHAT_IFS_PATH)
            pages |= dict.fromkeys(paths, actions.answer)
        return pages

    def refresh_gauges(self) -> None:
        """Bring the gauges up to date, before they are read."""
        for backend in self._backends:
            self._metrics.set_waiting(backend.name, *backend.waiting())

    async def close(self, *, at_once: bool = False) -> None:
        """Send what is due, for a few seconds at most, and end. The rest waits on disk."""
        if self._old is not None:
            self._old.cancel()
        await asyncio.gather(*(each.close(at_once=at_once) for each in self._backends))
        self._journal.close()

    def _make_backends(self) -> list[Backend[Any]]:
        settings = self._settings
        parts = BackendParts(self._journal, self._results, self._clock, self._speaker)
        made: list[Backend[Any]] = []
        if settings.slack is not None:
            to_slack = ToSlack(settings, settings.slack, parts)
            self._say_to = to_slack.api.say_to
            self._post_what_if = to_slack.post_what_if
            made.append(to_slack)
        if settings.alertmanager is not None:
            made.append(ToAlertmanager(settings, settings.alertmanager, parts))
        made += [ToWebhook(settings, hook, parts) for hook in settings.webhooks]
        return made

    async def _forget_old(self) -> None:
        while True:
            await asyncio.sleep(FORGET_EVERY_S)
            now_s = self._clock.unix_s()
            for incident in list(self._incidents.values()):
                ended_s = incident.ended_at or incident.at
                if not has_ended(incident) or now_s - ended_s < KEPT_S:
                    continue
                if all(each.forgets(incident.incident_id) for each in self._backends):
                    del self._incidents[incident.incident_id]
                    self._journal.write_entry(INCIDENT, incident.incident_id, None)


async def _no_slack(_: WhatIfPost) -> Text | None:
    """Return why there is no thread to post to."""
    return Text(key="slack.what_if_no_slack")
