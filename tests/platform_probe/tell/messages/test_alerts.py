"""What an alert says, and how many go at once; `deliveries.txt` says when they go."""

from __future__ import annotations

from collections.abc import Iterator

from platform_probe.tell.messages.alerts import BATCH, AlertsCore, Push
from platform_probe.tell.messages.delivery import Moment
from tests.helpers.english import ENGLISH
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.made_incidents import made_incident


def pushed(incidents: int) -> Iterator[Push]:
    """Yield what an Alertmanager gets at once of so many incidents."""
    core = AlertsCore(
        urls=("http://am-1:9093",),
        repeat_s=60,
        keep=lambda _name, _alert: None,
        labels={"environment": "test"},
        speaker=ENGLISH,
        link_of=lambda incident_id: f"https://console.example/{incident_id}",
    )
    for number in range(1, incidents + 1):
        core.handle_incident(made_incident(f"inc-{number}"), Moment(0.0, EPOCH_S))
    for tenth in range(300):
        now = Moment(tenth / 10, EPOCH_S + tenth / 10)
        while (push := core.next(now)) is not None:
            yield push
            core.done(push, None, now)


def test_an_alert_says_whose_it_is_and_what_to_do() -> None:
    """Labels to route by, an end four repeats ahead, and a link to the console."""
    (push,) = pushed(1)
    (alert,) = push.alerts
    assert alert["labels"] == {
        "environment": "test", "alertname": "UnlockpathIncident", "incident_id": "inc-1",
        "kind": "failures", "severity": "warning", "cause": "box_offline", "party": "network",
        "operator": "operator-b", "region": "north",
    }  # fmt: skip
    assert alert["endsAt"] == "2023-11-14T22:17:20.000+00:00"
    assert alert["generatorURL"] == "https://console.example/inc-1"
    assert alert["annotations"]["summary"] == made_incident().title
    assert alert["annotations"]["action"]


def test_many_go_in_batches() -> None:
    """As Prometheus sends them; each in one of them."""
    sent = [push.alerts for push in pushed(3 * BATCH)]
    assert max(map(len, sent)) == BATCH
    names = [alert["labels"]["incident_id"] for batch in sent for alert in batch]
    assert len(names) == len(set(names)) == 3 * BATCH
