"""Posts of a webhook, and their times: one POST for each relevant change, no I/O.

The headers are those of Standard Webhooks (https://www.standardwebhooks.com): libraries for most
languages check them. A receiver recognises a repeated POST by `webhook-id`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import math
from collections.abc import Callable, Mapping
from datetime import UTC
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.contract.incident import Incident, IncidentState, Severity
from fleet_wire.contract.text import Text
from platform_probe.tell.messages.delivery import Failure, Lane, Moment, Trouble, waiting_in
from platform_probe.tell.messages.incident_text import (
    RANKS,
    advice_of,
    counts_of,
    failure_text,
    has_ended,
    is_needless,
    quiet_until,
    standing,
    title_said,
)
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import iso_of

PACE_S: Final = 0.1
"""Ten posts a second, one after the other [E]."""
GROWTH_EVERY_S: Final = 30.0
"""Numbers that grow are worth a post so often [E]."""
LATE_S: Final = 86_400.0
"""The age at which an undelivered post is dropped, and counted [E]."""
_SECRET_BEGIN: Final = "whsec_"  # noqa: S105 - no secret
PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
_PAGERDUTY_SEVERITY: Final = {
    Severity.NOTICE: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical",
}  # fmt: skip
_PAGERDUTY_SUMMARY: Final = 1_024
"""https://developer.pagerduty.com/docs/events-api-v2-overview"""


class Event(StrEnum):
    """The event since the last post; the first of these that holds."""

    OPENED = "incident.opened"
    RESOLVED = "incident.resolved"
    JOINED = "incident.joined"
    """It proved to be one with another incident, which `related` names last, and goes on there."""
    CLOSED = "incident.closed"
    """A person said that it is none, or over."""
    REOPENED = "incident.reopened"
    WORSE = "incident.worse"
    """Its severity rose."""
    ACKNOWLEDGED = "incident.acknowledged"
    UPDATED = "incident.updated"
    """Anything else: it grew, has another title, is muted."""
    TEST = "test"
    """Somebody tries whether posts arrive: it is no incident."""


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted."""

    id: str
    """The same for each try; as the header `webhook-id`."""
    type: Event
    timestamp: str
    """When this revision was made, RFC 3339."""
    monitor: str
    """The name of the monitor, of the settings."""
    link: str | None
    """The incident's page in the console; null: no console is set."""
    title: str
    """Its title, in words: in the language of the settings, as all words here."""
    counts: str
    """How many of how many, in words."""
    what: str | None
    """The failure in words; null: nobody knows."""
    action: str
    """What to do now, in words."""
    incident: Incident
    """All that is known of it: the same as a line of incidents.jsonl, whose words are English."""


class WebhookState(msgspec.Struct, kw_only=True):
    """The webhook's state of an incident; revision 0: nothing yet, but it is to get it."""

    revision: int = 0
    severity: Severity = Severity.NOTICE
    state: IncidentState = IncidentState.OPEN
    standing: str = ""
    acknowledged_by: str | None = None
    is_withheld: bool = False
    """It was muted, or in maintenance, before anything was posted."""


class Post(NamedTuple):
    """One POST."""

    event: Event
    incident: Incident
    post_id: str


