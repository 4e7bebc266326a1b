"""The form of a message in Slack, in Block Kit: plain data, no I/O.

Limits: a header has 150 characters, a section 3,000, a message 50 blocks
(https://docs.slack.dev/reference/block-kit/blocks). Beyond about 13,200 characters in all Slack
answers `msg_blocks_too_long` (https://github.com/slackapi/bolt-js/issues/2509). Each part here is
cut so that none is ever reached, whatever a title or a name holds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from fleet_wire.contract.incident import Change, Incident, Severity
from fleet_wire.contract.text import Text, Value
from platform_probe.tell.messages.incident_text import (
    advice_of,
    affected_text,
    chance_of,
    change_line,
    change_said,
    check_of,
    console_link,
    counts_of,
    failure_text,
    has_ended,
    lasted,
    severity_word,
    title_said,
    who_muted,
    why_worse,
)
from platform_probe.tell.messages.slack_calls import Call, DisplayPart
from platform_probe.texts.speaking import Speaker

HEADER_LETTERS: Final = 150
LINE_LETTERS: Final = 800
"""The length of each line of ours that holds names of others [E]."""
HISTORY_LETTERS: Final = 3_000
"""A reply is one section, or one text of less than 4,000."""
METADATA_EVENT: Final = "unlockpath_incident"
ACTION_ACKNOWLEDGE: Final = "unlockpath_acknowledge"
ACTION_MUTE: Final = "unlockpath_mute"
ACTION_UNMUTE: Final = "unlockpath_unmute"
MUTE_S: Final = 3_600.0
_MARKS: Final = {
    Severity.NOTICE: ":large_blue_circle:",
    Severity.WARNING: ":large_orange_circle:",
    Severity.CRITICAL: ":red_circle:",
}
"""Marks next to the word, never in its place."""
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_OVER: Final = ":white_check_mark:"
_JOINED: Final = ":link:"

Blocks = list[dict[str, Any]]


class Content(NamedTuple):
    """The content of a post or an edit."""

    text: str
    """For notifications and screen readers, and where blocks are not taken."""
    blocks: Blocks | None


class Surroundings(NamedTuple):
    """The context of a message besides its incident."""

    monitor: str
    """The name that it is signed with."""
    speaker: Speaker
    console_url: str | None = None
    has_buttons: bool = False
    link_of: Callable[[str, str], str | None] = lambda _channel, _ts: None
    """Returns the link to a message, by the channel's id and its `ts`; None: not known."""


def content_of(call: Call, around: Surroundings) -> Content:
    """Return what a call says."""
    if call.part is DisplayPart.MESSAGE:
        content = message(call, around)
    elif call.part is DisplayPart.HISTORY:
        content = Content(history(call.changes, around), None)
    else:
        content = announcement(call, around)
    return Content(content.text, None) if call.place.is_plain else content


def _say(around: Surroundings, key: str, **values: Value) -> str:
    """Return a line of a message."""
    return around.speaker.say(Text(key=f"slack.{key}", values=values))


def message(call: Call, around: Surroundings) -> Content:
    """Return the one message of an incident."""
    incident, speaker = call.incident, around.speaker
    if incident.joined_to is not None:
        return joined_message(call, around)
    mark = _OVER if has_ended(incident) else _MARKS[incident.severity]
    lines = [standing_line(incident, around), escaped(counts_of(incident, speaker))]
    if (unseen_since := incident.unseen_since) is not None:
        lines.insert(1, _say(around, "last_seen", at=minute(unseen_since)))
    if who := affected_text(incident, speaker):
        lines.append(_say(around, "hit", who=who))
    if what := failure_text(incident, speaker):
        lines.append(_say(around, "what", what=escaped(what)))
    if chance := chance_of(incident, speaker):
        lines.append(_say(around, "chance", chance=chance))
    lines.append(_say(around, "check", command=escaped(check_of(incident))))
    blocks: Blocks = [_header(mark, incident, around), _section("\n".join(lines))]
    if not has_ended(incident):
        advice = escaped(advice_of(incident, speaker))
        blocks.append(_section(_say(around, "to_do", advice=advice)))
    if notes := quiet_notes(call, around):
        blocks.append(_section("\n".join(notes)))
    blocks.append(_context(incident, around))
    if around.has_buttons and not has_ended(incident):
        blocks.append(buttons(incident, around))
    text = f"{mark} {_titled(incident, around, incident.state.value)}"
    plain = "\n".join([text, *lines]) if call.place.is_plain else text
    return Content(plain[:HISTORY_LETTERS], blocks)


