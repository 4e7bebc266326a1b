"""What the tests of sweeps share: a small scenario, plans of it, and records made by hand."""

from __future__ import annotations

from pathlib import Path

from fleet_sim.results.summary import empty_summary
from fleet_sim.runs.progress import Progress
from fleet_sim.runs.source_digest import versions
from fleet_sim.sweeps.plan import SweepPlan, plan_sweep
from fleet_sim.sweeps.point import PointRecord, Task, measurements
from tests.helpers.places import ROOT

SCENARIO = (ROOT / "tests/helpers/scenarios/garage.yaml").read_text("utf-8")


class Quiet(Progress):
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.counts: list[tuple[int, int, int]] = []

    def note(self, text: str) -> None:
        """Keep the text."""
        self.notes.append(text)

    def runs(self, *, done: int, total: int, failed: int) -> None:
        """Keep the counts."""
        self.counts.append((done, total, failed))


def write_scenario(directory: Path, text: str = SCENARIO) -> Path:
    """Write a scenario file and return its path."""
    path = directory / "garage.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def plan(directory: Path, *sets: str, seeds: int = 3, first_seed: int = 1) -> SweepPlan:
    """Return a plan of the small scenario."""
    return plan_sweep(write_scenario(directory), sets, seeds=seeds, first_seed=first_seed)


def task(seed: int = 1, *, text: str = SCENARIO, keep_in: Path | None = None) -> Task:
    """Return one run of the small scenario as a worker gets it."""
    return Task(
        setting={},
        seed=seed,
        scenario_name="garage.yaml",
        scenario_text=text,
        versions=versions(),
        keep_in=str(keep_in) if keep_in else None,
    )


def record(
    seed: int,
    ok_share: float,
    *,
    p95_s: float | None = 3.0,
    error: str | None = None,
    measured: dict[str, float | None] | None = None,
    **setting: str,
) -> PointRecord:
    """Return a run of which half the unlocks were expected to open, and what else it measured."""
    setting = {key.replace("__", "."): value for key, value in setting.items()}
    if error is not None:
        return PointRecord(setting=setting, seed=seed, error=error)
    known = {"attempts.total": 10, "attempts.ok_share": ok_share, "unlock.p95_s": p95_s}
    verdict = {
        "key": "attempts.ok_share",
        "condition": {"min": 0.5},
        "value": ok_share,
        "holds": ok_share >= 0.5,
    }
    return PointRecord(
        setting=setting,
        seed=seed,
        measured=measurements(empty_summary()) | known | (measured or {}),
        expect=[verdict],
        digest=f"{seed:032x}",
    )
