"""Runs in virtual time whose journal a judge's process has judged, into a store."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import msgspec

from platform_probe.journal.codec import line_of
from platform_probe.journal.entries import Tick
from platform_probe.journal.reader import entries_in
from platform_probe.journal.segments import COMPLETE, segment_path
from platform_probe.judge_process.process import JudgeProcess
from platform_probe.settings.monitor import ProbeSettings, StoreSettings

LINES_A_SEGMENT = 500
ALWAYS_DAYS = 36_500.0
"""A run is in virtual time, which is long ago."""


def judge_into_store(run: Path, out: Path, store: Path) -> None:
    """Judge the journal of a run, as a monitor with a store would whose directory is `out`."""
    _copy_with_wall_time(run, out / "journal")
    kept = StoreSettings(directory=store, max_days=ALWAYS_DAYS, journal_days=ALWAYS_DAYS)
    judge_to_its_end(ProbeSettings(out_dir=out, store=kept), out / "journal")


def judge_to_its_end(settings: ProbeSettings, journal: Path) -> None:
    """Judge all of a journal to which nothing comes."""
    stop = asyncio.Event()
    stop.set()
    with ExitStack() as stack:
        judge = JudgeProcess(settings, journal=journal, say=lambda _: None, stack=stack)
        asyncio.run(judge.follow(stop))


def _copy_with_wall_time(run: Path, journal: Path) -> None:
    """Copy the journal of a run, with times as a live monitor writes them: close to Unix time."""
    entries = [*entries_in(run / "journal")]
    offset_s = next(each.unix_s - each.at for each in entries if isinstance(each, Tick))
    lines = [line_of(msgspec.structs.replace(each, at=each.at + offset_s)) for each in entries]
    journal.mkdir(parents=True)
    for number, begin in enumerate(range(0, len(lines), LINES_A_SEGMENT), start=1):
        path = segment_path(journal, number, COMPLETE)
        path.write_bytes(b"".join(lines[begin : begin + LINES_A_SEGMENT]))
