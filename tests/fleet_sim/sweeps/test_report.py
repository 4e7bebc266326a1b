"""The report of a sweep, as bytes and in a browser; `report.txt` has what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.sweeps.plan import SweepPlan, SweptKey, plan_sweep
from fleet_sim.sweeps.point import PointRecord
from fleet_sim.sweeps.report import reproduction, write_sweep_report
from tests.helpers.browser import on_a_telephone, open_page
from tests.helpers.sweeps import plan, record


def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    """No other file is left beside the page, and a command in it survives the shell."""
    the_plan, records = plan(tmp_path, seeds=2), [record(1, 0.9), record(2, 0.4)]
    pages = [write_sweep_report(tmp_path, the_plan, records).read_bytes() for _ in range(2)]
    assert pages[0] == pages[1]
    assert not [*tmp_path.glob("*.tmp")]
    value = "[{kind: burst, count: 9, duration_s: 5}]"
    one = plan_sweep(tmp_path / "garage.yaml", [f"load.stages={value}"], seeds=1)
    quoted = reproduction(one, record(1, 0.1, load__stages=value))
    assert quoted.endswith(f"--seed 1 --set 'load.stages={value}'")


def test_texts_from_outside_run_no_script(tmp_path: Path) -> None:
    """A script in the scenario's description, in a swept value or in a key is shown as text."""
    script = "<script>alert(1)</script>"
    swept = (SweptKey("fleet.count", (script,)),)
    text = f"description: {script}"
    the_plan = SweepPlan(tmp_path / f"{script[:8]}.yaml", text, swept, range(1, 2))
    verdict = {"key": script, "condition": {"min": 1}, "holds": False}
    records = [PointRecord(setting={"fleet.count": script}, seed=1, expect=[verdict])]
    source = write_sweep_report(tmp_path, the_plan, records).read_text(encoding="utf-8")
    assert script not in source
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;"
    shown = source.replace("<wbr>", "")
    assert shown.count(f"<td><code>{escaped}</code></td>") == 2
    assert f"<pre>description: {escaped}</pre>" in source
    assert "<title>&lt;script&gt;, a sweep</title>" in source


@pytest.mark.browser
def test_a_map_is_drawn_and_read_on_a_telephone(tmp_path: Path) -> None:
    """Chromium draws the cells with their words; no word of the page is broken at 400 pixels."""
    the_plan = plan(tmp_path, "fleet.count=5,50", "load.deadline_s=15,20", seeds=1)
    records = [
        record(1, int(count) * int(deadline) / 1000, fleet__count=count, load__deadline_s=deadline)
        for count in ("5", "50")
        for deadline in ("15", "20")
    ]
    report = write_sweep_report(tmp_path, the_plan, records)
    opened = open_page(report)
    assert opened.requests == []
    assert opened.page.counts["g.heatmap-label"] == 8
    assert "✗ 0 of 1" in opened.page.text
    assert on_a_telephone(report) == "broken: [], wide: false."
