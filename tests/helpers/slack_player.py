"""Plays transcripts of the outbox: what incidents tell, and what Slack's channels get of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_wire.contract.incident import ChangeKind, Incident, Severity
from platform_probe.tell.messages.delivery import Failure, Trouble
from platform_probe.tell.messages.slack_calls import Call, Deleted, Outcome, Verb
from tests.helpers import made_incidents
from tests.helpers.virtual_slack import VirtualSlack

STEPS: dict[str, Callable[..., Incident]] = {
    **{
        name: getattr(made_incidents, name)
        for name in (
            "acknowledged",
            "closed",
            "grown",
            "muted",
            "named",
            "reopened",
            "resolved",
            "worse",
        )
    },
    "freed": lambda before, **more: made_incidents.then(
        before, ChangeKind.UNMUTED, maintenance=None, **more
    ),
    "unseen": lambda before, **more: made_incidents.then(
        before, ChangeKind.UNSEEN, ended_at=before.at, **more
    ),
    "seen": lambda before, **more: made_incidents.then(
        before, ChangeKind.SEEN_AGAIN, ended_at=None, **more
    ),
}
"""What can become of an incident."""
ANSWERS: dict[str, Callable[[Call], Outcome | str | None]] = {
    "away": lambda _: Failure(Trouble.UNREACHABLE, "away"),
    "deletes": lambda call: Deleted() if call.verb is Verb.EDIT else None,
    "loses": lambda call: "lost" if call.verb is Verb.POST else None,
    "slows_edits": lambda call: (
        Failure(Trouble.RATE, "ratelimited", 60.0) if call.verb is Verb.EDIT else None
    ),
    "there": lambda _: None,
}
"""What Slack answers; without one, it takes each call."""


@dataclass
class SlackPlayer:
    """An outbox and Slack, in virtual time.

    `new NAME` finds an incident and tells it, `tell NAME STEP...` tells the last of these revisions
    alone, and `old NAME REVISION` tells an older one again.
    """

    slack: VirtualSlack = field(default_factory=VirtualSlack)
    revisions: dict[str, list[Incident]] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)
    posts: int = 0
    refused: int = 0

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        slack = self.slack
        return {
            "joined": self._joined,
            "jump": self._jump,
            "new": self._new,
            "old": lambda name, number: slack.tell(self.revisions[name][number - 1]),
            "restart": slack.restart,
            "run": self._run,
            "slack": self._answers,
            "tell": self._tell,
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
        if slack.refused > self.refused:
            told.append(f"refused {slack.refused - self.refused} calls")
            self.refused = slack.refused
        return told

    def _new(self, name: str, *, is_unnamed: bool = False, **fields: Any) -> None:
        if "severity" in fields:
            fields["severity"] = Severity(fields["severity"])
        make = made_incidents.unnamed if is_unnamed else made_incidents.made_incident
        self._told(make(incident_id=name, at=self.slack.now.unix_s, **fields))

    def _tell(self, name: str, *steps: str, **options: Any) -> None:
        if "severity" in options:
            options["severity"] = Severity(options["severity"])
        incident = self.revisions[name][-1]
        for number, step in enumerate(steps, start=1):
            incident = STEPS[step](incident, **(options if number == len(steps) else {}))
            self.revisions[name].append(incident)
        self._told(incident)

    def _joined(self, name: str, home: str) -> None:
        self._told(made_incidents.joined(self.revisions[name][-1], self.revisions[home][-1]))

    def _told(self, incident: Incident) -> None:
        known = self.revisions.setdefault(incident.incident_id, [])
        if not known or known[-1] is not incident:
            known.append(incident)
        self.slack.tell(msgspec.structs.replace(incident))

    def _run(self, seconds: float = math.inf) -> None:
        self.slack.run(seconds)

    def _answers(self, how: str) -> None:
        self.slack.answer = ANSWERS[how]

    def _jump(self, seconds: float) -> None:
        self.slack.jumped_s += seconds


def _shown(incident: Incident) -> str:
    """Return a revision in a few words."""
    state = "" if incident.ended_at is None else f", {incident.state.value}"
    muted = "" if incident.muted_until is None else ", muted"
    mode = "" if incident.mode else ", why is not known"
    return (
        f"{incident.incident_id} r{incident.revision} {incident.severity.value}{mode}{muted}{state}"
    )
