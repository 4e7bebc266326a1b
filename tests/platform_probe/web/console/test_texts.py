"""The texts: every one in every language, and none without a reader."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import platform_probe as product
from fleet_wire.contract.attempt import Source, Stage
from fleet_wire.contract.causes import Cause, Party
from fleet_wire.contract.incident import ChangeKind, IncidentKind, IncidentState, Severity
from fleet_wire.modes.mode import Actor, Layer
from platform_probe.texts.catalogue import texts_of
from platform_probe.web.console.person import RIGHTS

FOLDER = Path(product.__file__).parent
SOURCES = [
    path
    for folder in (
        "web/console",
        "judge/incidents",
        "texts",
        "judge/diagnosis",
        "tell/support",
    )
    for path in sorted((FOLDER / folder).rglob("*"))
    if path.suffix in (".html", ".py")
]
GROUPS = {
    "cause": Cause, "stage": Stage, "layer": Layer, "actor": Actor, "change": ChangeKind,
    "incident_kind": IncidentKind, "severity": Severity, "state": IncidentState, "role": RIGHTS,
    "source": Source, "party": [each for each in Party if each is not Party.NOBODY_KNOWS],
}  # fmt: skip
"""Names of the records that are shown in words."""


def places(text: str) -> set[str]:
    """Return the names of the places for values in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("group", GROUPS)
def test_every_name_has_words(group: str) -> None:
    """A cause, a stage or a role that is new gets its text too."""
    missing = [name for name in GROUPS[group] if f"{group}.{name}" not in texts_of("en")]

    assert missing == []


def test_every_text_of_a_page_is_there() -> None:
    """A page that names another would fail only when it is shown."""
    named = {
        key
        for path in SOURCES
        for key in re.findall(r"\bsay\(['\"]([a-z_.]*[a-z])['\"]", path.read_text("utf-8"))
    }
    assert named - set(texts_of("en")) == set()
