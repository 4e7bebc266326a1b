"""Which alerts Alertmanager gets, and when, in virtual time."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.contract.incident import ChangeKind, Incident
from platform_probe.tell.messages.alerts import (
    BATCH,
    ENDED_FOR_S,
    GROWTH_S,
    Alert,
    AlertsCore,
    Push,
)
from platform_probe.tell.messages.delivery import Failure, Moment, Trouble
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import (
    grown,
    joined,
    made_incident,
    muted,
    resolved,
    then,
    worse,
)

URLS = ("http://am-1:9093", "http://am-2:9093")


class Feed:
    """Two Alertmanagers in virtual time."""

    def __init__(self, kept: dict[str, bytes] | None = None) -> None:
        self.s = 0.0
        self.kept: dict[str, bytes] = kept or {}
        self.core = AlertsCore(
            urls=URLS,
            repeat_s=60,
            keep=self._keep,
            labels={"environment": "test"},
            link_of=lambda incident: f"https://console.example/{incident.incident_id}",
        )
        self.core.restore(
            {name: msgspec.json.decode(each, type=Alert) for name, each in self.kept.items()}
        )
        self.away: set[str] = set()
        self.pushes: list[tuple[float, Push]] = []

    def _keep(self, name: str, alert: Alert | None) -> None:
        if alert is None:
            del self.kept[name]
        else:
            self.kept[name] = msgspec.json.encode(alert)

    @property
    def now(self) -> Moment:
        """The time on both clocks."""
        return Moment(self.s, EPOCH_S + self.s)

    def tell(self, incident: Incident) -> None:
        """Tell a revision."""
        self.core.handle_incident(incident, self.now)

    def run(self, for_s: float) -> None:
        """Let time pass."""
        until_s = self.s + for_s
        while True:
            while (push := self.core.next(self.now)) is not None:
                is_away = push.url in self.away
                if not is_away:
                    self.pushes.append((self.s, push))
                failure = Failure(Trouble.UNREACHABLE, "") if is_away else None
                self.core.done(push, failure, self.now)
            if self.core.next_s() > until_s:
                break
            self.s = max(self.core.next_s(), self.s + 1e-3)
        self.s = until_s

    def last(self, url: str = URLS[0]) -> list[dict[str, Any]]:
        """Return the alerts that an instance got last."""
        return [list(push.alerts) for _, push in self.pushes if push.url == url][-1]


def ends_after_start(alert: dict[str, Any]) -> bool:
    """Return whether an alert goes on."""
    return bool(alert["endsAt"] > alert["startsAt"])


def test_an_incident_is_one_alert_that_is_repeated() -> None:
    """To each instance, at once and each minute; its end lies four repeats ahead."""
    feed = Feed()
    feed.tell(made_incident())
    feed.run(599)
    for url in URLS:
        assert [at_s for at_s, push in feed.pushes if push.url == url] == [
            60.0 * n for n in range(10)
        ]
    (alert,) = feed.last()
    assert alert["labels"] == {
        "environment": "test", "alertname": "UnlockpathIncident", "incident_id": "inc-1",
        "kind": "failures", "severity": "warning", "cause": "box_offline", "party": "network",
        "operator": "operator-b", "region": "north",
    }  # fmt: skip
    assert alert["endsAt"] == "2023-11-14T22:26:20.000+00:00"
    assert alert["generatorURL"] == "https://console.example/inc-1"
    assert alert["annotations"]["summary"] == made_incident().title
    assert alert["annotations"]["action"]


def test_growth_changes_annotations_and_no_label() -> None:
    """Else it were another alert; and not with each revision."""
    feed = Feed()
    incident = made_incident()
    feed.tell(incident)
    feed.run(1)
    for _ in range(100):
        incident = grown(incident)
        feed.tell(msgspec.structs.replace(incident, cohort={"region": "south"}))
    feed.run(GROWTH_S)
    assert len(feed.pushes) == 4
    (alert,) = feed.last()
    assert alert["labels"]["region"] == "north"
    assert "region south" in alert["annotations"]["description"]


def test_the_alert_of_a_joined_incident_ends_and_says_where_it_goes_on() -> None:
    """Alertmanager knows no other end."""
    feed, other = Feed(), made_incident("inc-2")
    feed.tell(other)
    feed.tell(joined(other, made_incident("inc-1", title="Operator B: boxes offline")))
    feed.run(1)
    (alert,) = feed.last()
    assert (
        alert["annotations"]["joined"]
        == "this is part of another incident: Operator B: boxes offline"
    )
    assert alert["endsAt"] == "2023-11-14T22:14:20.000+00:00"


def test_nothing_begins_while_nothing_is_seen_of_it() -> None:
    """A window is over, and so may this be."""
    feed, first = Feed(), made_incident(maintenance="antennas")
    unseen = then(first, ChangeKind.UNSEEN, ended_at=first.at)
    freed = then(unseen, ChangeKind.UNMUTED, maintenance=None)
    for each in (first, unseen, freed):
        feed.tell(each)
    feed.run(60)
    assert feed.pushes == []
    feed.tell(then(freed, ChangeKind.SEEN_AGAIN, ended_at=None))
    feed.run(60)
    assert feed.pushes


def test_a_rise_is_another_alert_and_ends_the_first() -> None:
    """Its severity decides where it is routed."""
    feed = Feed()
    first = made_incident()
    feed.tell(first)
    feed.run(100)
    feed.tell(worse(first))
    feed.run(1)
    ended, going = feed.last()
    assert (ended["labels"]["severity"], going["labels"]["severity"]) == ("warning", "critical")
    assert ended["endsAt"] == "2023-11-14T22:15:00.000+00:00"
    assert ends_after_start(going)


def test_the_end_is_repeated_for_a_while() -> None:
    """Then nothing more is sent."""
    feed = Feed()
    first = made_incident()
    feed.tell(first)
    feed.run(60)
    feed.tell(resolved(first))
    feed.run(1)
    assert feed.last()[0]["endsAt"] == "2023-11-14T22:14:20.000+00:00"
    feed.run(ENDED_FOR_S + 200)
    assert feed.kept == {}
    sent = len(feed.pushes)
    feed.run(3_600)
    assert len(feed.pushes) == sent


def test_an_instance_that_was_away_gets_all_and_no_other_waits() -> None:
    """After an hour, within a minute; the other never missed one."""
    feed = Feed()
    feed.away = {URLS[1]}
    feed.tell(made_incident())
    feed.run(3_600)
    assert sum(push.url == URLS[0] for _, push in feed.pushes) == 61
    assert feed.core.waiting(feed.s)[0] == 1
    feed.away = set()
    feed.run(61)
    assert feed.last(URLS[1])[0]["labels"]["incident_id"] == "inc-1"


def test_a_restart_goes_on_with_the_same_labels() -> None:
    """Alertmanager must not see another alert."""
    feed = Feed()
    first = made_incident()
    feed.tell(first)
    feed.run(10)
    again = Feed(feed.kept)
    later = msgspec.structs.replace(grown(first), cohort={})
    again.tell(later)
    again.run(100)
    assert again.last()[0]["labels"] == feed.last()[0]["labels"]


def test_quiet_incidents_begin_no_alert_and_end_none() -> None:
    """One that is firing goes on as it was: whoever mutes it in Slack has not mended it."""
    feed = Feed()
    feed.tell(made_incident(maintenance="new SIMs"))
    feed.run(100)
    assert feed.pushes == []
    first = made_incident("inc-2", at=EPOCH_S + 100)
    feed.tell(first)
    feed.tell(worse(muted(first)))
    feed.run(100)
    (alert,) = feed.last()
    assert alert["labels"]["severity"] == "warning"
    assert ends_after_start(alert)


def test_ten_thousand_go_in_batches() -> None:
    """As Prometheus sends them; each in one of them."""
    feed = Feed()
    for number in range(2_000):
        feed.tell(made_incident(f"inc-{number}"))
    feed.run(30)
    sent = [push.alerts for _, push in feed.pushes if push.url == URLS[0]]
    assert max(map(len, sent)) == BATCH
    names = [alert["labels"]["incident_id"] for batch in sent for alert in batch]
    assert len(set(names)) == 2_000
