"""The report of a sweep: one self-contained `report.html`, in the look of a run's report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from pathlib import Path

from fleet_sim.pages.page_data import Badge
from fleet_sim.results import readable
from fleet_sim.results.readable import number_of
from fleet_sim.results.report_document import document
from fleet_sim.sweeps.plan import SweepPlan, overrides_of
from fleet_sim.sweeps.plots import drawn_keys, sweep_plots
from fleet_sim.sweeps.point import PointRecord
from fleet_sim.sweeps.settings import (
    Setting,
    expected_keys,
    measured_values,
    measurement_text,
    spread_words,
    varying_keys,
)
from fleet_wire.private_files import FOR_GROUP, write_whole

WORST = 12
_SETTINGS_NAMED = 4
"""Settings that a row names; of more it says how many."""


def write_sweep_report(directory: Path, plan: SweepPlan, records: Sequence[PointRecord]) -> Path:
    """Write `report.html` into `directory` from the runs of a sweep; return its path."""
    by_setting: dict[tuple[str, ...], list[PointRecord]] = {}
    for record in records:
        by_setting.setdefault(tuple(record.setting.values()), []).append(record)
    settings = [
        Setting(values, by_setting.get(tuple(values.values()), [])) for values in plan.settings()
    ]
    page = document(
        "sweep_report.html",
        sweep_plots(settings),
        plan=plan,
        settings=settings,
        badge=_badge(records),
        runs=len(records),
        headline=_headline(records),
        worst=[(record, reproduction(plan, record)) for record in worst_first(records)],
        expectations=_expectations(settings),
        varying=varying_keys(settings),
        constants=_constants(settings),
        command=_command(plan),
        readable=readable,
        spread_words=spread_words,
    )
    target = directory / "report.html"
    write_whole(target, page.encode(), FOR_GROUP)
    return target


def _badge(records: Sequence[PointRecord]) -> Badge:
    bad = sum(record.expect_holds is False or record.error is not None for record in records)
    if bad:
        return Badge(f"✗ Fail: {bad} of {number_of(len(records), 'run')}", "fail")
    if not any(record.expect for record in records):
        return Badge("Nothing expected", "none")
    return Badge(f"✓ Pass: all {number_of(len(records), 'run')}", "pass")


def _headline(records: Sequence[PointRecord]) -> str:
    judged = [record for record in records if record.expect]
    held = sum(bool(record.expect_holds) for record in judged)
    failed = sum(record.error is not None for record in records)
    parts = []
    if judged:
        parts.append(f"Every expectation held in {held} of {number_of(len(judged), 'run')}.")
    if failed:
        parts.append(f"{number_of(failed, 'run')} failed; the worst runs below say why.")
    return " ".join(parts)


def _expectations(settings: Sequence[Setting]) -> list[tuple[str, str, Badge, str]]:
    """Return each key, what was expected of it, in how many runs it held, and where not in all.

    A sweep may vary what is expected of a key, too.
    """
    rows: dict[tuple[str, str], list[tuple[Setting, int, int]]] = {}
    for key in expected_keys(settings):
        for setting in settings:
            if verdicts := setting.verdicts(key):
                held = sum(bool(one["holds"]) for one in verdicts)
                expected = readable.condition(verdicts[0]["condition"])
                rows.setdefault((key, expected), []).append((setting, held, len(verdicts)))
    return [(*what, *_holding(parts, varying_keys(settings))) for what, parts in rows.items()]


def _holding(
    parts: Sequence[tuple[Setting, int, int]], varying: Sequence[str]
) -> tuple[Badge, str]:
    """Return in how many runs an expectation held, and with which settings it did not always."""
    held, judged = sum(part[1] for part in parts), sum(part[2] for part in parts)
    bad = [part for part in parts if part[1] < part[2]]
    named = [
        f"{', '.join(setting.values[one] for one in varying)}: {readable.ratio(some, total)}"
        for setting, some, total in bad[:_SETTINGS_NAMED]
        if varying
    ]
    if varying and len(bad) > _SETTINGS_NAMED:
        named.append(f"and {len(bad) - _SETTINGS_NAMED} more of {number_of(len(parts), 'setting')}")
    badge = Badge(readable.ratio(held, judged), "fail" if bad else "pass")
    return badge, "; ".join(named)


def _constants(settings: Sequence[Setting]) -> dict[str, str]:
    alike = {key: measured_values(settings, key) for key in drawn_keys(settings)}
    return {
        key: measurement_text(key, *values) for key, values in alike.items() if len(values) == 1
    }


def worst_first(records: Sequence[PointRecord]) -> list[PointRecord]:
    """Return the runs that went wrong, worst first: failed, then by what did not hold."""
    bad = [record for record in records if record.error is not None or record.not_holding]
    return sorted(
        bad,
        key=lambda record: (
            record.error is None,
            -len(record.not_holding),
            _measured(record, "attempts.ok_share", -math.inf),
            -_measured(record, "unlock.p95_s", math.inf),
        ),
    )[:WORST]


def _measured(record: PointRecord, key: str, without: float) -> float:
    value = record.measured.get(key)
    return without if value is None else value


def reproduction(plan: SweepPlan, record: PointRecord) -> str:
    """Return the command that does one run of a sweep again, with a report of its own."""
    arguments = ["fleet-sim", "run", str(plan.scenario_file), "--mode", "virtual"]
    arguments += ["--seed", str(record.seed)]
    for override in overrides_of(record.setting):
        arguments += ["--set", override]
    return shlex.join(arguments)


def _command(plan: SweepPlan) -> str:
    arguments = [
        "fleet-sim",
        "sweep",
        str(plan.scenario_file),
        "--seeds",
        str(len(plan.seeds)),
    ]
    arguments += ["--first-seed", str(plan.seeds[0])]
    for swept in plan.swept:
        arguments += ["--set", f"{swept.key}={','.join(swept.values)}"]
    return shlex.join(arguments)
