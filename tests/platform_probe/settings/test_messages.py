"""Who is told of incidents: what can be set, and what a wrong setting is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind, Severity
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
