"""Which posts and edits go to Slack, and when: no I/O, no clock.

An incident has a *place* in each of its channels: one message, which is edited as the incident goes
on, and a thread below it. A place's next call follows from its state and the incident's latest
revision alone. So waiting edits merge, and nothing is lost however long Slack is away. Each place
is handed out on every change, to be kept: after a restart it goes on from there.

Slack allows a post a second in each channel, and 50 edits a minute in all (Tier 3):
https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentState,
    Severity,
)
from platform_probe.tell.messages.delivery import Failure, Lane, Moment, Trouble, waiting_in
from platform_probe.tell.messages.incident_text import (
    RANKS,
    as_of,
    has_ended,
    is_needless,
    is_unnamed,
    last_rise_at,
    quiet_until,
    standing,
    why_quiet,
)
from platform_probe.tell.messages.slack_calls import (
    Call,
    Deleted,
    DisplayPart,
    Key,
    Outcome,
    Posted,
    SlackThread,
    StartedPost,
    Verb,
)
from platform_probe.texts.speaking import Speaker

POST_EVERY_S: Final = 1.05
"""A channel takes a post a second; the rest is for what the network adds [E]."""
EDIT_EVERY_S: Final = 1.25
"""48 edits a minute, of 50."""
SAME_EDIT_EVERY_S: Final = 5.0
"""Numbers that grow are shown so often: a person reads no faster [E]."""
HISTORY_EVERY_S: Final = 30.0
"""What happens within so long is one reply in the thread [E]."""
LOOKED_AT_S: Final = 30.0
"""The time after a post in which its reader looks at the message.

A rise by one class and a new cause are shown there then, and notify nobody again. If the edit does
not succeed within that time, a post follows [E].
"""
EDITS: Final = "edits"
"""The lane of all edits; each channel's posts have one of its name, behind `#`."""


class _CalloutPost(NamedTuple):
    """The last post that a channel showed."""

    s: float
    """When, monotonic seconds."""
    severity: Severity