def joined_message(call: Call, around: Surroundings) -> Content:
    """Return the message of an incident that proved to be one with another, where it goes on."""
    incident, home = call.incident, call.home
    assert incident.joined_to is not None  # noqa: S101 - that is what it says
    link = around.link_of(home.channel_id, home.ts) if home is not None and home.ts else None
    if link is None and around.console_url is not None:
        link = console_link(around.console_url, incident.joined_to)
    named = escaped(incident.joined_to, 100)
    where = f"`{named}`" if link is None else f"<{link}|{named}>"
    why = escaped(change_said(incident.changes[-1], around.speaker))
    lines = [_say(around, "joined_to", why=why, where=where)]
    blocks = [_header(_JOINED, incident, around), _section(lines[0]), _context(incident, around)]
    text = f"{_JOINED} {_titled(incident, around, 'joined')}"
    plain = "\n".join([text, *lines]) if call.place.is_plain else text
    return Content(plain[:HISTORY_LETTERS], blocks)


def announcement(call: Call, around: Surroundings) -> Content:
    """Return the post about an incident whose message the channel has already."""
    incident, place, speaker = call.incident, call.place, around.speaker
    head = _head(call, around)
    lines = [head, escaped(counts_of(incident, speaker))]
    if call.part is DisplayPart.WORSE and (why := why_worse(incident, speaker)):
        lines.insert(1, escaped(why))
    if call.part is DisplayPart.NAMED and (what := failure_text(incident, speaker)):
        lines.insert(1, _say(around, "what", what=escaped(what)))
    if who := affected_text(incident, speaker):
        lines.append(_say(around, "hit", who=who))
    link = around.link_of(place.channel_id, place.ts) if place.ts else None
    if link is not None:
        lines.append(f"<{link}|{_say(around, 'first_message')}>")
    if around.console_url is not None:
        url = console_link(around.console_url, incident.incident_id)
        lines.append(f"<{url}|{_say(around, 'open_console')}>")
    body = "\n".join(lines)
    if call.part is not DisplayPart.NAMED or not call.changes:
        return Content(body if place.is_plain else head, [_section(body)])
    if place.is_plain:
        rest = history(call.changes, around, HISTORY_LETTERS - len(body))
        return Content(f"{body}\n{rest}", None)
    return Content(head, [_section(body), _section(history(call.changes, around))])


def history(
    changes: tuple[Change, ...], around: Surroundings, most_letters: int = HISTORY_LETTERS
) -> str:
    """Return what happened meanwhile, the latest last; of much the beginning is left out."""
    lines = [f"{moment(each.at)}: {escaped(change_line(each, around.speaker))}" for each in changes]
    kept: list[str] = []
    letters = 0
    for line in reversed(lines):
        letters += len(line) + 1
        if letters > most_letters - 100:
            kept.append(_say(around, "earlier", count=len(lines) - len(kept)))
            break
        kept.append(line)
    return "\n".join(reversed(kept))


def standing_line(incident: Incident, around: Surroundings) -> str:
    """Return its standing in one line: severity, since when, who has it, whether it is muted."""
    state = around.speaker.say(Text(key=f"state.{incident.state.value}"))
    said = [f"*{severity_word(incident, around.speaker)}*, {state}"]
    since = minute(incident.since)
    if incident.ended_at is not None and has_ended(incident):
        ends = {"since": since, "until": minute(incident.ended_at)}
        said.append(_say(around, "from_to", **ends, lasted=lasted(incident, around.speaker)))
    else:
        said.append(_say(around, "since", since=since))
    if (by := incident.acknowledged_by) is not None:
        said.append(f":eyes: {_say(around, 'acknowledged', by=escaped(by, 100))}")
    return " · ".join(said)


