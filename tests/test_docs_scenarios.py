"""docs/scenarios.md tells the truth: what it shows loads, what it lists is there."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fleet_sim.cars.parameters import BoxParameters
from fleet_sim.customers.records import CustomerEvent, CustomerStep
from fleet_sim.scenario.loading import load_scenario, scenario_schema
from fleet_wire.errors import ConfigError
from tests.helpers.commands import run
from tests.helpers.doc_pages import docstrings_of
from tests.helpers.pages import EXAMPLES, blocks, page, rows, section, write_scenario_with
from tests.helpers.places import ROOT

PAGE = page("scenarios.md")
LARGE = EXAMPLES / "scenarios" / "garage.yaml"
SLIPS = {
    "deadline_s: 20": "deadlin_s: 20",
    "no_coverage_garage": "no_coverage_garag",
    "site: garage, share: 0.5": "region: cente",
}
"""What a user got wrong in the page's large example, in the order of the page's errors."""


def test_the_errors_are_those_that_a_user_sees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slip in the example gives the line that the page shows."""
    monkeypatch.chdir(tmp_path)
    large = LARGE.read_text(encoding="utf-8")
    errors = [line for line in PAGE.splitlines() if line.startswith("my.yaml:")]
    for (right, wrong), error in zip(SLIPS.items(), errors, strict=True):
        path = write_scenario_with(tmp_path, large.replace(right, wrong)).relative_to(tmp_path)
        with pytest.raises(ConfigError) as caught:
            load_scenario(path)
        assert error in caught.value.problems


def test_the_page_names_every_key() -> None:
    """No key of the form is missing."""
    schema = scenario_schema()["$defs"]
    for name in ("Scenario", "Group", "Load", "Selector", "FaultEntry", "Condition", "Window"):
        for key in schema[name]["properties"]:
            assert re.search(rf"`[^`]*\b{key}\b[^`]*`", PAGE), f"{name}.{key}"


def test_the_table_names_every_key_of_a_box() -> None:
    """Each once, and none that is not there."""
    of_groups = section(PAGE, "A group").partition("| Keys of `box` |")[2]
    named = [key for keys, _ in rows(of_groups) for key in re.findall(r"`(\w+)`", keys)]
    assert sorted(named) == sorted(BoxParameters.model_fields)


@pytest.mark.long
def test_the_smaller_scenario_is_what_comes_of_it(tmp_path: Path) -> None:
    """The command of the page gives the scenario of the page."""
    part = section(PAGE, "Making one smaller")
    [command] = re.findall(r"^\$ fleet-sim (.+)$", part, re.MULTILINE)
    word, scenario = command.split()
    small = tmp_path / "small.yaml"
    code, stdout, stderr = run("fleet_sim", word, ROOT / scenario, "--out", small)
    assert code == 0, stderr
    shown = EXAMPLES / "scenarios" / "shrunk.yaml"
    assert small.read_text(encoding="utf-8") == shown.read_text(encoding="utf-8")
    assert "after 21 runs" in part
    assert "run 21: " in stdout


def test_the_page_says_what_a_line_of_customers_says() -> None:
    """Every step and every field, in the words of the code, and an example that has no other."""
    text = section(PAGE, "customers.jsonl")
    steps, fields = docstrings_of(CustomerStep), docstrings_of(CustomerEvent)
    assert rows(text) == [
        *([f"`{step}`", steps[step.name]] for step in CustomerStep),
        *([f"`{name}`", fields[name]] for name in CustomerEvent.__struct_fields__),
    ]
    (example,) = blocks(text, "json")
    decoder = msgspec.json.Decoder(CustomerEvent)
    assert msgspec.json.decode(example).keys() <= {*CustomerEvent.__struct_fields__}
    assert decoder.decode(example).step is CustomerStep.SHOWN