class SlackOutbox:
    """Takes incidents, and says which posts and edits go out.

    `channels_of` returns the channels for an incident as it is; `keep` is handed each place as it
    changes, and None for one that can be forgotten.
    """

    def __init__(
        self,
        *,
        channels_of: Callable[[Incident], Iterable[str]],
        keep: Callable[[str, SlackThread | None], None],
        start_s: float = 0.0,
        speaker: Speaker,
    ) -> None:
        self._speaker = speaker
        self._channels_of = channels_of
        self._keep = keep
        self._start_s = start_s
        self._channel_ids: dict[str, str] = {}
        """Slack's ids of the channels that were posted to: its messages are recognised by these
        alone.
        """
        self._incidents: dict[str, Incident] = {}
        self._places: dict[str, dict[str, SlackThread]] = {}
        """Places by incident and channel."""
        self._lanes = {EDITS: Lane[Key](EDIT_EVERY_S, start_s + EDIT_EVERY_S)}
        self._last_s: dict[tuple[DisplayPart, Key], float] = {}
        """When a message was last edited, and its thread last written to, monotonic seconds."""
        self._called: dict[Key, _CalloutPost] = {}

    def restore(self, places: Mapping[str, SlackThread]) -> None:
        """Resume from the kept state: the incidents follow by `take`.

        Calls under way then may have arrived.
        """
        for place in places.values():
            if place.begun is not None:
                place.begun = msgspec.structs.replace(place.begun, doubtful=True)
            self._places.setdefault(place.incident_id, {})[place.channel] = place
            if place.channel_id:
                self._channel_ids[place.channel] = place.channel_id

    def handle_incident(self, incident: Incident, now: Moment) -> None:
        """Handle a revision; an older one than the last changes nothing."""
        before = self._incidents.get(incident.incident_id)
        if before is not None and before.revision > incident.revision:
            return
        self._incidents[incident.incident_id] = incident
        places = self._places.setdefault(incident.incident_id, {})
        if not has_ended(incident):
            for channel in self._channels_of(incident):
                if channel not in places:
                    places[channel] = SlackThread(
                        incident_id=incident.incident_id,
                        channel=channel,
                        channel_id=self._channel_ids.get(channel, ""),
                    )
                    self._changed(places[channel])  # a restart must know that it is to be told
        is_quiet = quiet_until(incident, now.unix_s) is not None
        for place in places.values():
            is_posted = bool(place.ts) or place.is_gone
            if is_quiet and not is_posted:
                place.withheld = why_quiet(incident, self._speaker)
                self._changed(place)
            is_silent = is_quiet or incident.joined_to is not None
            is_closed = incident.state is IncidentState.CLOSED
            if is_posted and (is_closed or (is_silent and has_ended(incident))):
                place.is_over = True  # the message says so, no post does
            self._plan(place, now)

    def threads_of(self, incident_id: str) -> list[SlackThread]:
        """Return the threads of an incident that can be answered."""
        return [each for each in self._places.get(incident_id, {}).values() if each.ts]

    def forgets(self, incident_id: str) -> bool:
        """Forget an incident, and return True; False: something of it waits still."""
        if any(key[0] == incident_id for lane in self._lanes.values() for key in lane.keys):
            return False
        self._incidents.pop(incident_id, None)
        for channel in self._places.pop(incident_id, {}):
            key = (incident_id, channel)
            self._keep("/".join(key), None)
            self._called.pop(key, None)
            for part in DisplayPart:
                self._last_s.pop((part, key), None)
        return True

    def next(self, now: Moment) -> Call | None:
        """Return what is to be asked of Slack now; None: nothing yet."""
        for name, lane in list(self._lanes.items()):
            while (key := lane.first(now.s)) is not None:
                place = self._places[key[0]][key[1]]
                call = self._edit(place, now) if name == EDITS else self._post(place, now)
                if call is None:  # meanwhile there is nothing to do, or not yet
                    self._plan(place, now)
                    lane.remove_due(key, now.s)
                    continue
                lane.start_call()
                if call.verb is Verb.POST:
                    self._note_begun(call, now)
                return call
        return None

    def next_s(self) -> float:
        """Return when to ask again, in monotonic seconds."""
        return min(lane.next_s() for lane in self._lanes.values())

    def done(self, call: Call, outcome: Outcome, now: Moment) -> None:
        """Handle the result of a call."""
        place, lane = call.place, self._lanes[call.lane]
        if isinstance(outcome, Failure) and outcome.trouble is Trouble.CONTENT:
            lane.finish_call(now.s)  # no fault of the channel's
            place.is_plain, place.is_refused, place.begun = True, place.is_plain, None
        elif isinstance(outcome, Failure):
            pause_s = lane.fail(outcome, now.s)
            self._failed(call, outcome)
            if outcome.trouble is Trouble.TOKEN:  # it is the same for all
                for each in self._lanes.values():
                    each.free_s = max(each.free_s, now.s + pause_s)
        else:
            lane.finish_call(now.s)
            if isinstance(outcome, Posted):
                self._taken(call, outcome, now)
            elif isinstance(outcome, Deleted):
                place.is_gone, place.ts, place.begun = True, "", None
            else:
                place.begun = None
        self._changed(place)
        self._plan(place, now)

    def waiting(self, now_s: float) -> tuple[int, float]:
        """Return how many posts and edits wait, and for how long the oldest of them has, seconds.

        Those that are not due yet are no part of it.
        """
        return waiting_in(self._lanes.values(), now_s)

    # The next calls of a place

    def _plan(self, place: SlackThread, now: Moment) -> None:
        """Put into the lanes what a place needs next, and take out what it needs no more."""
        key = (place.incident_id, place.channel)
        lane = f"#{place.channel}"
        if lane not in self._lanes:
            self._lanes[lane] = Lane[Key](POST_EVERY_S, self._start_s + POST_EVERY_S)
        for name, due in ((lane, self._post_due(place, now)), (EDITS, self._edit_due(place, now))):
            if due is None:
                self._lanes[name].remove(key)
            else:
                urgency, not_before_s = due
                self._lanes[name].put(key, now.s, urgency=urgency, not_before_s=not_before_s)

    def _post_due(self, place: SlackThread, now: Moment) -> tuple[tuple[float, ...], float] | None:
        """Return how urgent the next post of a place is, and from when on it may go; None: none."""
        incident = self._incidents[place.incident_id]
        if place.begun is not None and place.begun.doubtful:
            return (0.0, 0.0, 0.0), -math.inf
        if place.is_refused:
            return None
        part = self._next_part(place, incident)
        if part is None:
            return None
        quiet_unix_s = quiet_until(incident, now.unix_s)
        if quiet_unix_s is not None and told_in_quiet(place, incident):
            return _urgency(DisplayPart.HISTORY, incident), -math.inf
        not_before_s = -math.inf
        if quiet_unix_s is not None:
            not_before_s = now.s + (quiet_unix_s - now.unix_s)
        if part is DisplayPart.HISTORY:
            last_s = self._last_s.get((part, (place.incident_id, place.channel)), -math.inf)
            not_before_s = max(not_before_s, last_s + HISTORY_EVERY_S)
        if part is DisplayPart.WORSE:
            not_before_s = max(not_before_s, self._edits_until_s(place, incident))
        if part is DisplayPart.NAMED:
            not_before_s = max(not_before_s, self._looked_at_until_s(place))
        if math.isinf(not_before_s) and not_before_s > 0:
            return None  # until a revision says otherwise
        return _urgency(part, incident), not_before_s

    def _edit_due(self, place: SlackThread, now: Moment) -> tuple[tuple[float, ...], float] | None:
        incident = as_of(self._incidents[place.incident_id], now.unix_s)
        if not place.ts or place.is_refused or place.shown >= incident.revision:
            return None
        is_new = standing(incident) != place.standing
        if not is_new and quiet_until(incident, now.unix_s) is not None:
            return None
        last_s = self._last_s.get(
            (DisplayPart.MESSAGE, (place.incident_id, place.channel)), -math.inf
        )
        not_before_s = -math.inf if is_new else last_s + SAME_EDIT_EVERY_S
        return (float(not is_new), max(last_s, -1e18)), not_before_s

    def _edits_until_s(self, place: SlackThread, incident: Incident) -> float:
        """Return until when an edit is enough to tell that it got worse, monotonic seconds."""
        called = self._called.get((place.incident_id, place.channel))
        if called is None or not place.ts:
            return -math.inf
        is_much = RANKS[incident.severity] > RANKS[called.severity] + 1
        return -math.inf if is_much else self._looked_at_until_s(place)

    def _looked_at_until_s(self, place: SlackThread) -> float:
        """Return until when who was called last looks at the message, monotonic seconds."""
        called = self._called.get((place.incident_id, place.channel))
        return -math.inf if called is None else called.s + LOOKED_AT_S

    def _next_part(self, place: SlackThread, incident: Incident) -> DisplayPart | None:
        """Return what the channel should get next, were it not quiet."""
        is_open = not has_ended(incident)
        if not place.ts and not place.is_gone:
            is_withheld = bool(place.withheld)
            return None if is_needless(incident, is_withheld=is_withheld) else DisplayPart.MESSAGE
        if place.is_over and is_open:
            return DisplayPart.BACK
        if is_open and RANKS[incident.severity] > RANKS[place.severity]:
            return DisplayPart.WORSE
        if is_open and place.ts and place.is_unnamed and not is_unnamed(incident):
            return DisplayPart.NAMED
        if incident.state is IncidentState.RESOLVED and not place.is_over:
            return DisplayPart.ENDED
        return DisplayPart.HISTORY if place.ts and untold(place, incident) else None

    def _post(self, place: SlackThread, now: Moment) -> Call | None:
        incident = as_of(self._incidents[place.incident_id], now.unix_s)
        lane = f"#{place.channel}"
        if place.begun is not None and place.begun.doubtful:
            begun = place.begun
            return Call(Verb.FIND, begun.part, place, incident, lane, _marker(place, begun.number))
        part, changes = self._next_part(place, incident), untold(place, incident)
        if quiet_until(incident, now.unix_s) is not None:
            changes = told_in_quiet(place, incident)
            part = DisplayPart.HISTORY if changes else None
        if part is None:
            return None
        if part not in (DisplayPart.HISTORY, DisplayPart.NAMED):
            changes = ()
        return Call(
            Verb.POST, part, place, incident, lane, _marker(place, place.number + 1), changes
        )

    def _edit(self, place: SlackThread, now: Moment) -> Call | None:
        if self._edit_due(place, now) is None:
            return None
        incident = as_of(self._incidents[place.incident_id], now.unix_s)
        home = self._places.get(incident.joined_to or "", {}).get(place.channel)
        return Call(Verb.EDIT, DisplayPart.MESSAGE, place, incident, EDITS, "", home=home)

    # Results of calls

    def _note_begun(self, call: Call, now: Moment) -> None:
        place, changes = call.place, call.incident.changes
        if call.part is DisplayPart.HISTORY:
            changes = call.changes
        place.number += 1
        place.begun = StartedPost(
            call.part,
            place.number,
            now.unix_s,
            call.incident.severity,
            has_ended(call.incident),
            is_unnamed(call.incident),
            changes[-1] if changes else None,
        )
        self._changed(place)

    def _taken(self, call: Call, posted: Posted, now: Moment) -> None:
        place, incident = call.place, call.incident
        key = (place.incident_id, place.channel)
        if call.verb is Verb.EDIT:
            self._edited(place, incident, now)
            return
        begun = place.begun
        assert begun is not None  # noqa: S101 - noted before each post
        place.begun = None
        place.channel_id = self._channel_ids[place.channel] = posted.channel_id
        self._last_s[DisplayPart.HISTORY, key] = now.s
        is_found = call.verb is Verb.FIND
        if call.part is DisplayPart.MESSAGE:
            place.ts, place.withheld = posted.ts, ""
            # A message that was found may show anything: it is edited.
            place.shown = 0 if is_found else incident.revision
            place.standing = "" if is_found else standing(incident)
            place.is_over = begun.is_over
            self._last_s[DisplayPart.MESSAGE, key] = now.s
        elif call.part is DisplayPart.ENDED:
            place.is_over = True
        elif call.part is DisplayPart.BACK:
            place.is_over = False
        if call.part is DisplayPart.MESSAGE:
            place.is_unnamed = begun.is_unnamed
        elif call.part is not DisplayPart.HISTORY:
            place.is_unnamed &= begun.is_unnamed
        if call.part in (DisplayPart.MESSAGE, DisplayPart.BACK, DisplayPart.WORSE):
            place.severity = max(place.severity, begun.severity, key=RANKS.__getitem__)
            self._called[key] = _CalloutPost(now.s, begun.severity)
        if call.part in (DisplayPart.MESSAGE, DisplayPart.HISTORY, DisplayPart.NAMED):
            place.told = begun.told

    def _edited(self, place: SlackThread, incident: Incident, now: Moment) -> None:
        """Note what a message shows; who was called just now has seen it there."""
        place.shown, place.standing = incident.revision, standing(incident)
        self._last_s[DisplayPart.MESSAGE, (place.incident_id, place.channel)] = now.s
        if quiet_until(incident, now.unix_s) is not None:
            return
        is_worse = RANKS[incident.severity] > RANKS[place.severity]
        if is_worse and now.s < self._edits_until_s(place, incident):
            place.severity, place.edited_at = incident.severity, last_rise_at(incident)
        if now.s < self._looked_at_until_s(place):
            place.is_unnamed &= is_unnamed(incident)

    def _failed(self, call: Call, failure: Failure) -> None:
        begun = call.place.begun
        if call.verb is Verb.POST and begun is not None:
            is_doubtful = failure.trouble in (Trouble.BROKEN, Trouble.SERVER)
            call.place.begun = (
                msgspec.structs.replace(begun, doubtful=True) if is_doubtful else None
            )

    def _changed(self, place: SlackThread) -> None:
        self._keep(f"{place.incident_id}/{place.channel}", place)


