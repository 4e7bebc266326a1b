"""Slack as a backend: the outbox decides, and Slack's API is called."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, assert_never

from fleet_wire.contract.text import Text, Value
from fleet_wire.error_text import shortened
from platform_probe.settings.messages import MessagesSettings, SlackSettings
from platform_probe.tell.messages.delivery import DeliveryKind, Failure, Trouble
from platform_probe.tell.messages.sending import Backend, BackendParts
from platform_probe.tell.messages.slack import SlackApi
from platform_probe.tell.messages.slack_blocks import (
    HISTORY_LETTERS,
    Surroundings,
    content_of,
    escaped,
)
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    NotThere,
    Outcome,
    Posted,
    SlackThread,
    Verb,
)
from platform_probe.tell.messages.slack_outbox import SlackOutbox
from platform_probe.tell.what_if import WhatIfPost, what_if_lines
from platform_probe.texts.catalogue import as_is

PLACE: Final = "slack"
LONGEST_WAIT_S: Final = 5.0
"""Somebody waits for a reply for ten seconds, see `posting.TIMEOUT_S`."""
NO_THREAD: Final = Text(key="slack.what_if_no_thread")


class ToSlack(Backend[Call]):
    """Sends to Slack."""

    def __init__(
        self,
        settings: MessagesSettings,
        slack: SlackSettings,
        parts: BackendParts,
    ) -> None:
        self.api = SlackApi(
            token_file=slack.token_file, api_url=slack.api_url, timeout_s=slack.timeout_s
        )
        self._outbox = SlackOutbox(
            channels_of=slack.channels_of,
            keep=partial(parts.journal.write_entry, PLACE),
            start_s=parts.clock.monotonic_s(),
            speaker=parts.speaker,
        )
        self._outbox.restore(parts.journal.values(PLACE, SlackThread))
        super().__init__("slack", self._outbox, parts)
        self._team_url = ""
        self._around = Surroundings(
            settings.monitor,
            parts.speaker,
            settings.console_url,
            has_buttons=slack.signing_secret_file is not None,
            link_of=self._link_of,
        )

    async def carry_out(self, call: Call) -> None:
        """Send a call, and pass its result to the outbox."""
        outcome: Outcome
        try:
            outcome = await self._call_slack(call)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not stop the lane
            outcome = Failure(Trouble.BROKEN, f"{type(error).__name__}: {error}")
        self._outbox.done(call, outcome, self.moment())
        place = call.place
        about = {
            "incident_id": place.incident_id,
            "channel": place.channel,
            "part": call.part.value,
        }
        if isinstance(outcome, Failure):
            self.results.failed(self.name, outcome, **about)
            if place.is_refused:
                self.results.dropped(self.name, outcome.detail, **about)
        elif isinstance(outcome, Deleted):
            self.results.dropped(self.name, "somebody has deleted the message", **about)
        elif isinstance(outcome, NotThere):
            if not outcome.is_certain:
                self.results.may_come_twice(self.name, **about)
        else:
            what = DeliveryKind.EDIT if call.verb is Verb.EDIT else DeliveryKind.POST
            self.results.on_sent(self.name, what, **about)

    async def post_what_if(self, asked: WhatIfPost) -> Text | None:
        """Post a what-if to the incident's threads; return why a post failed."""
        speaker = self._around.speaker
        threads = self._outbox.threads_of(asked.incident_id)
        if not threads:
            return NO_THREAD
        title = speaker.say(Text(key="slack.what_would_help"))
        lines = [f"*{title}* ({escaped(asked.by)})"]
        lines += map(escaped, what_if_lines(asked.result, speaker))
        text = shortened("\n".join(lines), HISTORY_LETTERS)
        problem = None
        for place in threads:
            outcome = await self._reply(place, text)
            if isinstance(outcome, Posted):
                self.results.on_sent(self.name, DeliveryKind.POST, incident_id=asked.incident_id)
            else:
                why = as_is(outcome.detail) if isinstance(outcome, Failure) else NO_THREAD
                its: dict[str, Value] = {"channel": place.channel, "problem": why}
                problem = Text(key="slack.what_if_not_posted", values=its)
        return problem

    async def _reply(self, place: SlackThread, text: str) -> Outcome:
        """Post a reply that somebody waits for; wait where Slack asks for a short while."""
        waited_s = 0.0
        while True:
            outcome = await self.api.reply(place, text)
            if not isinstance(outcome, Failure) or outcome.trouble is not Trouble.RATE:
                return outcome
            waited_s += outcome.retry_after_s or LONGEST_WAIT_S
            if waited_s > LONGEST_WAIT_S:
                return outcome
            await asyncio.sleep(outcome.retry_after_s or 0.0)

    async def _call_slack(self, call: Call) -> Outcome:
        match call.verb:
            case Verb.FIND:
                return await self.api.find(call)
            case Verb.EDIT:
                if call.home is not None:
                    await self._learn_team_url()
                return await self.api.edit(call, content_of(call, self._around))
            case Verb.POST:
                if call.place.ts:
                    await self._learn_team_url()
                return await self.api.post(call, content_of(call, self._around))
        assert_never(call.verb)

    async def _learn_team_url(self) -> None:
        if not self._team_url:
            checked = await self.api.check()
            self._team_url = "" if isinstance(checked, Failure) else checked.team_url

    def _link_of(self, channel_id: str, ts: str) -> str | None:
        """Return the link to a message: the form of `chat.getPermalink`."""
        if not self._team_url:
            return None
        return f"{self._team_url.rstrip('/')}/archives/{channel_id}/p{ts.replace('.', '')}"