def quiet_notes(call: Call, around: Surroundings) -> list[str]:
    """Return why nothing more is said of it, or why nothing was said before."""
    incident, notes = call.incident, []
    if incident.maintenance is not None:
        name = escaped(incident.maintenance, 200)
        notes.append(f":wrench: {_say(around, 'maintenance', window=name)}")
    elif incident.muted_until is not None and incident.muted_until > incident.at:
        who = escaped(who_muted(incident, around.speaker))
        until = moment(incident.muted_until)
        notes.append(f":mute: {_say(around, 'muted', until=until, by=who and f' {who}')}")
    if call.place.withheld:
        notes.append(_say(around, "withheld", why=escaped(call.place.withheld, 200)))
    return notes


def buttons(incident: Incident, around: Surroundings) -> dict[str, Any]:
    """Return the buttons of a message."""
    elements, its_id = [], incident.incident_id
    if incident.acknowledged_by is None:
        label = _say(around, "acknowledge")
        elements.append(_button(ACTION_ACKNOWLEDGE, label, its_id, "primary"))
    if incident.muted_until is not None and incident.muted_until > incident.at:
        elements.append(_button(ACTION_UNMUTE, _say(around, "unmute"), its_id))
    else:
        mute = _button(ACTION_MUTE, _say(around, "mute_hour"), its_id)
        asked = {"title": "mute_title", "text": "mute_text", "confirm": "mute", "deny": "cancel"}
        mute["confirm"] = {
            part: {"type": "plain_text", "text": _say(around, key)} for part, key in asked.items()
        }
        elements.append(mute)
    return {"type": "actions", "block_id": "unlockpath", "elements": elements}


def moment(unix_s: float) -> str:
    """Return a time as Slack shows it to each reader in the reader's zone."""
    from_utc = f"{_utc(unix_s)} UTC"
    return f"<!date^{unix_s:.0f}^{{date_short_pretty}} {{time_secs}}|{from_utc}>"


def minute(unix_s: float) -> str:
    """Return the same to the minute: when something began or ended is not known to the second."""
    return f"<!date^{unix_s:.0f}^{{date_short_pretty}} {{time}}|{_utc(unix_s)[:-3]} UTC>"


def escaped(text: str, letters: int = LINE_LETTERS) -> str:
    """Return a text as mrkdwn takes it, with at most so many letters in that form.

    https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    said: list[str] = []
    left = letters - 1
    for letter in " ".join(text.split()):
        written = _ESCAPES.get(letter, letter)
        left -= len(written)
        if left < 0:
            said.append("…")
            break
        said.append(written)
    return "".join(said)


def cut(text: str, letters: int) -> str:
    """Return the beginning of a text that is too long."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _titled(incident: Incident, around: Surroundings, key: str) -> str:
    return _say(around, key, title=escaped(title_said(incident, around.speaker)))


def _head(call: Call, around: Surroundings) -> str:
    """Return the first line of a post about an incident that the channel knows."""
    incident, mark = call.incident, _MARKS[call.incident.severity]
    values: dict[str, Value] = {
        "title": escaped(title_said(incident, around.speaker)),
        "before": call.place.severity.value,
        "severity": incident.severity.value,
        "lasted": lasted(incident, around.speaker),
    }
    key = {
        DisplayPart.ENDED: "head_ended",
        DisplayPart.BACK: "head_back",
        DisplayPart.NAMED: "head_named",
    }.get(call.part, "head_worse")
    return f"{_OVER if call.part is DisplayPart.ENDED else mark} {_say(around, key, **values)}"


def _header(mark: str, incident: Incident, around: Surroundings) -> dict[str, Any]:
    text = cut(f"{mark} {title_said(incident, around.speaker)}", HEADER_LETTERS)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _context(incident: Incident, around: Surroundings) -> dict[str, Any]:
    said = []
    if around.console_url is not None:
        url = console_link(around.console_url, incident.incident_id)
        said.append(f"<{url}|{_say(around, 'open_console')}>")
        if not has_ended(incident):
            url = console_link(around.console_url, incident.incident_id, page="what-if")
            said.append(f"<{url}|{_say(around, 'what_would_help')}>")
    said += [f"`{escaped(incident.incident_id, 100)}`", escaped(around.monitor, 100)]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(said)}]}


def _button(action: str, label: str, incident_id: str, style: str | None = None) -> dict[str, Any]:
    button: dict[str, Any] = {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": label},
        "value": incident_id,
    }
    return button if style is None else {**button, "style": style}


def _utc(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
