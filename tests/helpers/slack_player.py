"""Plays transcripts of the outbox: what incidents tell, and what Slack's channels get of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet_wire.contract.incident import Incident, Severity
from platform_probe.tell.messages.delivery import Failure, Trouble
from platform_probe.tell.messages.slack_blocks import Surroundings, content_of
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    DisplayPart,
    NotThere,
    Outcome,
    SlackThread,
    Verb,
)
from platform_probe.texts.speaking import Speaker
from tests.helpers.delivery_player import TellsIncidents
from tests.helpers.english import ENGLISH
from tests.helpers.slack_rules import mrkdwn_texts
from tests.helpers.transcripts import Player, matching
from tests.helpers.virtual_slack import VirtualSlack

ANSWERS: dict[str, Callable[[Call], Outcome | str | None]] = {
    "away": lambda _: Failure(Trouble.UNREACHABLE, "away"),
    "blind": lambda call: NotThere(is_certain=False) if call.verb is Verb.FIND else "lost",
    "unfound": lambda call: NotThere(is_certain=False) if call.verb is Verb.FIND else None,
    "picky": lambda call: (
        Failure(Trouble.CONTENT, "invalid_blocks")
        if call.place.incident_id == "odd" or not call.place.is_plain
        else None
    ),
    "deletes": lambda call: Deleted() if call.verb is Verb.EDIT else None,
    "loses": lambda call: "lost" if call.verb is Verb.POST else None,
    "slows_edits": lambda call: (
        Failure(Trouble.RATE, "ratelimited", 60.0) if call.verb is Verb.EDIT else None
    ),
    "there": lambda _: None,
}
"""What Slack answers; without one, it takes each call."""


AROUND = Surroundings(
    "monitor-1",
    ENGLISH,
    "https://console.example",
    has_buttons=True,
    link_of=lambda channel, ts: f"https://fleet.slack.com/archives/{channel}/p{ts}",
)


@dataclass
class SlackPlayer(Player):
    """An outbox and Slack, in virtual time.

    `new`, `tell`, `joined` and `old` are those of `TellsIncidents`. `shows NAME PART` shows what a
    message says.
    """

    slack: VirtualSlack = field(default_factory=VirtualSlack)
    edits: dict[str, int] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    posts: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        """Hand all incidents to the outbox."""
        self.incidents = TellsIncidents(self.slack.tell, lambda: self.slack.now.unix_s)

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        return {
            **super().verbs(),
            **self.incidents.verbs(),
            "restart": self.slack.restart,
        }

    def news(self) -> list[str]:
        """Return what channels and threads got since it was asked last, in its order."""
        slack, found = self.slack, []
        for message in slack.taken[self.posts :]:
            lines = f": {'; '.join(message.told)}" if message.told else ""
            withheld = f", withheld for {message.withheld}" if message.withheld else ""
            what = f"{message.part.value} of {_shown(message.incident)}{withheld}{lines}"
            found.append((message.at_s, what))
        for message in slack.taken:
            known = self.edits.get(message.marker, 0)
            for at_s, shown in message.edits[known:]:
                found.append((at_s, f"edit: {_shown(shown)}"))
            self.edits[message.marker] = len(message.edits)
        self.posts = len(slack.taken)
        told = [f"{at_s:.4g} s: {what}" for at_s, what in sorted(found, key=lambda one: one[0])]
        told += self.shown
        self.shown = []
        if slack.refused > self.refused:
            told.append(f"refused {slack.refused - self.refused} calls")
            self.refused = slack.refused
        return told

    def _do_shows(
        self,
        name: str,
        part: str = "message",
        lines: str = "",
        *,
        language: str = "en",
        **place: Any,
    ) -> None:
        """Show the lines of a message about the last revision, and the names of its buttons."""
        if "severity" in place:
            place["severity"] = Severity(place["severity"])
        there: dict[str, Any] = {"channel": "#unlocks", "channel_id": "C1"}
        is_home = place.pop("home", False)
        home = SlackThread(incident_id="inc-2", ts="2.0", **there) if is_home else None
        where = SlackThread(incident_id=name, ts="1.0", **there, **place)
        which, incident = DisplayPart(part), self.incidents.latest(name)
        verb = Verb.EDIT if which is DisplayPart.MESSAGE else Verb.POST
        call = Call(verb, which, where, incident, "#unlocks", "", incident.changes, home=home)
        said = content_of(call, AROUND._replace(speaker=Speaker(language)))
        blocks = said.blocks or []
        texts = mrkdwn_texts(blocks) if said.blocks else [said.text]
        self.shown += matching("\n".join(texts).splitlines(), lines)
        buttons = [each for one in blocks if one["type"] == "actions" for each in one["elements"]]
        if buttons and not lines:
            self.shown.append(f"buttons {', '.join(each['text']['text'] for each in buttons)}")

    def _do_run(self, seconds: float = math.inf) -> None:
        self.slack.run(seconds)

    def _do_slack(self, how: str) -> None:
        self.slack.answer = ANSWERS[how]

    def _do_jump(self, seconds: float) -> None:
        self.slack.jumped_s += seconds


def _shown(incident: Incident) -> str:
    """Return a revision in a few words."""
    state = "" if incident.ended_at is None else f", {incident.state.value}"
    muted = "" if incident.muted_until is None else ", muted"
    mode = "" if incident.mode else ", why is not known"
    return (
        f"{incident.incident_id} r{incident.revision} {incident.severity.value}{mode}{muted}{state}"
    )
