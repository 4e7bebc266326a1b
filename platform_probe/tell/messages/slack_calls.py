"""Calls to Slack, their results, and the resulting state of a channel's message."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from fleet_wire.contract.incident import Change, Incident, Severity
from platform_probe.tell.messages.delivery import Failure


class DisplayPart(StrEnum):
    """The part of the display that a post or an edit makes."""

    MESSAGE = "message"
    """The one message of an incident; an edit is always of this one."""
    WORSE = "worse"
    """It got worse by a class: a reply that the channel shows too."""
    NAMED = "named"
    """Its cause is known by now, and was not at its first post: it is named too."""
    BACK = "back"
    """It came back after it was over: so too."""
    ENDED = "ended"
    """It is over: so too."""
    HISTORY = "history"
    """A history line: a reply in the thread alone."""


class Verb(StrEnum):
    """What to ask Slack for."""

    POST = "post"
    EDIT = "edit"
    FIND = "find"
    """Whether a post arrived whose answer did not."""


class StartedPost(msgspec.Struct, frozen=True, omit_defaults=True):
    """A post that was begun: as long as it stands, nobody knows whether it arrived."""

    part: DisplayPart
    number: int
    unix_s: float
    severity: Severity
    is_over: bool = False
    is_unnamed: bool = False
    told: Change | None = None
    doubtful: bool = False
    """Its answer did not come: look for it before it is sent again."""


class SlackThread(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The messages of an incident in a channel."""

    incident_id: str
    channel: str
    """The channel's name in the settings."""
    channel_id: str = ""
    """The channel's id in Slack."""
    ts: str = ""
    """The message; empty: not posted yet."""
    number: int = 0
    """Posts so far: each has a name of its own."""
    severity: Severity = Severity.NOTICE
    """The worst that was told."""
    edited_at: float = 0.0
    """The time of a rise that only an edit showed, Unix seconds: the thread has it too."""
    is_unnamed: bool = False
    """The channel has the incident, and not yet its cause."""
    is_over: bool = False
    """Its end was posted, or needs no post."""
    shown: int = 0
    """The revision that the message shows."""
    standing: str = ""
    """The standing that it shows at a glance."""
    told: Change | None = None
    """The last entry of the history that was told."""
    begun: StartedPost | None = None
    withheld: str = ""
    """Why it was not posted at first."""
    is_gone: bool = False
    """Somebody has deleted the message."""
    is_plain: bool = False
    """Slack did not take its blocks: it is sent as text."""
    is_refused: bool = False
    """Nor as text: nothing more is sent."""


class Call(NamedTuple):
    """One thing to ask Slack for."""

    verb: Verb
    part: DisplayPart
    place: SlackThread
    incident: Incident
    """The incident to show."""
    lane: str
    marker: str
    """The name of the post, to find it by."""
    changes: tuple[Change, ...] = ()
    """What to tell, of `HISTORY` and `NAMED`."""
    home: SlackThread | None = None
    """The channel's message of the incident that this one was joined to."""


class Posted(NamedTuple):
    """Slack has taken a post or an edit, or has found one."""

    channel_id: str
    ts: str


class NotThere(NamedTuple):
    """The searched thing is not there, or (`is_certain` false) nobody may look."""

    is_certain: bool = True


class Deleted(NamedTuple):
    """The message to edit is no longer there."""


Outcome = Posted | NotThere | Deleted | Failure
Key = tuple[str, str]
"""Incident and channel."""
