"""What a sweep runs."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from fleet_sim.sweeps.plan import label_of, overrides_of, plan_sweep
from tests.helpers.places import ROOT
from tests.helpers.sweeps import plan


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


BURST = "[{kind: burst, count: 9, duration_s: 5}]"
EVEN = "[{kind: constant, rate_per_s: 1, duration_s: 5}]"


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("description=a.1,b", ("a.1", "b")),
        ('description="a, b",c d\'s, e', ('"a, b"', "c d's", "e")),
        (f"load.stages={EVEN}, {BURST}", (EVEN, BURST)),
    ],
)
def test_values_come_as_they_were_given(
    tmp_path: Path, given: str, values: tuple[str, ...]
) -> None:
    """Taken apart at commas; brackets, braces and quotes keep theirs."""
    (swept,) = plan(tmp_path, given).swept
    assert swept.values == values


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
