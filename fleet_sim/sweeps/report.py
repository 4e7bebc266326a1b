"""The report of a sweep: one self-contained `report.html`, in the look of a run's report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
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

WORST = 12
_SETTINGS_NAMED = 4
"""Settings that a row names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """How the runs of one setting went; spreads are least, median and greatest."""

    values: list[str]
    """The values of the swept keys, in their order."""
    runs: str
    failed: str
    all_hold: str
    opened: str
    p50: str
    p95: str


@dataclass(frozen=True, slots=True)
class WorstRow:
    """A run that went wrong, and how to do it again."""

    seed: int
    opened: str
    p95: str
    what_went_wrong: str
    command: str


@dataclass(frozen=True, slots=True)
class HoldingRow:
    """In how many runs an expectation held, and with which settings it did not always."""

    key: str
    expected: str
    holds: Badge
    fails_with: str


@dataclass(frozen=True, slots=True)
class SweepPage:
    """Everything that the page shows besides its plots, in the order of the page."""

    name: str
    badge: Badge
    facts: dict[str, str]
    headline: str
    swept: list[str]
    settings_caption: str
    settings: list[SettingRow]
    worst: list[WorstRow]
    expectations: list[HoldingRow]
    expectations_caption: str
    constants: dict[str, str]
    """Values that every run shares; they are not drawn."""
    scenario_text: str
    command: str


def write_sweep_report(directory: Path, plan: SweepPlan, records: Sequence[PointRecord]) -> Path:
    """Write `report.html` into `directory` from the runs of a sweep; return its path."""
    by_setting: dict[tuple[str, ...], list[PointRecord]] = {}
    for record in records:
        by_setting.setdefault(tuple(record.setting.values()), []).append(record)
    settings = [
        Setting(values, by_setting.get(tuple(values.values()), [])) for values in plan.settings()
    ]
    page = _page(plan, settings, records)
    target = directory / "report.html"
    temporary = target.with_suffix(".html.tmp")
    temporary.write_text(
        document("sweep_report.html", page, sweep_plots(settings)), encoding="utf-8"
    )
    temporary.replace(target)
    return target


def _page(
    plan: SweepPlan, settings: Sequence[Setting], records: Sequence[PointRecord]
) -> SweepPage:
    seeds = number_of(len(plan.seeds), "seed")
    return SweepPage(
        name=plan.name,
        badge=_badge(records),
        facts=_facts(plan, records),
        headline=_headline(records),
        swept=[swept.key for swept in plan.swept],
        settings_caption=f"{seeds} each; least, median and greatest over them.",
        settings=[_setting_row(setting) for setting in settings],
        worst=[_worst_row(plan, record) for record in worst_first(records)],
        expectations=_expectations(settings),
        expectations_caption=_expectations_caption(settings),
        constants=_constants(settings),
        scenario_text=plan.scenario_text,
        command=_command(plan),
    )


def _facts(plan: SweepPlan, records: Sequence[PointRecord]) -> dict[str, str]:
    return {
        "runs": readable.count(len(records)),
        "settings": readable.count(len(plan) // len(plan.seeds)),
        "seeds": f"{plan.seeds[0]} to {plan.seeds[-1]}",
        "mode": "virtual",
    }


def _badge(records: Sequence[PointRecord]) -> Badge:
    bad = sum(record.expect_holds is False or record.error is not None for record in records)
    if bad:
        return Badge(f"✗ Fail: {bad} of {number_of(len(records), 'run')}", "fail")
    if not any(record.expect for record in records):
        return Badge("Nothing expected", "none")
    return Badge(f"✓ Pass: all {number_of(len(records), 'run')}", "pass")


def _ratio_text(some: int, total: int) -> str:
    return f"{readable.count(some)} of {readable.count(total)}"


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


def _setting_row(setting: Setting) -> SettingRow:
    return SettingRow(
        values=[*setting.values.values()],
        runs=readable.count(len(setting.ended_records)),
        failed=readable.count(len(setting.records) - len(setting.ended_records)),
        all_hold=_ratio_text(*setting.holding()),
        opened=spread_words(setting, "attempts.ok_share"),
        p50=spread_words(setting, "unlock.p50_s"),
        p95=spread_words(setting, "unlock.p95_s"),
    )


def _expectations(settings: Sequence[Setting]) -> list[HoldingRow]:
    """Return a row for each key and what was expected of it, which a sweep may vary, too."""
    rows: dict[tuple[str, str], list[tuple[Setting, int, int]]] = {}
    for key in expected_keys(settings):
        for setting in settings:
            if verdicts := setting.verdicts(key):
                held = sum(bool(one["holds"]) for one in verdicts)
                expected = readable.condition(verdicts[0]["condition"])
                rows.setdefault((key, expected), []).append((setting, held, len(verdicts)))
    keys = varying_keys(settings)
    return [_holding_row(key, expected, parts, keys) for (key, expected), parts in rows.items()]


def _holding_row(
    key: str, expected: str, parts: Sequence[tuple[Setting, int, int]], varying: Sequence[str]
) -> HoldingRow:
    held, judged = sum(part[1] for part in parts), sum(part[2] for part in parts)
    bad = [part for part in parts if part[1] < part[2]]
    named = [
        f"{', '.join(setting.values[one] for one in varying)}: {_ratio_text(some, total)}"
        for setting, some, total in bad[:_SETTINGS_NAMED]
        if varying
    ]
    if varying and len(bad) > _SETTINGS_NAMED:
        named.append(f"and {len(bad) - _SETTINGS_NAMED} more of {number_of(len(parts), 'setting')}")
    return HoldingRow(
        key=key,
        expected=expected,
        holds=Badge(_ratio_text(held, judged), "fail" if bad else "pass"),
        fails_with="; ".join(named),
    )


def _expectations_caption(settings: Sequence[Setting]) -> str:
    keys = varying_keys(settings)
    by = f" Where not in all, by {', '.join(keys)}." if keys else ""
    return f"In how many runs each one held.{by}"


def _constants(settings: Sequence[Setting]) -> dict[str, str]:
    alike = {key: measured_values(settings, key) for key in drawn_keys(settings)}
    return {
        key: measurement_text(key, *values) for key, values in alike.items() if len(values) == 1
    }


def worst_first(records: Sequence[PointRecord]) -> list[PointRecord]:
    """Return the runs that went wrong, worst first: failed, then by what did not hold."""
    bad = [record for record in records if record.error is not None or _not_holding(record)]
    return sorted(
        bad,
        key=lambda record: (
            record.error is None,
            -len(_not_holding(record)),
            _measured(record, "attempts.ok_share", -math.inf),
            -_measured(record, "unlock.p95_s", math.inf),
        ),
    )[:WORST]


def _measured(record: PointRecord, key: str, without: float) -> float:
    value = record.measured.get(key)
    return without if value is None else value


def _not_holding(record: PointRecord) -> list[str]:
    return [one["key"] for one in record.expect if not one["holds"]]


def _worst_row(plan: SweepPlan, record: PointRecord) -> WorstRow:
    return WorstRow(
        seed=record.seed,
        opened=readable.share(record.measured.get("attempts.ok_share")),
        p95=readable.duration(record.measured.get("unlock.p95_s")),
        what_went_wrong=record.error or ", ".join(_not_holding(record)),
        command=reproduction(plan, record),
    )


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
