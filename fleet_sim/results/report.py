"""The report of a run: one self-contained `report.html` that opens offline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fleet_sim.results.report_data import read_run
from fleet_sim.results.report_document import document
from fleet_sim.results.report_page import run_page
from fleet_sim.results.report_plots import plots
from fleet_wire.private_files import FOR_GROUP, write_whole


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
        **run_page(summary, data),
    )
    target = run_directory / "report.html"
    write_whole(target, page.encode(), FOR_GROUP)
    return target
