"""The report of a run: one self-contained `report.html` that opens offline."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from fleet_sim.pages.page_data import Badge, Tile
from fleet_sim.results import readable, report_injected
from fleet_sim.results.expectations import value_at
from fleet_sim.results.fleet_parts import where_it_failed
from fleet_sim.results.keeping_up import could_not_keep_up
from fleet_sim.results.report_colours import CAUSE_COLOURS, OUTCOME_COLOURS
from fleet_sim.results.report_data import RunData, read_run
from fleet_sim.results.report_document import document
from fleet_sim.results.report_plots import plots
from fleet_sim.results.safety import safety_in_words
from fleet_wire.contract.causes import CAUSES, Outcome
from fleet_wire.contract.problems import GENERIC, PROBLEMS
from fleet_wire.modes.catalogue import MODES, TITLES
from fleet_wire.private_files import FOR_GROUP, write_whole

COLOURS: dict[str, str] = {
    **OUTCOME_COLOURS,
    **CAUSE_COLOURS,
    report_injected.OPENED: OUTCOME_COLOURS[Outcome.OK],
}
WORST_CARS = 20
MOST_PARTS = 12
"""Parts of one kind that are shown."""


def write_report(run_directory: Path, summary: Mapping[str, Any], scenario_text: str) -> Path:
    """Write `report.html` into `run_directory` from its files and its summary; return its path.

    Shows verdicts from `summary["expect"]`. It reads `attempts.jsonl`, `fleet_samples.jsonl`,
    `ground_truth.jsonl` and `manifest.json` (`name`, `started_at`, `scenario`). The command that
    repeats the run needs `scenario_file` and `overrides` there. Missing parts are left out.
    """
    data = read_run(run_directory)
    page = document(
        "run_report.html",
        plots(summary, data),
        name=str(data.manifest.get("name") or run_directory.resolve().name),
        scenario_text=scenario_text,
        summary=summary,
        data=data,
        badge=_badge(summary),
        facts=_facts(summary, data.manifest),
        where_it_failed=where_it_failed(summary),
        safety=safety_in_words(summary["safety"]),
        tiles=_tiles(summary, len(data.cars)),
        cars=data.worst_cars(WORST_CARS),
        done_to=_done_to_cars(data),
        command=_command(summary, data.manifest),
        most_parts=MOST_PARTS,
        readable=readable,
        injected_words=report_injected,
        colours=COLOURS,
        causes=CAUSES,
        generic=GENERIC,
        problems=PROBLEMS,
        modes=MODES,
        titles=TITLES,
    )
    target = run_directory / "report.html"
    write_whole(target, page.encode(), FOR_GROUP)
    return target


def _badge(summary: Mapping[str, Any]) -> Badge:
    verdicts = summary["expect"]
    failed = sum(not verdict["holds"] for verdict in verdicts)
    if defects := summary["model_defects"]:
        return Badge(
            f"✗ Not to be trusted: {readable.number_of(defects, 'defect')} of the model", "fail"
        )
    after_s = summary["interrupted_after_s"]
    until = "" if after_s is None else f", {readable.interrupted(after_s)}"
    if not verdicts:
        return Badge(f"Nothing expected{until}", "none")
    if failed:
        expectations = readable.number_of(len(verdicts), "expectation")
        return Badge(f"✗ Fail: {failed} of {expectations}{until}", "fail")
    if until:
        return Badge(f"No verdict: {readable.all_hold(len(verdicts))}{until}", "none")
    return Badge(f"✓ Pass: {readable.all_hold(len(verdicts))}", "pass")


def _facts(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what kind of run it was; what is not known is left out."""
    rate = summary["connect"]["rate_per_s"]
    facts = {
        "seed": summary["seed"],
        "mode": summary["mode"],
        "mitigation": manifest.get("mitigation"),
        "broker": summary["broker"],
        "brokers that broke": "; ".join(summary["broken_brokers"]) or None,
        "could not keep up": "; ".join(could_not_keep_up(summary)) or None,
        "cars": readable.count(summary["boxes"]["configured"]),
        "connected": rate and f"{readable.count(round(rate))} a second",
        "started": _stamp(manifest.get("started_at")),
    }
    return {name: str(fact) for name, fact in facts.items() if fact is not None}


def _stamp(started_at: Any) -> str | None:
    if isinstance(started_at, int | float) and not isinstance(started_at, bool):
        return readable.moment(started_at)
    try:
        return readable.moment(datetime.fromisoformat(started_at).timestamp())
    except (TypeError, ValueError):
        return None if started_at is None else str(started_at)


def _tiles(summary: Mapping[str, Any], cars: int) -> list[Tile]:
    """Return the row of big numbers; one stands out when an expectation on it does not hold.

    None is marked as good: that 73 % opened as expected is no good news to a customer.
    """
    duration, count = readable.duration, readable.count
    boxes = f"of {readable.boxes(summary['boxes']['configured'])}"
    if (memory := summary["fleet"]["rss_bytes_per_box"]) is not None:
        boxes += f", {readable.bytes_size(memory)} each"
    dropped = f"p99; {count(summary['probe']['dropped'] or 0)} starts dropped"
    figures = {
        "attempts.total": ("Unlocks", count, f"{readable.number_of(cars, 'car')} asked"),
        "attempts.ok_share": ("Opened", readable.share, "of all unlocks"),
        "unlock.p50_s": ("p50", duration, _opened_within(summary, 50)),
        "unlock.p95_s": ("p95", duration, _opened_within(summary, 95)),
        "unlock.p99_s": ("p99", duration, _opened_within(summary, 99)),
        "stray.late_unlock": ("Opened late", count, "after the customer was told no"),
        "boxes.connected_max": ("Connected", count, boxes),
        "probe.schedule_lag_p99_s": ("Schedule lag", duration, dropped),
        "floor.p50_s": ("Floor p50", duration, "a box that takes no time itself"),
    }
    broken = {verdict["key"] for verdict in summary["expect"] if not verdict["holds"]}
    return [
        Tile(label, as_text(value_at(summary, key)), note, "fail" if key in broken else "none")
        for key, (label, as_text, note) in figures.items()
    ]


def _opened_within(summary: Mapping[str, Any], percent: int) -> str:
    if not summary["attempts"]["total"]:
        return "no unlock ended"
    is_reached = summary["unlock"][f"p{percent}_s"] is not None
    return f"{percent} % opened within this" if is_reached else f"fewer than {percent} % opened"


def _done_to_cars(data: RunData) -> dict[str, dict[str, None]]:
    """Return the faults that were injected into each car, and whether its box was lost."""
    done: dict[str, dict[str, None]] = {}
    for fault in data.faults:
        for vehicle_id in fault.vehicles:
            done.setdefault(vehicle_id, {})[fault.fault] = None
    for boxes in data.lost:
        how = "was lost" if boxes.until_s is None else "stood still"
        for vehicle_id in boxes.vehicles:
            done.setdefault(vehicle_id, {})[f"its box {how} with {boxes.name}"] = None
    return done


def _command(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """Return how to get the same run again."""
    file = str(manifest.get("scenario_file") or "SCENARIO")
    if "future" in manifest:  # its manifest holds more than its scenario
        again = file if file.endswith(".json") else str(Path(file).with_name("manifest.json"))
        return shlex.join(["fleet-sim", "run", again, "--mode", "virtual"])
    words = ["fleet-sim", "run", file, "--seed", str(summary["seed"])]
    for override in manifest.get("overrides") or []:
        words += ["--set", str(override)]
    return shlex.join(words)
