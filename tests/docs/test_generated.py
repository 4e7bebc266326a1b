"""docs/probe.md, docs/metrics.md and docs/log.md are what the code says."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import Attempt
from platform_probe.settings import ProbeSettings
from tests.helpers.generated_pages import PAGES, RENEW
from tests.helpers.page_of_log import events_in_the_code
from tests.helpers.places import ROOT


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_what_the_code_says(name: str) -> None:
    """Letter by letter."""
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), f"see: {RENEW}"


def test_the_pages_say_something() -> None:
    """A change of form in the code must not empty them."""
    settings, metrics, log = (PAGES[name]() for name in PAGES)
    assert all(f"| `{key}` |" in settings for key in ProbeSettings.model_fields)
    assert "| `unlockpath_unlocks_total` | counter | `source`: probe, customer; " in metrics
    assert all(f"| `{field}` |" in log for field in Attempt.__struct_fields__)
    events = {event.name for event in events_in_the_code()}
    assert {"unlock", "stray_answer", "broker_disconnected", "malformed_message"} <= events