class WebhookCore:
    """Takes incidents, and says what one webhook gets.

    `keep` is handed what the webhook has of each incident as it changes, and None for one that can
    be forgotten.
    """

    def __init__(
        self, *, takes: Callable[[Incident], bool], keep: Callable[[str, WebhookState | None], None]
    ) -> None:
        self._takes = takes
        self._keep = keep
        self._told: dict[str, WebhookState] = {}
        self._latest: dict[str, Incident] = {}
        """The revision of each incident that waits."""
        self._posted_s: dict[str, float] = {}
        self._lane = Lane[str](PACE_S)
        self.dropped = 0
        """Posts that came too late to be of use."""

    def restore(self, told: Mapping[str, WebhookState]) -> None:
        """Resume from the kept state."""
        self._told = dict(told)

    def handle_incident(self, incident: Incident, now: Moment) -> None:
        """Handle a revision; the latest is posted."""
        incident_id = incident.incident_id
        told = self._told.get(incident_id)
        if told is None and not has_ended(incident) and self._takes(incident):
            told = self._told[incident_id] = WebhookState()
            self._keep(incident_id, told)
        quiet_unix_s = quiet_until(incident, now.unix_s)
        if told is None or self._event(incident, told) is None:
            self._drop(incident_id)
            return
        if not told.revision:
            if quiet_unix_s is not None and not told.is_withheld:
                told.is_withheld = True
                self._keep(incident_id, told)
            if is_needless(incident, is_withheld=told.is_withheld):
                self._drop(incident_id)
                if has_ended(incident):
                    self.forgets(incident_id)
                return
        not_before_s = -math.inf
        if quiet_unix_s is not None and not has_ended(incident):
            not_before_s = now.s + (quiet_unix_s - now.unix_s)
        elif told.standing == standing(incident):
            last_s = self._posted_s.get(incident_id, -math.inf)
            not_before_s = last_s + GROWTH_EVERY_S
        self._latest[incident_id] = incident
        urgency = (float(bool(told.revision)), -float(RANKS[incident.severity]))
        self._lane.put(incident_id, now.s, urgency=urgency, not_before_s=not_before_s)

    def next(self, now: Moment) -> Post | None:
        """Return what to post now."""
        for incident_id, since_s in self._lane.waiting_since(now.s).items():
            if now.s - since_s > LATE_S and self._lane.is_free(now.s):
                self._drop(incident_id)
                self.dropped += 1
        first = self._lane.first(now.s)
        if first is None:
            return None
        incident = self._latest[first]
        event = self._event(incident, self._told[incident.incident_id])
        assert event is not None  # noqa: S101 - else it were not due
        self._lane.start_call()
        return Post(event, incident, f"{incident.incident_id}.{incident.revision}")

    def next_s(self) -> float:
        """Return when to ask again, in monotonic seconds."""
        return self._lane.next_s()

    def done(self, post: Post, failure: Failure | None, now: Moment) -> None:
        """Handle the result of a post."""
        if failure is not None and failure.trouble is not Trouble.CONTENT:
            self._lane.fail(failure, now.s)
            return
        self._lane.finish_call(now.s)
        self.dropped += failure is not None  # it would not be taken the next time either
        incident = post.incident
        self._posted_s[incident.incident_id] = now.s
        told = WebhookState(
            revision=incident.revision,
            severity=incident.severity,
            state=incident.state,
            standing=standing(incident),
            acknowledged_by=incident.acknowledged_by,
        )
        self._told[incident.incident_id] = told
        self._keep(incident.incident_id, told)
        latest = self._drop(incident.incident_id)
        if latest is not None and latest.revision > incident.revision:
            self.handle_incident(latest, now)

    def forgets(self, incident_id: str) -> bool:
        """Forget an incident, and return True; False: something of it waits still."""
        if incident_id in self._lane.keys:
            return False
        self._posted_s.pop(incident_id, None)
        if self._told.pop(incident_id, None) is not None:
            self._keep(incident_id, None)
        return True

    def waiting(self, now_s: float) -> tuple[int, float]:
        """Return how many posts wait that are due, and for how long the oldest has, in seconds."""
        return waiting_in([self._lane], now_s)

    def _drop(self, incident_id: str) -> Incident | None:
        """Have an incident wait no more; return its revision that waited."""
        self._lane.remove(incident_id)
        return self._latest.pop(incident_id, None)

    def _event(self, incident: Incident, told: WebhookState) -> Event | None:  # noqa: PLR0911
        """Return the event of a revision; None: nothing."""
        if not told.revision:
            return _final_event(incident) or Event.OPENED
        if told.revision >= incident.revision:
            return None
        was_open = told.state is IncidentState.OPEN
        if has_ended(incident):
            return _final_event(incident) if was_open else None
        if not was_open:
            return Event.REOPENED
        if RANKS[incident.severity] > RANKS[told.severity]:
            return Event.WORSE
        if incident.acknowledged_by is not None and told.acknowledged_by is None:
            return Event.ACKNOWLEDGED
        return Event.UPDATED


def _final_event(incident: Incident) -> Event | None:
    if not has_ended(incident):
        return None
    if incident.joined_to is not None:
        return Event.JOINED
    return Event.RESOLVED if incident.state is IncidentState.RESOLVED else Event.CLOSED


def body_of(post: Post, *, monitor: str, link: str | None, speaker: Speaker) -> bytes:
    """Return the body of a POST."""
    incident = post.incident
    return msgspec.json.encode(
        Body(
            id=post.post_id,
            type=post.event,
            timestamp=iso_of(incident.at, UTC),
            monitor=monitor,
            link=link,
            title=title_said(incident, speaker),
            counts=counts_of(incident, speaker),
            what=failure_text(incident, speaker),
            action=advice_of(incident, speaker),
            incident=incident,
        )
    )


def pagerduty_body(
    post: Post, *, routing_key: str, monitor: str, link: str | None, speaker: Speaker
) -> bytes:
    """Return an event for PagerDuty's Events API v2."""
    incident = post.incident
    action = "trigger"
    if has_ended(incident) or post.event is Event.TEST:  # a test wakes nobody
        action = "resolve"
    elif incident.acknowledged_by is not None:
        action = "acknowledge"
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": incident.incident_id,
        "payload": {
            "summary": title_said(incident, speaker)[:_PAGERDUTY_SUMMARY] or incident.kind.value,
            "source": monitor,
            "severity": _PAGERDUTY_SEVERITY[incident.severity],
            "timestamp": iso_of(incident.since, UTC),
            "component": incident.kind.value,
            "class": incident.cause.value if incident.cause else incident.kind.value,
            "custom_details": {
                "counts": counts_of(incident, speaker),
                "what": failure_text(incident, speaker),
                "action": advice_of(incident, speaker),
            },
        },
    }
    if link is not None:
        text = speaker.say(Text(key="slack.open_console"))
        event["links"] = [{"href": link, "text": text}]
    return msgspec.json.encode(event)


def signature_headers(secret: str, post_id: str, body: bytes, unix_s: float) -> dict[str, str]:
    """Return the headers of Standard Webhooks.

    A secret that begins with `whsec_` is base64 behind that; any other is taken as it is.
    """
    sent_at = f"{unix_s:.0f}"
    key = secret.encode()
    if secret.startswith(_SECRET_BEGIN):
        try:
            key = base64.b64decode(secret.removeprefix(_SECRET_BEGIN), validate=True)
        except binascii.Error:
            key = secret.encode()
    signed = hmac.digest(key, f"{post_id}.{sent_at}.".encode() + body, "sha256")
    return {
        "webhook-id": post_id,
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the body."""
    return msgspec.json.schema(Body)
