"""How the unlocks of each part of a fleet went, in the summary and on the page."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from fleet_sim.results.fleet_parts import FleetParts, where_it_failed
from fleet_sim.results.report import write_report
from fleet_sim.results.report_page import MOST_PARTS
from fleet_sim.results.summary import summarize
from fleet_sim.runs.closing_tables import print_summary
from fleet_wire.contract.attempt import Attempt, Flag, Source, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause
from tests.helpers.browser import read_page
from tests.helpers.sample_run import make_attempt, sample_facts, write_lines

GROUPS = ("old", "new", "idle")
FIRMWARES = ("1.8.0", "2.4.1", "2.4.1")


def labels(group: str, firmware: str) -> dict[str, str]:
    """Return the labels of a group; all are in one region."""
    return {"group": group, "firmware": firmware, "region": "north", "operator": group[0]}


FLEET = FleetParts(
    [labels(*pair) for pair in zip(GROUPS, FIRMWARES, strict=True)],
    lambda vehicle_id: {"old": 0, "new": 1}.get(vehicle_id.partition("-")[0]),
)


def attempt(number: int, car: str, cause: Cause | None = None, total_s: float = 2.0) -> Attempt:
    """Return an attempt on a car."""
    made = make_attempt(number, cause=cause, vehicle_id=car)
    return msgspec.structs.replace(made, total_s=total_s)


def test_each_part_has_its_own_numbers(tmp_path: Path) -> None:
    """Groups of one firmware count together; a car of no group counts in no part."""
    late = msgspec.structs.replace(attempt(5, "new-2"), flags=(Flag.OBSERVED_LATE,))
    attempts = [
        attempt(1, "old-1", Cause.BOX_OFFLINE),
        attempt(2, "old-2", total_s=3.0),
        attempt(3, "new-1", total_s=1.0),
        attempt(4, "lost-1", Cause.BOX_BUSY),
        late,
    ]
    write_lines(tmp_path / "attempts.jsonl", attempts)
    opened = [
        StrayAnswer(
            kind=StrayKind.LATE, vehicle_id=car, command_id="c", phase="executed", at=1.0,
            source=Source.PROBE, is_late_unlock=True,
        )
        for car in ("old-1", "old-2", "old-1", "new-1", "lost-1")
    ]  # fmt: skip
    write_lines(tmp_path / "stray_answers.jsonl", opened)
    by = summarize(tmp_path, sample_facts(), FLEET)["by"]
    assert list(by) == ["firmware", "group", "region", "operator"]
    old, new = by["firmware"]["1.8.0"], by["firmware"]["2.4.1"]
    assert (old["total"], old["ok_share"], old["late_unlock"]) == (2, 0.5, 3)
    assert (old["p50_s"], old["p95_s"]) == (3.0, None)
    assert old["by_cause"] == {**dict.fromkeys(Cause, 0), Cause.BOX_OFFLINE: 1}
    assert (new["total"], new["ok_share"], new["p99_s"]) == (2, 1.0, 1.0)
    assert by["group"]["new"] == new
    assert (by["group"]["idle"]["total"], by["group"]["idle"]["ok_share"]) == (0, None)
    north = by["region"]["north"]
    assert (north["total"], north["late_unlock"]) == (4, 4)


def test_the_page_shows_the_worst_of_each_kind_first(tmp_path: Path) -> None:
    """No kind of one part, no part without an unlock."""
    write_lines(
        tmp_path / "attempts.jsonl",
        [attempt(1, "new-1"), attempt(2, "old-1", Cause.BOX_OFFLINE), attempt(3, "old-1")],
    )
    summary = summarize(tmp_path, sample_facts(), FLEET)
    page = read_page(write_report(tmp_path, summary, "").read_text("utf-8")).text
    times = "2 s – 0"  # noqa: RUF001 - as it is shown
    shown = [
        f"firmware 1.8.0 2 50 % {times} box_offline × 1 2.4.1 1 100 % 2 s 2 s 0",  # noqa: RUF001
        f"group old 2 50 % {times} box_offline × 1 new 1 100 %",  # noqa: RUF001
        f"operator o 2 50 % {times} box_offline × 1 n 1 100 %",  # noqa: RUF001
    ]
    places = [page.index(row) for row in shown]
    assert places == sorted(places)
    assert "idle" not in page
    without = summarize(tmp_path, sample_facts())
    assert "Parts of the fleet" not in write_report(tmp_path, without, "").read_text("utf-8")


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        ({"old": 10}, "All 10 that did not open were of firmware 1.8.0"),
        ({"old": 18, "new": 2}, "18 of the 20 that did not open were of firmware 1.8.0"),
        ({"old": 17, "new": 3}, None),
        ({"old": 9}, None),
        ({"new": 20}, None),
    ],
)
def test_a_part_that_nearly_all_failures_are_of_is_named(
    tmp_path: Path, failed: dict[str, int], words: str | None
) -> None:
    """In the headline and on the terminal, where chance could not have it so."""
    cars = [f"{group}-{number}" for group in failed for number in range(failed[group])]
    attempts = [attempt(n, car, Cause.BOX_OFFLINE) for n, car in enumerate(cars)]
    attempts += [attempt(100 + n, "new-9") for n in range(30)]
    write_lines(tmp_path / "attempts.jsonl", attempts)
    summary = summarize(tmp_path, sample_facts(), FLEET)
    said = where_it_failed(summary)
    assert (said or "").startswith(words or "")
    assert (said is None) is (words is None)
    console = Console(file=StringIO(), width=200)
    print_summary(summary, console)
    page = write_report(tmp_path, summary, "").read_text("utf-8")
    for text in (page, console.file.getvalue()):  # type: ignore[attr-defined]
        assert ("that did not open were of" in text) is (words is not None)
    assert said is None or said in page


def test_of_many_parts_the_page_shows_the_worst(tmp_path: Path) -> None:
    """And says how many there are."""
    names = [f"g{number}" for number in range(40)]
    fleet = FleetParts(
        [labels(name, "1") for name in names], lambda car: names.index(car.partition("-")[0])
    )
    attempts = [attempt(number, f"{name}-1") for number, name in enumerate(names)]
    bad = attempt(99, "g7-1", Cause.BOX_BUSY)
    write_lines(tmp_path / "attempts.jsonl", [*attempts, bad])
    summary = summarize(tmp_path, sample_facts(), fleet)
    page = read_page(write_report(tmp_path, summary, "").read_text("utf-8")).text
    assert f"group ({MOST_PARTS} of 40) g7 2 50 %" in page
    assert page.count(" 1 100 % 2 s 2 s 0 ") == MOST_PARTS - 1
