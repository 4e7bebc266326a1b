"""Two runs side by side: what is called worse, and what could be chance."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fleet_sim.results.comparison import (
    Change,
    ComparedRun,
    ComparedSummary,
    Unlocks,
    compare_runs,
    read_compared_run,
    setups,
)
from fleet_wire.contract.causes import Cause
from fleet_wire.randomness import RandomStream
from tests.helpers.compared_runs import unlocks, write_run

OFFLINE = Cause.BOX_OFFLINE
GOOD = [*unlocks("old", 195, *[OFFLINE] * 5), *unlocks("new", 195, *[OFFLINE] * 5)]


def random_run(number: int, name: str) -> ComparedRun:
    """Return a run of 300 unlocks of which a twentieth fail, in six parts, drawn from a number."""
    stream = RandomStream.named(number, name)
    parts: dict[str, Unlocks] = {}
    opens_s = []
    for label in "abcdef":
        ends = [stream.uniform() < 0.05 for _ in range(50)]
        parts[label] = Unlocks(total=50, by_cause={"box_silent": sum(ends)})
        opens_s += [float("inf") if bad else stream.exponential(2.0) for bad in ends]
    failed = sum(part.by_cause["box_silent"] for part in parts.values())
    late = sum(stream.uniform() < 0.02 for _ in range(300))
    summary = ComparedSummary(
        attempts=Unlocks(total=300, by_cause={"box_silent": failed}),
        stray={"late_unlock": late},
        by={"group": parts},
    )
    return ComparedRun(Path(name), summary, {}, sorted(opens_s))


def test_two_runs_of_one_release_are_seldom_called_different() -> None:
    """In one comparison of twenty at most, though ten differences are judged."""
    verdicts = [
        compare_runs(random_run(number, "a"), random_run(number, "b")).verdict
        for number in range(200)
    ]
    assert sum(verdict is not Change.SAME for verdict in verdicts) <= 10


def test_what_was_set_up_differently_is_named(tmp_path: Path) -> None:
    """Mode, seed, code and scenario; not its name and its expectations."""
    scenario = {"load": {"deadline_s": 20}, "fleet": {"groups": [{"count": 5}]}, "expect": {"x": 1}}
    other = {"load": {"deadline_s": 20}, "fleet": {"groups": [{"count": 6}]}, "faults": [{}]}
    a = write_run(tmp_path / "a", GOOD, mode="live", seed=7, scenario=scenario)
    b = write_run(tmp_path / "b", GOOD, mode="virtual", seed=7, scenario=other)
    assert setups(read_compared_run(a), read_compared_run(b)) == {
        "mode": ("live", "virtual"),
        "fleet.groups.0.count": (5, 6),
    }


def test_an_older_run_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    """Its summary has neither parts nor late unlocks."""
    runs = [write_run(tmp_path / name, GOOD) for name in ("a", "b")]
    old = msgspec.json.decode((runs[0] / "summary.json").read_bytes())
    del old["by"], old["stray"]["late_unlock"]
    (runs[0] / "summary.json").write_bytes(msgspec.json.encode(old))
    found = compare_runs(*map(read_compared_run, runs))
    assert [each.key for each in found.judged] == [
        "attempts.ok_share", "unlock.p50_s", "unlock.p95_s"
    ]  # fmt: skip
