"""Who is told of incidents: what can be set, and what a wrong setting is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind, Severity
from fleet_wire.errors import ConfigError
from platform_probe.settings.messages import MessagesSettings
from platform_probe.settings.monitor import load_settings
from tests.helpers.made_incidents import made_incident

SLACK = "messages:\n  slack:\n    token_file: token\n    channel: C1\n"
ROUTES = """\
    routes:
      - {channel: C2, kinds: [suspicious]}
      - {channel: C3, parties: [network], severities: [critical, warning]}
      - {channel: C4, severities: [critical]}
"""


def messages(directory: Path, text: str) -> MessagesSettings:
    """Return the settings that a file has."""
    path = directory / "probe.yaml"
    path.write_text(text, encoding="utf-8")
    found = load_settings(path).messages
    assert found is not None
    return found


def problem(directory: Path, text: str) -> str:
    """Return what is said of a wrong file, without its path."""
    with pytest.raises(ConfigError) as caught:
        messages(directory, text)
    return "\n".join(caught.value.problems).replace(f"{directory}/", "")


def test_nobody_is_told_unless_it_is_set(tmp_path: Path) -> None:
    """And one backend is enough."""
    assert load_settings().messages is None
    assert messages(tmp_path, SLACK).backends == ("slack",)


@pytest.mark.parametrize(
    ("incident", "channels"),
    [
        (made_incident(severity=Severity.NOTICE), ("C1",)),
        (made_incident(severity=Severity.WARNING), ("C3",)),
        (made_incident(severity=Severity.CRITICAL), ("C3", "C4")),
        (made_incident(kind=IncidentKind.SUSPICIOUS, cause=None, mode=None), ("C2",)),
        (made_incident(cause=Cause.VEHICLE_FAILED), ("C1",)),
    ],
)
def test_routes_choose_by_kind_party_and_severity(
    tmp_path: Path, incident: Incident, channels: tuple[str, ...]
) -> None:
    """Each that fits; the channel of the rest where none does."""
    slack = messages(tmp_path, SLACK + ROUTES).slack
    assert slack is not None
    assert slack.channels_of(incident) == channels


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("messages:\n  slack: {channel: C1}\n", "probe.yaml:2: messages.slack.token_file"),
        (SLACK + "    chanel: C2\n", "did you mean 'channel'?"),
        (SLACK + "    api_url: ftp://x\n", "probe.yaml:5: messages.slack.api_url"),
        (SLACK + "    routes: [{channel: C2, kinds: [failure]}]\n", "did you mean 'failures'?"),
        ("messages:\n  alertmanager: {urls: []}\n", "messages.alertmanager.urls"),
        (
            "messages:\n  alertmanager:\n    urls: ['http://jo:secret@x']\n",
            "it may not hold a password",
        ),
        ("messages:\n  webhooks: [{name: A B, url: 'http://x'}]\n", "messages.webhooks.0.name"),
        ("messages:\n  webhooks: [{name: a}]\n", "a: needs url or url_file"),
        ("messages:\n  webhooks: [{name: a, form: pagerduty}]\n", "needs its routing key"),
        (
            "messages:\n  webhooks: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]\n",
            "two webhooks have one name",
        ),
        (
            "messages:\n  webhooks: [{name: a, url: 'http://x', url_file: y}]\n",
            "exclude each other",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    """File, line and key; never a password."""
    told = problem(tmp_path, text)
    assert expected in told
    assert told.startswith("probe.yaml:")
    assert "secret" not in told.replace("secret_file", "")


def test_variables_set_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As all settings: so a live run of `fleet-sim` hands them to its monitor."""
    monkeypatch.setenv("PLATFORM_PROBE_MESSAGES__SLACK__TOKEN_FILE", "/run/token")
    monkeypatch.setenv("PLATFORM_PROBE_MESSAGES__SLACK__CHANNEL", "C1")
    found = load_settings().messages
    assert found is not None
    assert found.slack is not None
    assert found.slack.token_file == Path("/run/token")
    assert found.slack.api_url == "https://slack.com/api/"
    monkeypatch.setenv(
        "PLATFORM_PROBE_MESSAGES", '{"webhooks": [{"name": "a", "url": "http://x"}]}'
    )
    monkeypatch.delenv("PLATFORM_PROBE_MESSAGES__SLACK__TOKEN_FILE")
    monkeypatch.delenv("PLATFORM_PROBE_MESSAGES__SLACK__CHANNEL")
    found = load_settings().messages
    assert found is not None
    assert found.backends == ("webhook:a",)
