"""Tables of pages name every word of the code that readers may write or will read."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection
from typing import Any, get_args

import pytest

from fleet_sim.api.bodies import STATES
from fleet_sim.cars import failpoints
from fleet_sim.cars.bearer import Bearer
from fleet_sim.cars.box import Box
from fleet_sim.cars.dialler import Dialler
from fleet_sim.cars.downlink import Downlink
from fleet_sim.cars.failpoints import Failpoint
from fleet_sim.cars.power import PowerControl
from fleet_sim.cars.vehicle import Vehicle
from fleet_sim.customers import failpoints as customer_failpoints
from fleet_sim.mitigations.form import LIVE_PARAMETERS, Mitigation
from fleet_sim.platform import failpoints as platform_failpoints
from fleet_sim.scenario.loading import scenario_schema
from fleet_sim.truth.client import Ask, Line, Surroundings
from fleet_sim.truth.grading import Grade, Screen
from fleet_sim.truth.programs import SHIPPED
from fleet_wire.contract.codec import TYPES
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.problems import PROBLEMS, UNREAD
from fleet_wire.profiles.native import NATIVE
from platform_probe.boards.form import Board, Panel
from platform_probe.measure.watching.otlp_logs import ATTRIBUTES
from platform_probe.outputs.metrics import Unexported
from platform_probe.settings.monitor import (
    BucketPart,
    JournalSettings,
    RotationSettings,
    StoreSettings,
)
from platform_probe.tell.messages.delivery import Trouble
from platform_probe.tell.messages.webhook import Event
from tests.helpers.pages import page, rows, section
from tests.helpers.places import ROOT

SCHEMA = scenario_schema()["$defs"]
FORMS = (
    "Scenario", "Group", "Load", "Selector", "FaultEntry", "Condition", "Window", "BoxParameters",
)  # fmt: skip
FILE = re.compile(r'^\w*FILE: Final = "([\w.]+)"', re.MULTILINE)
"""The name of a file that the monitor writes, where the code gives it."""
MONITOR = [path for path in (ROOT / "platform_probe").rglob("*.py") if "store" not in path.parts]
TOPICS = [NATIVE.filters((kind,))[0].replace("+", "{vehicle_id}") for kind in TYPES]
FAILPOINTS = {
    "Failpoints": failpoints,
    "Failpoints of the platform": platform_failpoints,
    "Failpoints of customers": customer_failpoints,
}
"""Modules of failpoints by their section of docs/faults.md."""
OWNERS = {
    "box": Box,
    "box.modem.bearer": Bearer,
    "box.modem.dialler": Dialler,
    "box.modem.downlink": Downlink,
    "box.power": PowerControl,
    "box.vehicle": Vehicle,
}
NAMED: dict[str, Collection[str]] = {
    "api-answers.md": [*STATES, *STATES.values()],
    "boards.md": [*Board.model_fields, *Panel.model_fields, "table", "number", "line", "bars"],
    "messages.md": [*Trouble],
    "messages-reference.md": [*Event],
    "mitigation-keys.md": [*Mitigation.model_fields, *LIVE_PARAMETERS],
    "otlp-reference.md": [*Unexported],
    "platform-log.md": [*PlatformStep, *ATTRIBUTES, *sum(ATTRIBUTES.values(), ())],
    "retention.md": [name for path in MONITOR for name in FILE.findall(path.read_text("utf-8"))],
    "scenarios.md": [key for form in FORMS for key in SCHEMA[form]["properties"]],
    "truth-reference.md": [
        *Grade, *Screen, *Ask.__struct_fields__, *get_args(Ask.__annotations__["do"]), *SHIPPED,
        *({*Line.__struct_fields__} - {"ready"}),
        *Surroundings(broker_url="", api_url="", profile="").environment(ROOT),
    ],
    "wire.md": TOPICS,
}  # fmt: skip
"""Words by page."""


@pytest.mark.parametrize("name", NAMED)
def test_the_page_names_each(name: str) -> None:
    """A word that is added to the code needs its row."""
    text = page(name)
    spans = re.findall(r"`([^`\n]+)`", text)
    words = {*spans, *re.findall(r"\w+", " ".join(spans))}
    assert NAMED[name]
    assert [word for word in NAMED[name] if word not in words and f"| {word} |" not in text] == []


@pytest.mark.parametrize("title", FAILPOINTS)
def test_failpoints_are_those_of_the_code(title: str) -> None:
    """None is missing, and none is made up."""
    found = {
        name for name, value in vars(FAILPOINTS[title]).items() if isinstance(value, Failpoint)
    }
    assert {row[0].strip("`") for row in rows(section(page("faults.md"), title))} == found


def test_what_a_fault_can_do_to_a_car_is_named() -> None:
    """Each method of a car's parts that asks who does it."""
    verbs = [
        f"{owner}.{name}("
        for owner, kind in OWNERS.items()
        for name, function in inspect.getmembers(kind, inspect.isfunction)
        if "by" in inspect.signature(function).parameters and name[0] != "_"
    ]
    assert len(verbs) > 10
    assert [verb for verb in verbs if verb not in page("faults.md")] == []


def test_every_status_of_the_api_is_explained() -> None:
    """By a line of the table."""
    table = page("api-answers.md").partition("| Status | Cause |")[2]
    explained = {int(status) for status in re.findall(r"\b[45]\d\d\b", table)}
    assert {problem.status for problem in (*PROBLEMS.values(), *UNREAD)} <= explained


PARTS: dict[str, Any] = {
    "journal": JournalSettings,
    "rotation": RotationSettings,
    "s3": BucketPart,
    "store": StoreSettings,
}


@pytest.mark.parametrize(
    ("part", "key", "default"), re.findall(r"`(\w+)\.(\w+)` \(([\d,.]+)\)", page("retention.md"))
)
def test_what_is_kept_for_how_long_is_the_default(part: str, key: str, default: str) -> None:
    """A change of one is a change of the page."""
    assert PARTS[part].model_fields[key].default == float(default.replace(",", ""))
