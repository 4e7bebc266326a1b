"""Which alerts Alertmanager gets, and when: one for each incident, no I/O.

It works as Prometheus does. Every alert is sent repeatedly while it lasts, to each instance, with
an `endsAt` some repeats ahead. One that is over is sent for a while with the time of its end. So an
instance that was away knows all within one repeat, and nothing has to be queued.
https://prometheus.io/docs/alerting/latest/alerts_api/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, Final, NamedTuple

import msgspec

from fleet_wire.contract.causes import CAUSES
from fleet_wire.contract.incident import Incident
from platform_probe.tell.messages.delivery import Failure, Lane, Moment
from platform_probe.tell.messages.incident_text import (
    advice_of,
    affected_text,
    chance_of,
    change_said,
    check_of,
    counts_of,
    failure_text,
    has_ended,
    quiet_until,
    title_said,
)
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import iso_of

ALERTS_PATH: Final = "/api/v2/alerts"
ALERT_NAME: Final = "UnlockpathIncident"
ENDED_FOR_S: Final = 900.0
"""The time for which Prometheus repeats that an alert is over (`resolvedRetention` in
rules/alerting.go).
"""
REPEATS_AHEAD: Final = 4
"""Prometheus' factor too: an alert outlives three lost repeats."""
AT_ONCE_S: Final = 0.2
"""Changes within so long are one request [E]."""
BATCH: Final = 256
"""Alerts in one request, as Prometheus sends them (`maxBatchSize` in notifier/manager.go)."""
GROWTH_S: Final = 10.0
"""Numbers that grow are worth a request so often [E]."""


class Alert(msgspec.Struct, kw_only=True):
    """One alert. Alertmanager knows it by its labels: they stay as they are while it lasts."""

    incident_id: str
    labels: dict[str, str]
    starts_at: float
    annotations: dict[str, str] = {}
    ended_at: float | None = None


class Push(NamedTuple):
    """Alerts for one instance."""

    url: str
    alerts: tuple[dict[str, Any], ...]


