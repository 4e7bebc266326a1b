"""Tests of the summary of a run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.results.report import write_report
from fleet_sim.results.report_data import read_run
from fleet_sim.results.report_plots import plots
from fleet_sim.results.summary import JsonLines, empty_summary, summarize
from fleet_sim.results.times import quantile, quantiles
from fleet_wire.contract.attempt import Attempt, Flag, Source, Stage, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause
from tests.helpers.sample_run import (
    make_attempt,
    sample_facts,
    write_lines,
)

TIMES_S = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=200)


@given(TIMES_S, st.integers(min_value=1, max_value=99))
def test_quantile_is_the_nearest_rank(values: list[float], percent: int) -> None:
    """At least that share of the values is at most the quantile, and no smaller value has that."""
    found = quantile(sorted(values), percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    smaller = [value for value in values if value < found]
    assert len(smaller) * 100 < percent * len(values)


def test_quantiles_by_hand() -> None:
    """A rank is that share of all values, whatever their order; of nothing there is none."""
    values = [float(value) for value in range(2_000, 0, -1)]
    assert quantiles(values) == {"p50_s": 1_000.0, "p95_s": 1_900.0, "p99_s": 1_980.0}
    assert quantiles([]) == {"p50_s": None, "p95_s": None, "p99_s": None}


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


def test_counts_and_times(tmp_path: Path) -> None:
    """Outcomes and causes add up, what did not open never did, opened ones stand alone too.

    A quick refusal is no quick unlock.
    """
    attempts = [
        make_attempt(1),
        make_attempt(2),
        msgspec.structs.replace(make_attempt(3, cause=Cause.BOX_BUSY), total_s=0.001),
        make_attempt(4, cause=Cause.BOX_OFFLINE),
    ]
    write_lines(tmp_path / "attempts.jsonl", attempts)
    summary = summarize(tmp_path, sample_facts())
    assert summary["attempts"]["total"] == 4
    assert summary["attempts"]["ok_share"] == 0.5
    assert summary["attempts"]["by_outcome"] == {"ok": 2, "refused": 1, "failed": 0, "unknown": 1}
    assert {cause: n for cause, n in summary["attempts"]["by_cause"].items() if n} == {
        "box_busy": 1, "box_offline": 1
    }  # fmt: skip
    slower = max(attempt.total_s for attempt in attempts[:2])
    assert summary["unlock"] == {"p50_s": slower, "p95_s": None, "p99_s": None}
    assert summary["unlock_ok"]["p99_s"] == slower
    received = Stage.BOX_RECEIVED.value
    hops_s = sorted(each.hops_s[received] for each in attempts if received in each.hops_s)
    assert summary["stages"]["box_received"]["count"] == len(hops_s) == 3
    assert summary["stages"]["box_received"]["p50_s"] == hops_s[1]


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


def test_customers_and_our_own_unlocks_are_counted_apart(tmp_path: Path) -> None:
    """Who asked, and what was odd about it; unlocks of the null box are in neither."""
    sources = [Source.PROBE, Source.CUSTOMER, Source.CUSTOMER, Source.CUSTOMER]
    flags = [(Flag.WOKEN,), (Flag.WOKEN, Flag.DUPLICATE), (), ()]
    attempts = [
        msgspec.structs.replace(make_attempt(number), source=source, flags=flagged)
        for number, (source, flagged) in enumerate(zip(sources, flags, strict=True))
    ]
    write_lines(tmp_path / "attempts.jsonl", attempts)
    counted = summarize(tmp_path, sample_facts())["attempts"]
    assert counted["by_source"] == {
        source.value: sources.count(source) for source in Source if source is not Source.FLOOR
    }
    assert {name: count for name, count in counted["by_flag"].items() if count} == {
        "woken": 2,
        "duplicate": 1,
    }
    assert set(counted["by_flag"]) == {flag.value for flag in Flag}


def test_what_was_observed_late_has_no_times(tmp_path: Path) -> None:
    """How it ended is counted; a time that the monitor could not measure is in no quantile."""
    late = [
        msgspec.structs.replace(attempt, flags=(Flag.OBSERVED_LATE,), total_s=0.0)
        for attempt in (make_attempt(2), make_attempt(3, cause=Cause.BOX_OFFLINE))
    ]
    write_lines(tmp_path / "attempts.jsonl", [make_attempt(1), *late])
    summary = summarize(tmp_path, sample_facts())
    assert summary["attempts"]["total"] == 3
    assert summary["attempts"]["ok_share"] == 2 / 3
    assert summary["attempts"]["by_flag"]["observed_late"] == 2
    assert set(summary["unlock"].values()) == {make_attempt(1).total_s}
    assert summary["unlock_ok"] == summary["unlock"]
    assert summary["stages"]["published"]["count"] == 1
    assert len(read_run(tmp_path).points) == 1


def test_only_a_late_executed_opened_a_car(tmp_path: Path) -> None:
    """Two answers of one unlock came late, of another only that it is too busy: one opened."""
    strays = [
        StrayAnswer(
            kind=StrayKind.LATE, vehicle_id="car-1", command_id="c", phase=phase, at=1.0,
            is_late_unlock=phase == "executed",
        )
        for phase in ("received", "executed", "refused")
    ]  # fmt: skip
    write_lines(tmp_path / "stray_answers.jsonl", strays)
    summary = summarize(tmp_path, sample_facts())
    assert (summary["stray"]["late"], summary["stray"]["late_unlock"]) == (3, 1)
    page = write_report(tmp_path, summary, "").read_text(encoding="utf-8")
    assert re.search(r'Opened late</h3>\s*<p class="figure">1</p>', page)


def test_floor_is_kept_apart(tmp_path: Path) -> None:
    """An unlock of the null box counts to the floor, and nowhere else even when misplaced."""
    floor = msgspec.structs.replace(make_attempt(1), source=Source.FLOOR, total_s=0.0005)
    write_lines(tmp_path / "attempts.jsonl", [floor, make_attempt(2)])
    write_lines(tmp_path / "floor.jsonl", [floor])
    summary = summarize(tmp_path, sample_facts())
    assert summary["attempts"]["total"] == 1
    assert summary["floor"]["total"] == 1
    assert summary["floor"]["p50_s"] == 0.0005


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


def test_the_last_revision_of_an_unlock_counts(tmp_path: Path) -> None:
    """What was judged again counts once, and a part of another unlock not at all."""
    first = make_attempt(1, cause=Cause.API_FAILED)
    good = make_attempt(1)
    other = make_attempt(2)
    write_lines(
        tmp_path / "attempts.jsonl",
        [
            msgspec.structs.replace(first, revision=1),
            msgspec.structs.replace(other, revision=1),
            msgspec.structs.replace(good, revision=3),
            msgspec.structs.replace(first, revision=2),
            msgspec.structs.replace(other, revision=2, same_as=first.attempt_id),
            make_attempt(4),
        ],
    )
    attempts = summarize(tmp_path, sample_facts())["attempts"]
    assert (attempts["total"], attempts["by_outcome"]["ok"]) == (2, 2)
    assert len(read_run(tmp_path).points) == 2


def test_the_probes_own_health_stands_in_the_summary(tmp_path: Path) -> None:
    """What the load came to and how late it was; statistics of another form leave it empty."""
    stats = {
        "sent": 11, "ended": 10, "dropped": 3, "malformed": 2, "anything": "else",
        "stood_still_s": 15.5,
        "schedule_lag_s": {"p50": 0.001, "p99": 0.002, "max": 0.003},
    }  # fmt: skip
    file = tmp_path / "probe_stats.json"
    for content in (b"[]", b"{", b'{"schedule_lag_s": 3, "dropped": 2}'):
        file.write_bytes(content)
        assert summarize(tmp_path, sample_facts())["probe"]["schedule_lag_p99_s"] is None
    file.write_bytes(msgspec.json.encode(stats))
    assert summarize(tmp_path, sample_facts())["probe"] == {
        "sent": 11,
        "ended": 10,
        "dropped": 3,
        "malformed": 2,
        "stood_still_s": 15.5,
        "schedule_lag_p50_s": 0.001,
        "schedule_lag_p99_s": 0.002,
        "schedule_lag_max_s": 0.003,
    }