_NOT_OF_THE_THREAD: Final = (
    ChangeKind.OPENED,
    ChangeKind.WORSE,
    ChangeKind.RESOLVED,
    ChangeKind.REOPENED,
    ChangeKind.UNSEEN,
    ChangeKind.SEEN_AGAIN,
)
"""The changes that are posts of their own in the channel, which stand in the thread too.

Quiet spells and their ends stand in the message, or each flap would add a line.
"""


def untold(place: SlackThread, incident: Incident) -> tuple[Change, ...]:
    """Return the entries of the history that the thread does not have."""
    changes = incident.changes
    if place.told is not None:
        if place.told in changes:
            changes = changes[changes.index(place.told) + 1 :]
        else:  # it was left out meanwhile
            changes = tuple(each for each in changes if each.at > place.told.at)
    return tuple(
        each for each in changes
        if each.kind not in _NOT_OF_THE_THREAD
        or (each.kind is ChangeKind.WORSE and each.at == place.edited_at)
    )  # fmt: skip


def told_in_quiet(place: SlackThread, incident: Incident) -> tuple[Change, ...]:
    """Return what the thread gets while nothing else is said: up to what a person did last.

    The person who muted it, and the reason, matter as long as it is muted.
    """
    changes = untold(place, incident) if place.ts else ()
    by_people = [number for number, each in enumerate(changes) if each.by is not None]
    return changes[: by_people[-1] + 1] if by_people else ()


def _urgency(part: DisplayPart, incident: Incident) -> tuple[float, ...]:
    rank = {DisplayPart.MESSAGE: 1.0, DisplayPart.HISTORY: 3.0}.get(part, 2.0)
    return rank, -float(RANKS[incident.severity]), incident.opened_at


def _marker(place: SlackThread, number: int) -> str:
    return f"{place.incident_id}/{place.channel}/{number}"
