"""Alertmanager's configuration and message templates."""

from __future__ import annotations

import re
import subprocess

import pytest

from fleet_wire.contract.causes import CAUSES
from tests.helpers.shipped import ALERTMANAGER, alerts, yaml

CONFIG = ALERTMANAGER / "alertmanager.yml"


def amtool(*arguments: str) -> str:
    """Run amtool, fail with what it says, and return its output."""
    run = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def rendered(template: str, *, data: str) -> str:
    """Return one of the message templates, rendered by amtool."""
    return amtool(
        "template", "render",
        f"--template.glob={ALERTMANAGER / 'templates' / '*.tmpl'}",
        f'--template.text={data}{{{{ template "{template}" $data }}}}',
    ).strip()  # fmt: skip


@pytest.mark.prometheus
def test_amtool_accepts_the_configuration_without_secrets() -> None:
    """It loads on a machine that has none of the secret files, templates included."""
    said = amtool("check-config", str(CONFIG))
    assert "1 templates" in said
    secrets = {path.name for path in (ALERTMANAGER / "secrets").iterdir()}
    assert {".gitignore", "README.md"} <= secrets


@pytest.mark.prometheus
def test_every_alert_reaches_the_team() -> None:
    """Whatever its severity, an alert has a receiver, and a critical one comes sooner."""
    for severity in ("critical", "warning"):
        assert "team" in amtool(
            "config", "routes", "test", f"--config.file={CONFIG}", f"severity={severity}"
        )  # fmt: skip
    route = yaml(CONFIG)["route"]
    assert route["group_by"] == ["alertname", "cause", "region"]
    assert (route["group_wait"], route["routes"][-1]["group_wait"]) == ("30s", "10s")


@pytest.mark.prometheus
def test_the_watchdog_goes_outside_and_to_nobody_else() -> None:
    """It tells a service that alerts still come, and is no message to the team."""
    (watchdog,) = [alert for alert in alerts() if alert["alert"] == "Watchdog"]
    labels = ["alertname=Watchdog", f"severity={watchdog['labels']['severity']}"]
    said = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert said.split() == ["dead-man"]
    assert "for" not in watchdog


def test_inhibitions_name_alerts_that_exist() -> None:
    """A renamed alert must not leave an inhibition behind that silences nothing."""
    known = {alert["alert"] for alert in alerts()}
    for rule in yaml(CONFIG)["inhibit_rules"]:
        (source,) = re.findall(r'^alertname="(\w+)"$', rule["source_matchers"][0])
        (targets,) = re.findall(r'^alertname=~?"([\w|]+)"$', rule["target_matchers"][0])
        silenced = set(targets.split("|"))
        assert {source, *silenced} <= known
        assert "LateUnlock" not in silenced, "safety is never silenced"


@pytest.mark.prometheus
def test_slack_says_in_words_what_a_cause_means() -> None:
    """The template has the sentence of every cause, word for word."""
    for cause, info in CAUSES.items():
        data = f'{{{{ $data := "{cause.value}" }}}}'
        assert rendered("unlockpath.meaning", data=data) == info.explanation
