"""What a sweep runs, and what it says of a command that makes no sense."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.sweeps.plan import label_of, overrides_of, plan_sweep
from fleet_wire.errors import ConfigError
from tests.helpers.places import ROOT
from tests.helpers.sweeps import SCENARIO, plan, write_scenario

WORDS = st.text("abc019.", min_size=1, max_size=5)


def problems(directory: Path, *sets: str, seeds: int = 3, first_seed: int = 1) -> list[str]:
    """Return what is said of a plan that is refused."""
    with pytest.raises(ConfigError) as caught:
        plan(directory, *sets, seeds=seeds, first_seed=first_seed)
    return caught.value.problems


def test_every_combination_times_every_seed_in_one_order(tmp_path: Path) -> None:
    """The last key changes first, then the seed; without a key it is run as written."""
    two = plan(tmp_path, "fleet.count=1,2", "load.deadline_s=15,19", seeds=2, first_seed=7)
    found = [(number, *setting.values(), seed) for number, setting, seed in two.runs()]
    assert len(two) == 8
    assert found == [
        (0, "1", "15", 7), (0, "1", "15", 8), (1, "1", "19", 7), (1, "1", "19", 8),
        (2, "2", "15", 7), (2, "2", "15", 8), (3, "2", "19", 7), (3, "2", "19", 8),
    ]  # fmt: skip
    assert [*plan(tmp_path, seeds=2).runs()] == [(0, {}, 1), (0, {}, 2)]
    assert label_of({}) == "as written"
    assert overrides_of({"fleet.count": "5"}) == ["fleet.count=5"]


@given(st.lists(WORDS, min_size=1, max_size=6, unique=True))
def test_values_come_as_they_were_given(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    """Joined with commas and taken apart again; brackets, braces and quotes keep theirs."""
    directory = tmp_path_factory.mktemp("plan")
    quoted = [f'"{word}"' for word in words]
    (swept,) = plan(directory, f"description={','.join(quoted)}").swept
    assert swept.values == tuple(quoted)
    stages = "[{kind: constant, rate_per_s: 1, duration_s: 5}]"
    burst = "[{kind: burst, count: 9, duration_s: 5}]"
    nested = plan(directory, f"load.stages={stages}, {burst}", 'description="a, b",c d\'s, e')
    assert [each.values for each in nested.swept] == [(stages, burst), ('"a, b"', "c d's", "e")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fleet.count", "expected KEY=V1,V2"),
        ("fleet.count=", "expected KEY=V1,V2"),
        ("=1,2", "expected KEY=V1,V2"),
        ("fleet.count=1,,2", "an empty value"),
        ("fleet.count=1,2,1", "1 comes twice"),
        ("load.stages=[{kind: burst", "'}' is missing"),
        ("seed=1,2", "--seeds"),
    ],
)
def test_a_set_that_makes_no_values_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The option as it was typed, and what was expected."""
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(f"--set {text}: ")
    assert said in problem
    assert problems(tmp_path, "fleet.count=1,2", "fleet.count=3") == [
        "--set fleet.count=3: fleet.count is swept already; give it one --set"
    ]


def test_a_wrong_key_or_value_is_located_before_anything_runs(tmp_path: Path) -> None:
    """As the single run says it; each problem once, though many combinations have it."""
    found = problems(tmp_path, "load.deadlin_s=5,6", "fleet.count=1,2")
    assert len(found) == 2
    assert found[0].startswith("--set load.deadlin_s=5: load.deadlin_s: ")
    assert "did you mean 'deadline_s'?" in found[0]
    assert "--set fleet.count=-1" in problems(tmp_path, "fleet.count=1,-1")[0]


def test_an_error_in_the_file_names_the_values_that_bring_it(tmp_path: Path) -> None:
    """The line is that of the fault; the value that makes it wrong is the sweep's."""
    (problem,) = problems(tmp_path, "load.deadline_s=15,5", "fleet.count=1,2")
    assert problem.startswith(f"{tmp_path / 'garage.yaml'}:14: faults.0.window.end_s: ")
    assert problem.endswith(" (with load.deadline_s=5, fleet.count=1)")


def test_a_wrong_file_is_said_once(tmp_path: Path) -> None:
    """The file's own error comes alone, with its line; a manifest is no scenario."""
    path = write_scenario(tmp_path, SCENARIO.replace("rate_per_s", "rate"))
    with pytest.raises(ConfigError) as caught:
        plan_sweep(path, ["fleet.count=1,2"], seeds=1)
    assert all(f"{path}:10: load.stages.0" in problem for problem in caught.value.problems)
    with pytest.raises(ConfigError, match="a manifest is one run"):
        plan_sweep(tmp_path / "manifest.json", [], seeds=1)


def test_seeds_below_one_and_too_many_runs_are_refused(tmp_path: Path) -> None:
    """The limit is named."""
    assert problems(tmp_path, seeds=0) == ["--seeds 0: expected at least 1"]
    assert "--first-seed -1: expected 0 to" in problems(tmp_path, first_seed=-1)[0]
    assert "at most 100000" in problems(tmp_path, seeds=100_001)[0]
    assert problems(tmp_path, seeds=2**64) == [f"--seeds {2**64}: at most 100000 runs in one sweep"]
    values = ",".join(map(str, range(1, 2002)))
    assert (
        "2001 combinations of values, at most 2000"
        in problems(tmp_path, f"fleet.count={values}", seeds=1)[0]
    )


def test_the_fingerprint_follows_what_decides_the_result(tmp_path: Path) -> None:
    """Text and values do, the number of seeds does not."""
    first = plan(tmp_path, "fleet.count=1,2", seeds=2)
    assert plan(tmp_path, "fleet.count=1,2", seeds=5).fingerprint == first.fingerprint
    assert plan(tmp_path, "fleet.count=1,3", seeds=2).fingerprint != first.fingerprint
    other = write_scenario(tmp_path, SCENARIO.replace("A few", "Some"))
    changed = plan_sweep(other, ["fleet.count=1,2"], seeds=2)
    assert changed.fingerprint != first.fingerprint


def test_the_commands_of_the_guide_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sweep of a shipped scenario in docs/sweeps.md is one, and has as many runs as said."""
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")
    commands = re.findall(r"^fleet-sim sweep (scenarios/.+)$", text, re.MULTILINE)
    runs = []
    for command in commands:
        scenario, _, seeds, *options = shlex.split(command)
        sets = [value for name, value in pairwise(options) if name == "--set"]
        runs.append(len(plan_sweep(Path(scenario), sets, seeds=int(seeds))))
    assert sorted(runs) == [100, 200, 400, 1000]
    (option,) = re.findall(r"^`--set '(.+)'`\.$", text, re.MULTILINE)
    one = plan_sweep(Path("scenarios/quiet_city.yaml"), [option], seeds=1)
    assert len(one) == 2