class AlertsCore:
    """Takes incidents, and says what each instance gets.

    `keep` is handed each alert as it changes, and None for one that can be forgotten.
    """

    def __init__(
        self,
        *,
        urls: tuple[str, ...],
        repeat_s: float,
        keep: Callable[[str, Alert | None], None],
        labels: Mapping[str, str],
        link_of: Callable[[str], str | None],
        speaker: Speaker,
    ) -> None:
        self._speaker = speaker
        self._repeat_s = repeat_s
        self._keep = keep
        self._labels = labels
        self._link_of = link_of
        self._alerts: dict[str, Alert] = {}
        """Alerts by incident, and severity behind a slash."""
        self._going: dict[str, Alert] = {}
        """The alert of each incident that lasts."""
        self._lanes = {url: Lane[str](AT_ONCE_S) for url in urls}
        self._due_s = dict.fromkeys(urls, math.inf)
        self._left: dict[str, list[Alert]] = {url: [] for url in urls}
        """The alerts of its round that an instance has not got yet."""

    def restore(self, alerts: Mapping[str, Alert]) -> None:
        """Resume from the kept state."""
        self._alerts = dict(alerts)
        self._going = {one.incident_id: one for one in alerts.values() if one.ended_at is None}
        if self._alerts:
            self._due_s = dict.fromkeys(self._due_s, -math.inf)

    def handle_incident(self, incident: Incident, now: Moment) -> None:
        """Handle a revision. One that is quiet begins no alert, and ends none that was sent.

        Nor does one begin while nothing is seen of it: it was quiet before, and may be over.
        """
        is_quiet = quiet_until(incident, now.unix_s) is not None
        current = self._going.get(incident.incident_id)
        is_over = has_ended(incident)
        is_unseen = incident.unseen_since is not None
        if current is None and (is_over or is_quiet or is_unseen):
            return
        if current is not None and current.labels["severity"] != incident.severity and not is_over:
            if is_quiet:
                return
            current.ended_at = now.unix_s
            self._store_alert(current)
            current = None
        is_new = current is None
        if current is None:
            current = Alert(
                incident_id=incident.incident_id,
                labels=self._labels_of(incident),
                starts_at=incident.since,
            )
        current.annotations = annotations_of(incident, self._speaker)
        current.ended_at = (incident.ended_at or incident.at) if is_over else None
        self._store_alert(current)
        soon_s = now.s if is_new or is_over else now.s + GROWTH_S
        for url, due_s in self._due_s.items():
            self._due_s[url] = min(due_s, soon_s)

    def next(self, now: Moment) -> Push | None:
        """Return what an instance gets now."""
        self._forget_old(now)
        for url, lane in self._lanes.items():
            if not lane.is_free(now.s):
                continue
            left = self._left[url]
            if not left and self._due_s[url] <= now.s:
                self._due_s[url] = now.s + self._repeat_s
                left += self._alerts.values()
            if left:
                lane.start_call()
                batch, left[:] = left[:BATCH], left[BATCH:]
                return Push(url, tuple(self._alert_body(each, now) for each in batch))
        return None

    def next_s(self) -> float:
        """Return when to ask again, in monotonic seconds."""
        if not self._alerts:
            return math.inf
        return min(
            (
                max(-math.inf if self._left[url] else self._due_s[url], lane.free_s)
                for url, lane in self._lanes.items()
                if not lane.is_busy
            ),
            default=math.inf,
        )

    def done(self, push: Push, failure: Failure | None, now: Moment) -> None:
        """Handle the result of a push: alerts that failed are sent again after a pause."""
        lane = self._lanes[push.url]
        if failure is None:
            lane.finish_call(now.s)
        else:
            lane.fail(failure, now.s)
            self._left[push.url] = []
            self._due_s[push.url] = min(self._due_s[push.url], now.s)

    def forgets(self, incident_id: str) -> bool:  # noqa: ARG002 - as other cores
        """Agree: alerts that are over forget themselves."""
        return True

    def waiting(self, now_s: float) -> tuple[int, float]:
        """Return how many instances are behind, and by how many seconds the worst is."""
        late = [
            now_s - due_s
            for url, due_s in self._due_s.items()
            if self._alerts and due_s < now_s - AT_ONCE_S and not math.isinf(due_s)
        ]
        return len(late), max(late, default=0.0)

    def _store_alert(self, alert: Alert) -> None:
        key = f"{alert.incident_id}/{alert.labels['severity']}"
        self._alerts[key] = alert
        if alert.ended_at is None:
            self._going[alert.incident_id] = alert
        elif self._going.get(alert.incident_id) is alert:
            del self._going[alert.incident_id]
        self._keep(key, alert)

    def _forget_old(self, now: Moment) -> None:
        old = [
            key
            for key, alert in self._alerts.items()
            if alert.ended_at is not None and now.unix_s - alert.ended_at > ENDED_FOR_S
        ]
        for key in old:
            del self._alerts[key]
            self._keep(key, None)

    def _labels_of(self, incident: Incident) -> dict[str, str]:
        labels = {
            **self._labels,
            "alertname": ALERT_NAME,
            "incident_id": incident.incident_id,
            "kind": incident.kind.value,
            "severity": incident.severity.value,
        }
        if incident.cause is not None:
            labels["cause"] = incident.cause.value
            labels["party"] = CAUSES[incident.cause].party.value
        for trait, value in incident.cohort.items():
            if trait.isidentifier() and trait.isascii() and value:
                labels.setdefault(trait, value)
        return labels

    def _alert_body(self, alert: Alert, now: Moment) -> dict[str, Any]:
        ahead_s = now.unix_s + REPEATS_AHEAD * self._repeat_s
        told = {
            "labels": alert.labels,
            "annotations": alert.annotations,
            "startsAt": iso_of(alert.starts_at, UTC),
            "endsAt": iso_of(ahead_s if alert.ended_at is None else alert.ended_at, UTC),
        }
        link = self._link_of(alert.incident_id)
        return told if link is None else {**told, "generatorURL": link}


def annotations_of(incident: Incident, speaker: Speaker) -> dict[str, str]:
    """Return what is said of an incident, under the names that the shipped rules use too."""
    is_joined = incident.joined_to is not None
    said = {
        "summary": title_said(incident, speaker),
        "description": counts_of(incident, speaker),
        "action": advice_of(incident, speaker),
        "cause": failure_text(incident, speaker),
        "hit": affected_text(incident, speaker),
        "chance": chance_of(incident, speaker),
        "check": check_of(incident),
        "acknowledged_by": incident.acknowledged_by,
        "joined": change_said(incident.changes[-1], speaker) if is_joined else None,
    }
    return {name: text for name, text in said.items() if text}
