"""Slack as a backend: the outbox decides, and Slack's API is called."""

from __future__ import annotations

from typing import Final, assert_never

from fleet_wire.clock import Clock
from fleet_wire.contract.incident import Incident
from platform_probe.settings.messages import MessagesSettings, SlackSettings
from platform_probe.tell.messages.delivery import CallResults, DeliveryKind, Failure, Trouble
from platform_probe.tell.messages.journal import Journal
from platform_probe.tell.messages.sending import Sending
from platform_probe.tell.messages.slack import SlackApi
from platform_probe.tell.messages.slack_blocks import Surroundings, content_of
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    Key,
    NotThere,
    Outcome,
    SlackThread,
    Verb,
)
from platform_probe.tell.messages.slack_outbox import SlackOutbox
from platform_probe.texts.speaking import Speaker, utc_clock

PLACE: Final = "slack"


class ToSlack:
    """Sends to Slack."""

    name = "slack"

    def __init__(
        self,
        settings: MessagesSettings,
        slack: SlackSettings,
        *,
        journal: Journal,
        tell: CallResults,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._tell = tell
        self._clock = clock
        self.api = SlackApi(
            token_file=slack.token_file, api_url=slack.api_url, timeout_s=slack.timeout_s
        )
        speaker = Speaker(slack.language, utc_clock)
        self._outbox = SlackOutbox(
            channels_of=slack.channels_of,
            keep=self._keep,
            start_s=clock.monotonic_s(),
            speaker=speaker,
        )
        self._outbox.restore(journal.values(PLACE, SlackThread))
        self._sending = Sending(self._outbox, self._carry_out, clock, tell.not_kept)
        self._team_url = ""
        self._around = Surroundings(
            settings.monitor,
            settings.console_url,
            slack.signing_secret_file is not None,
            speaker,
            self._link_of,
        )

    def start(self) -> None:
        """Begin to send. Call it in the event loop."""
        self._sending.start()

    def handle_incident(self, incident: Incident) -> None:
        """Handle a revision. Never blocks."""
        self._sending.handle_incident(incident)

    def forgets(self, incident_id: str) -> bool:
        """Forget an incident that is long over, unless something of it waits."""
        return self._outbox.forgets(incident_id)

    def waiting(self) -> tuple[int, float]:
        """Return how many messages wait, and for how long the oldest has, in seconds."""
        return self._outbox.waiting(self._clock.monotonic_s())

    async def close(self, *, at_once: bool) -> None:
        """Send what is due, for a few seconds at most, and end."""
        await self._sending.close(at_once=at_once)

    def _keep(self, key: Key, place: SlackThread | None) -> None:
        name = "/".join(key)
        if place is None:
            self._journal.remove(PLACE, name)
        else:
            self._journal.write_entry(PLACE, name, place)

    async def _carry_out(self, call: Call) -> None:
        outcome: Outcome
        try:
            outcome = await self._call_slack(call)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not stop the lane
            outcome = Failure(Trouble.BROKEN, f"{type(error).__name__}: {error}")
        self._outbox.done(call, outcome, self._sending.moment())
        place = call.place
        about = {
            "incident_id": place.incident_id,
            "channel": place.channel,
            "part": call.part.value,
        }
        if isinstance(outcome, Failure):
            self._tell.failed(self.name, outcome, **about)
            if place.is_refused:
                self._tell.dropped(self.name, outcome.detail, **about)
        elif isinstance(outcome, Deleted):
            self._tell.dropped(self.name, "somebody has deleted the message", **about)
        elif isinstance(outcome, NotThere):
            if not outcome.is_certain:
                self._tell.may_come_twice(self.name, **about)
        else:
            what = DeliveryKind.EDIT if call.verb is Verb.EDIT else DeliveryKind.POST
            self._tell.on_sent(self.name, what, **about)

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
