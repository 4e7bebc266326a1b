"""Slack in virtual time: takes what an outbox sends, keeps Slack's limits, fails on demand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fleet_wire.contract.incident import Incident
from platform_probe.tell.messages.delivery import Failure, Moment, Trouble
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    DisplayPart,
    NotThere,
    Outcome,
    Posted,
    SlackThread,
    Verb,
)
from platform_probe.tell.messages.slack_outbox import SlackOutbox
from tests.helpers.english import ENGLISH
from tests.helpers.fake_clock import EPOCH_S

ANSWER_S = 0.1
"""A call takes so long."""


@dataclass
class Taken:
    """A message in a channel."""

    at_s: float
    channel: str
    part: DisplayPart
    incident: Incident
    marker: str
    ts: str
    edits: list[tuple[float, Incident]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    withheld: str = ""

    @property
    def shows(self) -> Incident:
        """The revision that it shows now."""
        return self.edits[-1][1] if self.edits else self.incident


class VirtualSlack:
    """Runs an outbox until nothing is left to do, or until a time."""

    def __init__(self, *, channels: Callable[[Incident], tuple[str, ...]] | None = None) -> None:
        self.s = 100.0
        self.jumped_s = 0.0
        """How far the wall clock has jumped ahead."""
        self.channels = channels or (lambda _: ("#unlocks",))
        self.kept: dict[str, bytes] = {}
        self.incidents: dict[str, Incident] = {}
        self.outbox = self._new()
        self.taken: list[Taken] = []
        self.edits_s: list[float] = []
        self.refused = 0
        """Calls that Slack answered with 429."""
        self.answer: Callable[[Call], Outcome | str | None] = lambda _: None
        """What happens to a call: an outcome, "lost" (taken, no answer), or None: it is taken."""
        self._under_way: list[tuple[float, Call, Outcome]] = []

    def _new(self) -> SlackOutbox:
        return SlackOutbox(
            channels_of=self.channels, keep=self._keep, start_s=self.s, speaker=ENGLISH
        )

    def _keep(self, key: str, place: SlackThread | None) -> None:
        if place is None:
            del self.kept[key]
        else:
            self.kept[key] = msgspec.json.encode(place)

    @property
    def now(self) -> Moment:
        """The time on both clocks."""
        return Moment(self.s, EPOCH_S + self.s + self.jumped_s)

    @property
    def posts(self) -> list[DisplayPart]:
        """What the channels have, in order; replies in threads that no channel shows left out."""
        return [one.part for one in self.taken if one.part is not DisplayPart.HISTORY]

    def tell(self, incident: Incident) -> None:
        """Hand a revision to the outbox."""
        self.incidents[incident.incident_id] = incident
        self.outbox.handle_incident(incident, self.now)

    def restart(self) -> None:
        """Kill the process: what is under way arrives or not, and nobody hears of it."""
        self._under_way = []
        self.outbox = self._new()
        places = {k: msgspec.json.decode(v, type=SlackThread) for k, v in self.kept.items()}
        self.outbox.restore(places)
        for incident in self.incidents.values():
            self.outbox.handle_incident(incident, self.now)

    def run(self, for_s: float = math.inf) -> None:
        """Let time pass."""
        until_s = self.s + for_s
        for _ in range(1_000_000):
            while (call := self.outbox.next(self.now)) is not None:
                # The core goes on with the place: what was asked for is what it was then.
                self._under_way.append((self.s + ANSWER_S, call, self._asked(call)))
            ends_s = min((one[0] for one in self._under_way), default=math.inf)
            next_s = min(ends_s, max(self.outbox.next_s(), self.s + 1e-6))
            if next_s > until_s or math.isinf(next_s):
                break
            self.s = next_s
            for one in [each for each in self._under_way if each[0] <= self.s]:
                self._under_way.remove(one)
                self.outbox.done(one[1], one[2], self.now)
        if not math.isinf(for_s):
            self.s = until_s

    def _asked(self, call: Call) -> Outcome:
        said = self.answer(call)
        if isinstance(said, Failure | NotThere | Deleted | Posted):
            return said
        outcome = {Verb.POST: self._posted, Verb.EDIT: self._edited, Verb.FIND: self._found}[
            call.verb
        ](call)
        return Failure(Trouble.BROKEN, "half an answer") if said == "lost" else outcome

    def _posted(self, call: Call) -> Outcome:
        channel = call.place.channel
        recent = [one.at_s for one in self.taken if one.channel == channel]
        if recent and self.s - max(recent) < 1.0:
            self.refused += 1
            return Failure(Trouble.RATE, "ratelimited", 30.0)
        ts = f"{self.s:.0f}.{len(self.taken):06}"
        taken = Taken(
            self.s, channel, call.part, call.incident, call.marker, ts,
            told=[each.sentence for each in call.changes], withheld=call.place.withheld,
        )  # fmt: skip
        self.taken.append(copy.copy(taken))
        return Posted("C1", taken.ts)

    def _edited(self, call: Call) -> Outcome:
        if sum(self.s - at_s < 60 for at_s in self.edits_s) >= 50:
            self.refused += 1
            return Failure(Trouble.RATE, "ratelimited", 30.0)
        self.edits_s.append(self.s)
        (message,) = [one for one in self.taken if one.ts == call.place.ts]
        message.edits.append((self.s, call.incident))
        return Posted("C1", message.ts)

    def _found(self, call: Call) -> Outcome:
        found = [one for one in self.taken if one.marker == call.marker]
        return Posted("C1", found[0].ts) if found else NotThere()


def everything(_: Any = None) -> tuple[str, ...]:
    """Return two channels: every incident goes to both."""
    return ("#unlocks", "#support")
