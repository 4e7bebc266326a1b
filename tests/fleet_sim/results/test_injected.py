"""What was injected against what was concluded: in the summary, on the page and on the terminal."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from fleet_sim.results.expectations import known_keys
from fleet_sim.results.injected import Injected, InjectedFault, LostBoxes
from fleet_sim.results.report import write_report
from fleet_sim.results.report_injected import absence_text, lost_name, verdict
from fleet_sim.results.summary import LOST_BOXES, Attempts, summarize
from fleet_sim.runs.closing_tables import print_summary
from fleet_wire.contract.causes import Cause
from tests.helpers.browser import read_page
from tests.helpers.sample_run import (
    SCENARIO_TEXT,
    SampleRun,
    make_attempt,
    sample_facts,
    write_lines,
    write_sample_run,
)


def fault(name: str, *attempts: int, start_s: float = 0.0) -> InjectedFault:
    """Return a fault on two cars that touched the attempts of these numbers."""
    return InjectedFault(
        fault=name,
        start_s=start_s,
        end_s=start_s + 10,
        vehicles=["car-1", "car-2"],
        seen="something",
        attempts=[f"attempt-{number}" for number in attempts],
    )


def injected(faults: list[InjectedFault], *causes: Cause | None) -> dict[str, Any]:
    """Return what is in the summary of attempts that ended so, numbered from 0."""
    of_run = Injected(faults)
    for number, cause in enumerate(causes):
        of_run.add(make_attempt(number, cause=cause))
    return of_run.as_json()


def test_what_was_said_is_sorted_by_the_fault_that_touched_it() -> None:
    """An attempt counts for each fault that touched it, and once for all of them together."""
    found = injected(
        [fault("garage", 0, 1, 2), fault("outage", 2)],
        *(Cause.BOX_OFFLINE, Cause.BOX_SILENT, Cause.BOX_OFFLINE, None, Cause.BOX_BUSY),
    )
    garage, outage = found["faults"]
    assert garage["by_cause"] == {"box_offline": 2, "box_silent": 1}
    assert (garage["fault"], garage["cars"], garage["seen"]) == ("garage", 2, "something")
    assert (outage["total"], outage["not_ok"], outage["ok"]) == (1, 1, 0)
    assert [found["touched"][key] for key in ("total", "ok", "not_ok")] == [3, 0, 3]
    assert [found["untouched"][key] for key in ("total", "ok", "not_ok")] == [2, 1, 1]
    assert found["untouched"]["by_cause"]["box_busy"] == 1
    assert found["untouched"]["by_cause"]["box_offline"] == 0
    assert {"injected.untouched.not_ok", "injected.touched.by_cause.box_silent"} <= {*known_keys()}


def test_unlocks_of_lost_boxes_stand_apart() -> None:
    """Whatever was said of them; those before the loss, and those that a fault touched, do not."""
    lost = LostBoxes(process=2, processes=4, since_s=10.0, vehicles=["car-1", "car-3"])
    of_run = Injected([fault("garage", 0)], [lost])
    silent = Cause.BOX_SILENT
    for number, (vehicle_id, at_s, cause) in enumerate(
        [
            ("car-1", 20.0, silent),  # touched
            ("car-1", 20.0, silent),
            ("car-3", 8.0, silent),  # under way when it was lost
            ("car-3", 2.0, None),
            ("car-2", 20.0, Cause.BOX_BUSY),
        ]
    ):
        attempt = make_attempt(number, cause=cause, vehicle_id=vehicle_id)
        of_run.add(msgspec.structs.replace(attempt, scheduled_s=at_s, total_s=3.0))
    found = of_run.as_json()
    (told,) = found["lost"]
    assert told == {
        "process": 2, "processes": 4, "since_s": 10.0, "until_s": None, "cars": 2,
        "total": 2, "ok": 0, "not_ok": 2, "by_cause": {"box_silent": 2},
    }  # fmt: skip
    assert (found["touched"]["total"], found["untouched"]["total"]) == (1, 2)
    assert verdict(found).startswith(
        "2 unlocks did not open because the boxes were lost with process 2 of 4, whatever the"
        " monitor said of them. Without these: A fault had touched 1 of the 2 unlocks that did not"
        " open;"
    )
    assert verdict(Injected((), [lost]).as_json()) == (
        "The boxes that were lost with process 2 of 4 kept no unlock from opening."
    )


def test_unlocks_of_boxes_that_stood_still_stand_apart() -> None:
    """Those that were under way meanwhile, each time; and it is said that they came back."""
    spans = [(10.0, 20.0), (30.0, 35.0)]
    still = [
        LostBoxes(process=2, processes=3, since_s=since, until_s=until, vehicles=["car-1"])
        for since, until in spans
    ]
    of_run = Injected([], still)
    for number, at_s in enumerate([5.0, 8.0, 19.0, 21.0, 34.0, 36.0]):
        attempt = make_attempt(number, cause=Cause.BOX_SILENT, vehicle_id="car-1")
        of_run.add(msgspec.structs.replace(attempt, scheduled_s=at_s, total_s=3.0))
    found = of_run.as_json()
    assert [each["total"] for each in found["lost"]] == [2, 1]
    assert found["untouched"]["total"] == 3
    assert verdict(found) == (
        "3 unlocks did not open because the boxes stood still with process 2 of 3, whatever the"
        " monitor said of them."
    )
    assert lost_name(found["lost"][0]) == "process 2 of 3, stood still with its boxes"
    assert absence_text(found["lost"][0]) == "10 to 20 s"


def test_the_page_tells_of_lost_boxes_without_faults(tmp_path: Path) -> None:
    """Beside the cars too; a floor that was measured without its box has no figures."""
    write_sample_run(tmp_path, SampleRun())
    (tmp_path / "ground_truth.jsonl").unlink()
    cars = sorted({attempt.vehicle_id for attempt in Attempts(tmp_path / "attempts.jsonl")})
    lost = LostBoxes(process=1, processes=2, since_s=-1.0, with_null_box=True, vehicles=cars)
    write_lines(tmp_path / LOST_BOXES, [lost])
    summary = summarize(tmp_path, sample_facts())
    assert summary["floor"]["total"] == 0
    assert summary["injected"]["untouched"]["total"] == 0
    write_report(tmp_path, summary, SCENARIO_TEXT)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "process 1 of 2, lost with its boxes" in html
    assert "its box was lost with process 1 of 2" in html
    assert "from 0 s" in html
    assert "because the boxes were lost with process 1 of 2, whatever the monitor said" in html
    assert "a fault had touched" not in html


def test_the_verdict_says_what_the_faults_explain() -> None:
    """All, some, or nothing to explain."""
    one = [fault("garage", 0, 1)]
    assert verdict(injected(one, Cause.BOX_SILENT, None, None)) == (
        "A fault had touched every unlock that did not open (1)."
        " Touched, and opened all the same: 1."
    )
    assert verdict(injected(one, Cause.BOX_SILENT, None, Cause.BOX_BUSY, Cause.BOX_ASLEEP)) == (
        "A fault had touched 1 of the 3 unlocks that did not open; none had touched the others:"
        " box_asleep 1, box_busy 1. Touched, and opened all the same: 1."
    )
    assert verdict(injected(one, None, None)) == (
        "None has a cause, so to the monitor every unlock opened; a fault had touched 2 of them."
    )


def test_rows_stand_in_the_order_of_time_and_the_untouched_last(tmp_path: Path) -> None:
    """Each has the parts of its bar, the most frequent cause after what opened.

    Without faults there is no such table.
    """
    summary = summarize(tmp_path, sample_facts())
    page = write_report(tmp_path, summary, "").read_text("utf-8")
    assert "Injected, and concluded" not in page
    causes = (Cause.BOX_BUSY, Cause.BOX_SILENT, Cause.BOX_SILENT, None)
    faults = [fault("late", start_s=5.5), fault("early", 0, 1, 2, 3)]
    summary["injected"] = injected(faults, *causes)
    page = write_report(tmp_path, summary, "").read_text("utf-8")
    assert re.findall(r"style=.width:([\d.]+)%", page) == ["25.000", "50.000", "25.000"]
    seen = "To be seen of it: something."
    assert (
        f"early 0 to 10 s 2 4 1 opened 2 box_silent 1 box_busy {seen}"
        f" late 5.5 to 15.5 s 2 0 {seen} none – – 0 Expectations"  # noqa: RUF001 - as it is shown
    ) in read_page(page).text


def test_report_and_terminal_show_it(tmp_path: Path) -> None:
    """The fault, what it touched, what was said of that; and what failed without it."""
    summary = write_sample_run(tmp_path, SampleRun())
    said = summary["injected"]["faults"][0]["by_cause"]["box_offline"]
    page = write_report(tmp_path, summary, SCENARIO_TEXT).read_text(encoding="utf-8")
    assert f"A fault had touched {said} of the " in page
    assert f"<strong>{said}</strong> box_offline" in page
    assert "To be seen of it: box_silent, then box_offline." in page
    console = Console(file=StringIO(), width=120)
    print_summary(summary, console)
    words = console.file.getvalue().split()  # type: ignore[attr-defined]
    row = ["no_coverage_garage", "20", "to", "40", "s", "200", str(said), "box_offline", str(said)]
    at = words.index("no_coverage_garage")
    assert words[at : at + len(row)] == row
    untouched = summary["attempts"]["total"] - said
    at = words.index("nothing")
    assert words[at : at + 3] == ["nothing", str(untouched), "opened"]
