"""Tests of the summary of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results.report_data import read_run
from fleet_sim.results.report_plots import plots
from fleet_sim.results.summary import JsonLines, empty_summary, summarize
from fleet_sim.results.times import quantile
from fleet_wire.contract.attempt import Attempt, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause
from tests.helpers.sample_run import make_attempt, sample_facts, write_lines

TIMES_S = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=200)


@given(TIMES_S, st.integers(min_value=1, max_value=99))
def test_quantile_is_the_nearest_rank(values: list[float], percent: int) -> None:
    """At least that share of the values is at most the quantile, and no smaller value has that."""
    found = quantile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    smaller = [value for value in values if value < found]
    assert len(smaller) * 100 < percent * len(values)


def test_the_empty_summary_is_that_of_an_empty_directory(tmp_path: Path) -> None:
    """But for the facts, which no file says: counts are 0, and values are None."""
    facts = replace(sample_facts(seed=11), model_defects=2, first_model_defect="ValueError: x")
    empty, of_nothing = empty_summary(), summarize(tmp_path, facts)
    assert list(empty) == list(of_nothing)
    assert {key: of_nothing[key] for key in empty if of_nothing[key] != empty[key]} == {
        "seed": 11,
        "mode": "live",
        "broker": facts.broker,
        "boxes": {**empty["boxes"], "configured": 1000, "connected_max": 1000},
        "connect": {"rate_per_s": 4210.5},
        "fleet": {"rss_bytes_per_box": 4480.0},
        "model_defects": 2,
        "first_model_defect": "ValueError: x",
    }
    assert empty["attempts"]["by_cause"] == {cause.value: 0 for cause in Cause}
    assert (empty["attempts"]["total"], empty["attempts"]["ok_share"]) == (0, None)
    assert (empty["probe"]["dropped"], empty["unlock"]["p99_s"]) == (None, None)
    msgspec.json.encode(of_nothing)


def test_how_long_the_api_took_is_told_beside_its_hop(tmp_path: Path) -> None:
    """From request to answer: one that comes when the door is open is a hop of 0."""
    opened = make_attempt(1)
    asked = msgspec.structs.replace(
        opened,
        stages={**opened.stages, "requested": 0.5, "api_answered": 2.5},
        hops_s={**opened.hops_s, "api_answered": 0.0},
    )
    write_lines(tmp_path / "attempts.jsonl", [asked, make_attempt(2)])
    summary = summarize(tmp_path, sample_facts())
    assert summary["stages"]["api_answered"]["p50_s"] == 0.0
    assert summary["api_answer"] == {"count": 1, "p50_s": 2.0, "p95_s": 2.0, "p99_s": 2.0}
    captions = {plot.name: plot.caption for plot in plots(summary, read_run(tmp_path))}
    assert "From its request to its answer the API took 2 s (p50)" in captions["stages"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"attempt_id":"a-1","command_id":"c',
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"kind":"late"}',
        b"[" * 100_000,
    ],
)
def test_unreadable_lines_are_counted(tmp_path: Path, line: bytes) -> None:
    """A line that is no record is skipped and counted in each file, also without its end."""
    stray = StrayAnswer(
        kind=StrayKind.ORPHAN, vehicle_id="car-1", command_id="c9", phase="executed", at=1.0
    )
    for name, record in (
        ("attempts", make_attempt(1)), ("floor", make_attempt(2)), ("stray_answers", stray)
    ):  # fmt: skip
        good = msgspec.json.encode(record)
        (tmp_path / f"{name}.jsonl").write_bytes(line + b"\n" + good + b"\n\n" + line)
    summary = summarize(tmp_path, sample_facts())
    assert summary["attempts"]["total"] == summary["floor"]["total"] == 1
    assert summary["stray"]["orphan"] == 1
    assert summary["unreadable_lines"] == 6


@given(st.data())
def test_a_file_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Wherever a crash cuts the file, every line before is read and at most one is lost."""
    lines = [msgspec.json.encode(make_attempt(number)) + b"\n" for number in range(3)]
    content = b"".join(lines)
    cut = data.draw(st.integers(min_value=0, max_value=len(content)))
    path = tmp_path_factory.mktemp("cut") / "attempts.jsonl"
    path.write_bytes(content[:cut])
    records = JsonLines(path, Attempt)
    ended = content[:cut].count(b"\n")
    assert records.unreadable == 0
    for _ in range(2):  # each pass counts for itself
        assert len(list(records)) in (ended, ended + 1)
        assert records.unreadable <= 1
