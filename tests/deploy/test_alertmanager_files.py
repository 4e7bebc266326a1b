"""Alertmanager's configuration and message templates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleet_wire.contract.causes import CAUSES
from tests.helpers.shipped import ALERTMANAGER, alerts, output_of, yaml
from tests.helpers.stack import running_alertmanager, running_webhook, until_up
from tests.helpers.waiting import eventually

CONFIG = ALERTMANAGER / "alertmanager.yml"
TRAITS = ["region", "operator", "firmware", "hardware"]


def rendered(text: str, *options: str) -> str:
    """Return a text with our message templates, rendered by amtool."""
    templates = f"--template.glob={ALERTMANAGER / 'templates' / '*.tmpl'}"
    return output_of(
        "amtool", "template", "render", templates, f"--template.text={text}", *options
    ).strip()


OPERATOR = {"alertname": "OperatorFails", "operator": "operator-a"}
OF_PROBE, OF_CUSTOMERS = (
    {**OPERATOR, "trait": "operator", "value": "operator-a", "source": source}
    for source in ("probe", "customer")
)
GONE = {"alertname": "BoxesGoOffline", "region": "north"}
ELSEWHERE = {**GONE, "region": "south"}
BACK = {"alertname": "BoxesReconnect", "region": "north"}
LATE = {"alertname": "LateUnlock", "source": "customer"}
CUSTOMERS = {"alertname": "CustomersFail"}
API = {"alertname": "AnswersExplainNothing", "endpoint": "/unlock"}


def rises(cause: str) -> dict[str, str]:
    """Return the labels of a cause that rises."""
    return {"alertname": "FailuresRise", "source": "probe", "cause": cause}


def burns(source: str) -> dict[str, str]:
    """Return the labels of a budget that burns."""
    return {"alertname": "UnlockBudgetBurn1h", "slo": "success", "source": source}


SHOWN_AND_SILENT: dict[str, tuple[list[dict[str, str]], list[dict[str, str]]]] = {
    "a named place silences the budget and boxes that go, and no car that stands open": (
        [OF_CUSTOMERS, LATE],
        [OF_PROBE, burns("customer"), CUSTOMERS, GONE, ELSEWHERE, BACK, rises("box_silent"),
         rises("box_asleep")],
    ),
    "boxes that go or come explain lost commands: not the broker, a lock, or customers": (
        [GONE, BACK, rises("broker_unreachable"), rises("vehicle_failed"), burns("probe"),
         CUSTOMERS, {"alertname": "BoxesRefuse", "source": "probe"}],
        [rises("box_silent")],
    ),
    "a region explains its own boxes alone, and no broker": (
        [{"alertname": "RegionFails", "region": "north", "source": "probe"}, ELSEWHERE,
         rises("broker_unreachable")],
        [GONE, BACK, rises("vehicle_failed")],
    ),
    "an operator moves no lock, and takes no broker away": (
        [OF_PROBE, rises("vehicle_failed"), rises("broker_unreachable")],
        [rises("box_offline")],
    ),
    "a route that explains nothing is why unlocks end there, and no reason for silence": (
        [API, rises("box_silent")],
        [rises("api_failed")],
    ),
    "a monitor that is not scraped has old numbers": (
        [{"alertname": "ProbeDown"}],
        [{"alertname": name}
         for name in ("NoUnlocks", "BrokerDisconnected", "BrokersAway", "UnlocksSlow",
                      "ScheduleLag", "StackSlow")],
    ),
    "without a broker everything fails, and a car may still stand open": (
        [{"alertname": "BrokerDisconnected"}, LATE],
        [OF_CUSTOMERS, {"alertname": "RegionFails", "region": "north"},
         {"alertname": "FirmwareFails"}, {"alertname": "HardwareFails"}, GONE, BACK, CUSTOMERS,
         burns("probe"), {"alertname": "UnlockBudgetBurn6h"}, rises("broker_unreachable"),
         {"alertname": "UnlocksSlow"}, {"alertname": "BrokerFlaps"}, {"alertname": "NoUnlocks"},
         {"alertname": "AnswersExplainNothing"}],
    ),
    "boxes that say why they refuse": (
        [{"alertname": "BoxesRefuse"}], [rises("box_rejected"), rises("box_says_expired")],
    ),
}  # fmt: skip


@pytest.mark.prometheus
async def test_alertmanager_silences_what_is_explained(tmp_path: Path) -> None:
    """A real one, in which each case has an environment of its own."""
    sent = [
        {"severity": "critical", "environment": name, **one}
        for name, (shown, silent) in SHOWN_AND_SILENT.items()
        for one in (*shown, *silent)
    ]
    assert {labels["alertname"] for labels in sent} <= {alert["alert"] for alert in alerts()}
    with running_webhook() as webhook, running_alertmanager(tmp_path, webhook) as api:
        await until_up(api, tmp_path / "alertmanager.log")
        notes = {"summary": SUMMARY}
        api.post("/api/v2/alerts", [{"labels": labels, "annotations": notes} for labels in sent])
        await eventually(lambda: len(api.get("/api/v2/alerts")) == len(sent))
        found = [alert["labels"] for alert in api.get("/api/v2/alerts", inhibited="false")]
        await eventually(lambda: [m for m in webhook.messages if "attachments" in m])
    (attachment,) = next(m["attachments"] for m in webhook.messages if "attachments" in m)
    assert (attachment["fallback"], attachment["title"]) == (SUMMARY, SUMMARY), "on a phone"
    for name, (shown, silent) in SHOWN_AND_SILENT.items():
        labels = {"severity": "critical", "environment": name}
        assert [one for one in (*shown, *silent) if {**labels, **one} in found] == shown, name


SUMMARY = "Unlocks (probe) fail on the network of operator-b"
LINKS = "<the dashboard|Dashboard> <the runbook_url|Runbook>"
MESSAGES = {
    "firing": [SUMMARY, "the description", "*First:* the action", LINKS],
    "resolved": [
        f"Resolved: {SUMMARY}",
        f"Resolved 07:42 UTC, began 07:00 UTC: {SUMMARY}",
        LINKS,
    ],
}
"""Title and text of a message about one alert that began at seven."""


@pytest.mark.prometheus
@pytest.mark.parametrize("status", MESSAGES)
def test_a_message_says_what_to_do_or_that_all_is_well(status: str, tmp_path: Path) -> None:
    """The title is the summary; who is told of the end is asked to do nothing."""
    notes = ("description", "action", "dashboard", "runbook_url")
    alert = {
        "status": status,
        "labels": {"alertname": "OperatorFails", "operator": "operator-b"},
        "annotations": {"summary": SUMMARY, **{note: f"the {note}" for note in notes}},
        "startsAt": "2026-01-01T07:00:00Z",
        "endsAt": "2026-01-01T07:42:00Z",
    }
    notification = {"status": status, "alerts": [alert], "commonLabels": {"severity": "critical"}}
    path = tmp_path / "notification.json"
    path.write_text(json.dumps(notification), encoding="utf-8")
    text = '{{ template "unlockpath.title" . }}\n{{ template "unlockpath.text" . }}'
    assert rendered(text, f"--template.data={path}").splitlines() == MESSAGES[status]


@pytest.mark.prometheus
def test_amtool_accepts_the_configuration_without_secrets() -> None:
    """It loads on a machine that has none of the secret files, templates included."""
    said = output_of("amtool", "check-config", str(CONFIG))
    assert "1 templates" in said
    secrets = {path.name for path in (ALERTMANAGER / "secrets").iterdir()}
    assert {".gitignore", "README.md"} <= secrets


@pytest.mark.prometheus
def test_every_alert_reaches_the_team() -> None:
    """Whatever its severity, an alert has a receiver, and a critical one comes sooner."""
    for severity in ("critical", "warning"):
        assert "team" in output_of("amtool",
            "config", "routes", "test", f"--config.file={CONFIG}", f"severity={severity}"
        )  # fmt: skip
    route = yaml(CONFIG)["route"]
    assert route["group_by"] == ["alertname", "cause", *TRAITS]
    assert (route["group_wait"], route["routes"][-1]["group_wait"]) == ("30s", "10s")


@pytest.mark.prometheus
def test_the_watchdog_goes_outside_and_to_nobody_else() -> None:
    """It tells a service that alerts still come, and is no message to the team."""
    (watchdog,) = [alert for alert in alerts() if alert["alert"] == "Watchdog"]
    labels = ["alertname=Watchdog", f"severity={watchdog['labels']['severity']}"]
    said = output_of("amtool", "config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert said.split() == ["dead-man"]
    assert "for" not in watchdog


@pytest.mark.prometheus
def test_slack_says_in_words_what_a_cause_means() -> None:
    """The template has the sentence of every cause, word for word."""
    for cause, info in CAUSES.items():
        text = f'{{{{ $cause := "{cause.value}" }}}}{{{{ template "unlockpath.meaning" $cause }}}}'
        assert rendered(text) == info.explanation
