"""docs/faults.md and docs/first-failure-mode.md: the tutorial runs, the tables are the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.helpers.commands import lines
from tests.helpers.golden import IN_EVERY_PROCESS, digest, expected_digests
from tests.helpers.pages import (
    blocks,
    commands,
    example_files,
    page,
    rows,
    section,
)
from tests.helpers.project_copy import contents, copy_project, run_in

PAGE = page("faults.md")
TUTORIAL_PAGE = page("first-failure-mode.md")
TUTORIAL = example_files("first_failure_mode")
TRY_IT = commands(section(TUTORIAL_PAGE, "Try it"))
LOOK_AT_EVERY_MODE = (
    "tests/bench/score/test_incidents.py tests/deploy/test_runbook.py"
    " tests/fleet_sim/commands/test_faults.py tests/fleet_sim/faults/test_faults.py"
    " tests/fleet_sim/faults/test_refused.py tests/fleet_wire/modes"
    " tests/fleet_sim/scenario/test_loading.py::test_shipped_scenarios"
    " tests/golden/test_golden.py::test_every_shipped_scenario_has_a_digest"
    " tests/platform_probe/tell/export/test_recipes.py"
    " tests/platform_probe/texts/test_catalogue.py"
    " tests/platform_probe/web/console/test_texts.py"
    " tests/scenarios/test_shipped.py::test_every_fault_is_listed_and_has_a_scenario"
    " -m 'not long'"
    " -k 'not a_reader_who_leaves and not without_a_terminal'"
)
"""The tests of `make quick` over all modes, all faults or all scenarios."""
RENEWED = {"docs/metrics.md", "docs/modes.md", "docs/scenario-keys.md", "tests/golden/digests.json"}
"""What the page says that its two commands write."""
ONLY_WHERE_THERE_ARE = {"complaints"}
"""Keys of the ground truth that only some lines have."""


@pytest.mark.long
def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    """Its four files are all that a new mode needs; its commands renew what the page says.

    Then the tests over all modes pass, the golden digest's among them, and no other run differs.
    """
    project = tmp_path / "project"
    copy_project(project)
    before = contents(project)
    for name, text in TUTORIAL.items():
        assert name not in before, "the tutorial's mode is one that does not exist yet"
        (project / name).write_text(text, encoding="utf-8")
    printed = [run_in(project, command) for command in TRY_IT]
    assert "all 4 expectations hold" in "".join(printed)
    assert "1 digests, new: door_frozen; changed: none" in "".join(printed)
    (likeliest,) = blocks(section(TUTORIAL_PAGE, "Try it"), "text")
    for mode, unlocks in map(str.split, likeliest.splitlines()):
        assert re.search(rf"{mode} +{unlocks}  ", "".join(printed))
    run_in(project, f"pytest {LOOK_AT_EVERY_MODE}")
    others = run_in(project, f"tests.golden --rows {' '.join(IN_EVERY_PROCESS)}")
    rows_of_others = msgspec.json.decode(others, type=dict[str, list[dict[str, Any]]])
    found = {name: digest(its) for name, its in rows_of_others.items()}
    assert found == {name: expected_digests()[name] for name in IN_EVERY_PROCESS}
    modules = " ".join(name for name in TUTORIAL if name.endswith(".py"))
    run_in(project, f"ruff check {modules}")
    run_in(project, f"ruff format --check {modules}")
    after = contents(project)
    assert {name for name in after if after[name] != before.get(name)} == RENEWED | {*TUTORIAL}
    assert before.keys() <= after.keys()
    digests = msgspec.json.decode((project / "tests/golden/digests.json").read_bytes())
    assert digests.keys() - {"door_frozen"} == expected_digests().keys()
    assert digests == {**expected_digests(), "door_frozen": digests["door_frozen"]}
    (directory,) = (project / "runs").iterdir()
    check_ground_truth(directory / "ground_truth.jsonl")


def check_ground_truth(path: Path) -> None:
    """Lines like those that the page shows stand in the file, and the page explains their keys."""
    injection, *hits = lines(path)
    shown = [msgspec.json.decode(text) for text in blocks(section(PAGE, "What was hit"), "json")]
    for real, example in zip((injection, hits[0]), shown, strict=True):
        assert [*real] == [*example]
        for key in ("type", "injection", "fault", "what", "start_s", "end_s", "parameters"):
            assert real.get(key) == example.get(key)
    explained = re.findall(
        r"`(\w+)`", "".join(key for key, _ in rows(section(PAGE, "What was hit")))
    )
    told_elsewhere = {"type", "fault", "start_s", "end_s", "parameters", "vehicle_id"}
    assert {*injection, *hits[0]} - told_elsewhere == set(explained) - ONLY_WHERE_THERE_ARE
