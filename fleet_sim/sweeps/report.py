"""The report of a sweep: one self-contained `report.html`, in the look of a run's report."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from fleet_sim.results import readable
from fleet_sim.results.markup import Markup, element, render, table
from fleet_sim.results.report_document import document, pair, panel, section
from fleet_sim.sweeps.plan import SweepPlan, overrides_of
from fleet_sim.sweeps.plots import HEADLINES, Setting, expected_keys, spread_words, sweep_plots
from fleet_sim.sweeps.point import PointRecord

WORST = 12
_LEAST = float("-inf")


def write_sweep_report(directory: Path, plan: SweepPlan, records: Sequence[PointRecord]) -> Path:
    """Write `report.html` into `directory` from the runs of a sweep; return its path."""
    by_setting: dict[tuple[str, ...], list[PointRecord]] = {}
    for record in records:
        by_setting.setdefault(tuple(record.setting.values()), []).append(record)
    settings = [
        Setting(values, by_setting.get(tuple(values.values()), [])) for values in plan.settings()
    ]
    drawn = sweep_plots(settings)
    body = [
        _header(plan, records),
        section("Settings", _settings_caption(plan), _settings(settings)),
        [pair(*map(panel, drawn[place : place + 2])) for place in range(0, len(drawn), 2)],
        _worst(plan, records),
        _expectations(settings),
        element("details", element("summary", "The scenario"), element("pre", plan.scenario_text)),
        element("footer", "The same sweep again: ", element("code", _command(plan))),
    ]
    target = directory / "report.html"
    temporary = target.with_suffix(".html.tmp")
    temporary.write_text(document(f"{plan.name}, a sweep", render(body), drawn), encoding="utf-8")
    temporary.replace(target)
    return target


def _header(plan: SweepPlan, records: Sequence[PointRecord]) -> Markup:
    facts = {
        "runs": readable.count(len(records)),
        "settings": readable.count(len(plan) // len(plan.seeds)),
        "seeds": f"{plan.seeds[0]} to {plan.seeds[-1]}",
        "mode": "virtual",
    }
    return element(
        "header",
        element("div", element("h1", f"{plan.name}: a sweep"), _badge(records), class_="title"),
        element(
            "dl",
            [
                element("div", element("dt", name), element("dd", fact))
                for name, fact in facts.items()
            ],
            class_="facts",
        ),
        element("p", _headline(records), class_="headline"),
    )


def _badge(records: Sequence[PointRecord]) -> Markup:
    bad = sum(record.expect_holds is False or record.error is not None for record in records)
    if bad:
        text = f"✗ {readable.count(bad)} of {readable.count(len(records))} runs"
        return element("span", text, class_="badge fail")
    if not any(record.expect for record in records):
        return element("span", "Nothing expected", class_="badge none")
    return element("span", "✓ All runs", class_="badge pass")


def _headline(records: Sequence[PointRecord]) -> str:
    judged = [record for record in records if record.expect]
    held = sum(bool(record.expect_holds) for record in judged)
    failed = sum(record.error is not None for record in records)
    parts = []
    if judged:
        all_runs = readable.count(len(judged))
        parts.append(f"Every expectation held in {readable.count(held)} of {all_runs} runs.")
    if failed:
        parts.append(f"{readable.count(failed)} runs failed; the worst runs below say why.")
    return " ".join(parts)


def _settings_caption(plan: SweepPlan) -> str:
    return f"{readable.count(len(plan.seeds))} seeds each; least, median and greatest over them."


def _settings(settings: Sequence[Setting]) -> Markup:
    rows = []
    for setting in settings:
        held, judged = setting.holding()
        rows.append(
            (
                element("code", setting.label),
                readable.count(len(setting.ended)),
                readable.count(len(setting.records) - len(setting.ended)),
                f"{readable.count(held)} of {readable.count(judged)}",
                *(" · ".join(spread_words(setting, key)) for key in HEADLINES),
            )
        )
    headings = ["Setting", "#Runs", "#Failed", "#All hold", "#Opened", "#p95"]
    return table(headings, rows)


def _expectations(settings: Sequence[Setting]) -> Markup:
    """Return in how many runs each expectation held, by setting."""
    keys = expected_keys(settings)
    if not keys:
        return Markup("")
    rows = []
    for key in keys:
        for setting in settings:
            verdicts = setting.verdicts(key)
            held = sum(bool(one["holds"]) for one in verdicts)
            if verdicts:
                mark = "pass" if held == len(verdicts) else "fail"
                words = f"{readable.count(held)} of {readable.count(len(verdicts))}"
                rows.append(
                    (
                        element("code", key),
                        element("code", setting.label),
                        readable.condition(verdicts[0]["condition"]),
                        element("span", words, class_=f"mark {mark}"),
                    )
                )
    shown = table(["Key", "Setting", "#Expected", "#Holds in runs"], rows)
    return section("Expectations", "In how many runs each one held.", shown)


def worst(records: Sequence[PointRecord]) -> list[PointRecord]:
    """Return the runs that went wrong, worst first: failed, then by what did not hold."""
    bad = [record for record in records if record.error is not None or _not_holding(record)]
    return sorted(
        bad,
        key=lambda record: (
            record.error is None,
            -len(_not_holding(record)),
            _number(record, "attempts.ok_share"),
            -_number(record, "unlock.p95_s"),
        ),
    )[:WORST]


def _number(record: PointRecord, key: str) -> float:
    value = record.measured.get(key)
    return _LEAST if value is None else value


def _not_holding(record: PointRecord) -> list[str]:
    return [one["key"] for one in record.expect if not one["holds"]]


def _worst(plan: SweepPlan, records: Sequence[PointRecord]) -> Markup:
    bad = worst(records)
    if not bad:
        return Markup("")
    rows = [
        (
            str(record.seed),
            readable.share(record.measured.get("attempts.ok_share")),
            readable.duration(record.measured.get("unlock.p95_s")),
            record.error or ", ".join(_not_holding(record)),
            element("code", reproduction(plan, record)),
        )
        for record in bad
    ]
    caption = "The runs that failed or broke most expectations, and how to do each again by itself."
    headings = ["#Seed", "#Opened", "#p95", "What went wrong", "The same run again"]
    return section("Worst runs", caption, table(headings, rows))


def reproduction(plan: SweepPlan, record: PointRecord) -> str:
    """Return the command that does one run of a sweep again, with a report of its own."""
    words = ["fleet-sim", "run", str(plan.scenario_file), "--mode", "virtual"]
    words += ["--seed", str(record.seed)]
    for override in overrides_of(record.setting):
        words += ["--set", override]
    return shlex.join(words)


def _command(plan: SweepPlan) -> str:
    words = ["fleet-sim", "sweep", str(plan.scenario_file), "--seeds", str(len(plan.seeds))]
    words += ["--first-seed", str(plan.seeds[0])]
    for swept in plan.swept:
        words += ["--set", f"{swept.key}={','.join(swept.values)}"]
    return shlex.join(words)
