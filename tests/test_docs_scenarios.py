"""docs/scenarios.md and docs/faults.md tell the truth about scenarios."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from fleet_sim.customers.records import CustomerEvent, CustomerStep
from fleet_sim.runs.manifest import lacks_of
from fleet_sim.scenario.loading import Lacks, load_scenario
from fleet_wire.errors import ConfigError
from tests.helpers.commands import run
from tests.helpers.doc_pages import docstrings_of
from tests.helpers.pages import EXAMPLES, blocks, page, rows, section, write_scenario_with
from tests.helpers.places import ROOT

PAGE = page("scenarios.md")
LARGE = (EXAMPLES / "scenarios" / "garage.yaml").read_text(encoding="utf-8")
FAULTS = page("faults.md")
QUEUE = "faults:\n  - { name: queue_full_drop, window: { start_s: 1 } }\n"
MISTAKES: dict[str, tuple[str, str, Lacks]] = {
    "key": (PAGE, LARGE.replace("deadline_s: 20", "deadlin_s: 20"), {}),
    "fault": (PAGE, LARGE.replace("no_coverage_garage", "no_coverage_garag"), {}),
    "region": (PAGE, LARGE.replace("site: garage, share: 0.5", "region: cente"), {}),
    "claims": (FAULTS, blocks(section(FAULTS, "Several faults"), "yaml")[0], {}),
    "needs": (FAULTS, QUEUE, lacks_of(broker_url="mqtt://localhost")),
}
"""What a user got wrong: the page that shows the error, and the scenario."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_errors_are_those_that_a_user_sees(
    mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stands on its page, as it is printed."""
    monkeypatch.chdir(tmp_path)
    text, scenario, lacks = MISTAKES[mistake]
    path = write_scenario_with(tmp_path, scenario).relative_to(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, lacks=lacks)
    assert {*caught.value.problems} & {*text.splitlines()}


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
