"""Pages on the platform's log are right: lines can be read, and tables are those of the code."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from fleet_wire.contract.platform_log import PlatformStep, decode_event
from platform_probe.measure.watching.otlp_logs import ATTRIBUTES
from platform_probe.measure.watching.otlp_receiver import LOGS_PATH
from tests.helpers.pages import EXAMPLES, page
from tests.helpers.shipped import yaml

PAGE = page("platform-log.md")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match("\\| `\\w+` \\| [^W]", line)
]


def test_the_lines_are_lines() -> None:
    """Whoever copies them has a log."""
    log = (EXAMPLES / "platform_log" / "unlock.jsonl").read_bytes()
    steps = [decode_event(line).event for line in log.splitlines()]
    assert steps == ["requested", "answered"]


def test_a_collector_posts_where_the_monitor_listens() -> None:
    """With the token as it is read from the header."""
    exporter = yaml(EXAMPLES / "collector" / "exporter.yaml")["exporters"]["otlphttp/unlockpath"]
    assert urlsplit(exporter["logs_endpoint"]).path == LOGS_PATH
    assert exporter["headers"]["authorization"].startswith("Bearer ")


def test_each_step_has_its_row() -> None:
    """And none is made up."""
    assert [row[0].strip("`") for row in ROWS[: len(PlatformStep)]] == list(PlatformStep)


def test_each_attribute_has_its_row() -> None:
    """In the order in which it is looked for."""
    found = {
        row[0].strip("`"): tuple(re.findall("`([^`]+)`", row[1]))
        for row in ROWS[len(PlatformStep) :]
    }
    assert found == ATTRIBUTES
