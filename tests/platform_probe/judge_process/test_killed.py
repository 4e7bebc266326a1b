"""A monitor and its judge, killed before any of their writes, and again: all is there, each once.

In virtual order: the parts of both processes as they are, without a process or time that passes.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_event
from platform_probe.journal import files, segments
from platform_probe.journal.codec import line_of
from platform_probe.journal.entries import Entry, PlatformLine, RecordWritten
from platform_probe.journal.feed import JournalFeed, JournalTime
from platform_probe.journal.reader import entries_in
from platform_probe.journal.writer import JournalWriter
from platform_probe.judge.judge import Judge
from platform_probe.judge.weights import shipped_ranking
from platform_probe.judge_process import outputs, process
from platform_probe.judge_process.outlets import judge_of
from platform_probe.judge_process.process import JudgeProcess
from platform_probe.measure.watching.known_values import KnownValues
from platform_probe.measure.watching.platform_inbox import PlatformInbox
from platform_probe.measure.watching.resuming import (
    LogPositions,
    complete_records,
    open_resumed,
    read_before,
)
from platform_probe.outputs.earlier import recent
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.sinks import JsonlSink
from platform_probe.settings.monitor import ProbeSettings, StoreSettings
from platform_probe.store.layout import all_segments, part_name
from platform_probe.store.writer import StoreWriter
from tests.helpers.fake_clock import FakeClock
from tests.helpers.join_bench import JoinBench
from tests.helpers.journals import journal_writer
from tests.helpers.log_lines import Log
from tests.helpers.tracker_bench import TrackerBench

UNLOCKS = 24
QUIET_TURNS = 30
"""At the end, of four seconds each: by then every unlock is measured."""
KEPT = ("attempts", "platform_events", "diagnoses")


class Killed(BaseException):
    """The process is no more. Nobody catches it."""


class Death:
    """Comes before a write: the one with this number, counted from 1."""

    def __init__(self) -> None:
        self.writes = 0
        self.at: int | None = None

    def before(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """Return a write that counts, and before which it may come."""

        def counted(*args: Any, **options: Any) -> Any:
            self.writes += 1
            if self.writes == self.at:
                raise Killed
            return write(*args, **options)

        return counted


def packed_at_once(store: StoreWriter) -> None:
    """Take complete files away at once, as the quickest keeper does: nobody sees their lines."""
    directory = store._directory
    for table in KEPT:
        for segment in all_segments(directory, table):
            if not segment.is_open:
                name = part_name(
                    first=segment.number, last=segment.number, complete_at=0, earliest=0,
                    latest=0, form="0",
                )  # fmt: skip
                (directory / table).mkdir(exist_ok=True)
                segment.path.rename(directory / table / name)


class Monitor:
    """The parts of one measuring process."""

    def __init__(self, settings: ProbeSettings, log: Path, clock: FakeClock) -> None:
        out = settings.out_dir
        before = read_before(settings.journal_dir)
        self.writer = journal_writer(settings.journal_dir)
        if before is not None:
            complete_records(out, before.records)
        self.jsonl = JsonlSink(out)
        self.feed = JournalFeed(self.writer.append, clock=clock, time=JournalTime(clock))
        bench = JoinBench(behind=TrackerBench(clock=clock, is_watching=True))
        self.joiner = bench.joiner
        self.joiner._emit = self.emit
        self.inbox = PlatformInbox(
            self.joiner, None, Complaints(Log().logger, clock), values=KnownValues(clock, {})
        )
        self.inbox.let_hear(self.feed.platform_said)
        self.feed.start()
        if before is not None and not before.is_stop:
            self.joiner.restore_for_reread(before.attempts)
        self.joiner.take_up(recent(out, since=clock.unix_s() - 1_800.0))
        self.file = open_resumed(log, before, unix_s=clock.unix_s(), within_s=600.0).file
        self.joiner.is_catching_up = before is not None
        if before is not None and not before.is_stop:
            self.inbox.restore_events(before.events)
        self.positions = LogPositions(
            self.file, log, note=self.feed.log_position, on_end=self.joiner.caught_up
        )

    def emit(self, record: Attempt) -> None:
        """Write the journal before a record goes anywhere else."""
        self.feed.emit(record)
        self.writer.flush()
        self.jsonl.emit(record)

    def work(self) -> None:
        """Read on, and write what came."""
        lines = self.file.read()
        self.inbox.take_lines(lines)
        self.positions.taken(not lines)
        self.joiner.tick()
        self.feed.tick()
        self.writer.flush()

    def stop(self) -> None:
        """End in good order."""
        self.joiner.flush()
        self.feed.stop()
        self.writer.flush()
        self.bury()

    def bury(self) -> None:
        """Free what the end of a process frees."""
        self.file.close()
        self.jsonl.close()
        self.writer._stack.close()
        if self.writer._segment._file is not None:
            with suppress(OSError):  # it was closed just before
                self.writer._segment._file.close()


class Judging:
    """One judge's process."""

    def __init__(self, settings: ProbeSettings) -> None:
        self.stack = ExitStack()
        self.process = JudgeProcess(
            settings, journal=settings.journal_dir, say=lambda _: None, stack=self.stack
        )

    def work(self) -> None:
        """Judge what has come."""
        asyncio.run(self.process._read_on())
        asyncio.run(self.process._commit())

    def bury(self) -> None:
        """Free what the end of a process frees."""
        self.process._reader.close()
        for file in self.process._files.values():
            file.close()
        store = self.process._store
        if store is not None:
            store._stack.close()
            for table in store._tables.values():
                if table._file is not None:
                    with suppress(OSError):  # it was closed just before
                        table._file.close()


def lines_of(number: int, at: float) -> list[tuple[float, PlatformEvent]]:
    """Return when the lines of an unlock are written, and the lines; each third one is refused."""
    said: dict[str, Any] = {
        "request_id": f"r{number}", "operation": "unlock", "trace_id": f"{number + 1:032x}",
        "vehicle_id": f"car-{number % 5}",
    }  # fmt: skip
    steps: list[tuple[float, PlatformStep, dict[str, Any]]] = [
        (0.0, PlatformStep.REQUESTED, {"endpoint": "/unlock", "method": "POST"})
    ]
    if number % 3:
        command = {"command_id": f"k{number}"}
        steps += [
            (0.02, PlatformStep.PUBLISHED, command),
            (0.03, PlatformStep.ACCEPTED, command),
            (2.5, PlatformStep.ENDED, {**command, "outcome": "executed"}),
            (2.6, PlatformStep.ANSWERED, {**command, "status": 200}),
        ]
    else:
        steps.append((0.1, PlatformStep.ANSWERED, {"status": 403, "problem": "booking-of-another"}))
    return [
        (at + after, PlatformEvent(step, at + after, **said, **more)) for after, step, more in steps
    ]


class Story:
    """A platform that goes on, and processes one after the other, as each of them is killed."""

    def __init__(self, place: Path, death: Death, *, seed: int, stopped: float = 0.0) -> None:
        self.stopped = stopped
        """In so many turns a monitor is stopped in good order, and the next one starts."""
        self.death, self.random = death, Random(seed)  # noqa: S311 - a test
        self.clock = FakeClock()
        self.settings = ProbeSettings(
            out_dir=place / "out", store=StoreSettings(directory=place / "store")
        )
        self.settings.out_dir.mkdir(parents=True)
        self.log = place / "platform.jsonl"
        self.log.touch()
        begin = self.clock.unix_s() + 1.0
        said = [one for number in range(UNLOCKS) for one in lines_of(number, begin + 0.4 * number)]
        # Lines that were held up come some seconds late, between those of later unlocks.
        late = [(at + self.random.choice((0.0, 0.0, 3.0)), event) for at, event in said]
        self.to_write = deque(sorted(late, key=lambda each: each[0]))
        self.events = [event for _, event in said]
        self.monitor: Monitor | None = None
        self.judging: Judging | None = None

    def play(self, *kills: int) -> int:
        """Kill processes, each at its write of this number; return how often they wrote at last.

        The first monitor has noted once how far it is: before it would have read nothing.
        """
        left = deque(kills)
        self.death.at = None
        self.monitor = Monitor(self.settings, self.log, self.clock)
        self.monitor.work()
        self._next_kill(left)
        quiet = 0
        while True:
            self._pass_time()
            quiet += not self.to_write
            is_over = quiet == QUIET_TURNS
            try:
                self._measure(is_over=is_over)
            except Killed:
                _bury(self.monitor)
                self.monitor, quiet, is_over = None, 0, False
                self._next_kill(left)
            lives = self._judge(left)
            if is_over and self.monitor is None:
                while not lives:
                    lives = self._judge(left)
                _bury(self.judging)
                return self.death.writes

    def _measure(self, *, is_over: bool) -> None:
        if self.monitor is None:
            self.monitor = Monitor(self.settings, self.log, self.clock)
        self.monitor.work()
        if is_over or self.random.random() < self.stopped:
            self.monitor.stop()
            self.monitor = None

    def _judge(self, left: deque[int]) -> bool:
        """Judge what has come; return whether the process lives."""
        if self.judging is None:
            self.judging = Judging(self.settings)
        try:
            self.judging.work()
        except Killed:
            _bury(self.judging)
            self.judging = None
            self._next_kill(left)
        return self.judging is not None

    def _next_kill(self, left: deque[int]) -> None:
        self.death.at, self.death.writes = (left.popleft() if left else None), 0

    def _pass_time(self) -> None:
        passed_s = 0.7 if self.to_write else 4.0
        self.clock.now_s += passed_s
        self.clock.wall_s += passed_s
        with self.log.open("ab") as file:
            while self.to_write and self.to_write[0][0] <= self.clock.wall_s:
                file.write(encode_event(self.to_write.popleft()[1]) + b"\n")

    def kept(self, table: str) -> Counter[bytes]:
        """Return the lines of a table in the store, packed or not."""
        found: Counter[bytes] = Counter()
        for path in self.settings.store.directory.rglob("*"):  # type: ignore[union-attr]
            if path.is_file() and (path.parent.name == table or path.name.startswith(f"{table}-")):
                found.update(path.read_bytes().splitlines())
        return found

    def entries(self) -> list[Entry]:
        """Return all entries of the journal."""
        return [*entries_in(self.settings.journal_dir)]

    def check(self) -> None:
        """Assert that each line, each unlock and each diagnosis is there, once."""
        entries = self.entries()
        lines = [encode_event(one.event) for one in entries if isinstance(one, PlatformLine)]
        assert Counter(lines) == Counter(map(encode_event, self.events))
        assert self.kept("platform_events") == Counter(lines)
        written = (self.settings.out_dir / "attempts.jsonl").read_bytes().splitlines()
        records = [line_of(one) for one in entries if isinstance(one, RecordWritten)]
        assert Counter(written) == Counter(one.split(b" ", 1)[1].rstrip() for one in records)
        assert self.kept("attempts") == Counter(written)
        unlocks = [msgspec.json.decode(line, type=Attempt) for line in written]
        of_trace = {one.trace_id: one.attempt_id for one in unlocks}
        assert len(of_trace) == len({one.attempt_id for one in unlocks}) == UNLOCKS
        told = (self.settings.out_dir / "diagnoses.jsonl").read_bytes().splitlines()
        assert self.kept("diagnoses") == Counter(told)
        made = [msgspec.json.decode(line, type=Diagnosis) for line in told]
        numbers = Counter((one.attempt_id, one.revision) for one in made)
        assert set(numbers.values()) <= {1}


def _bury(one: Monitor | Judging | None) -> None:
    if one is not None:
        one.bury()


@pytest.fixture
def death(monkeypatch: pytest.MonkeyPatch) -> Death:
    """Let it come before any write of a process."""
    death = Death()
    monkeypatch.setattr(files.AppendedFile, "append", death.before(files.AppendedFile.append))
    for module, name in (
        (segments, "_complete"),
        (process, "write_commit"),
        (process, "write_checkpoint"),
    ):
        monkeypatch.setattr(module, name, death.before(getattr(module, name)))
    monkeypatch.setattr(StoreWriter, "_start_keeper", packed_at_once)
    monkeypatch.setattr(StoreWriter, "segment_bytes", 1_500)
    monkeypatch.setattr(JournalWriter, "segment_bytes", 4_000)
    monkeypatch.setattr(process, "EVERY_S", 5.0)
    return death


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.long)])
def test_killed_before_any_write(tmp_path: Path, death: Death, every: int) -> None:
    """Each line is in the journal once, each unlock has one record, and is judged once."""
    story = Story(tmp_path / "whole", death, seed=0)
    writes = story.play()
    story.check()
    assert writes > 60
    for kill in range(1, writes + 1, every):
        story = Story(tmp_path / str(kill), death, seed=0)
        story.play(kill)
        story.check()


def test_killed_again_and_again(tmp_path: Path, death: Death) -> None:
    """So it is when the next one is killed while it starts, and others are stopped."""
    random = Random(7)  # noqa: S311 - a test
    for number in range(6):
        place = tmp_path / str(number)
        story = Story(place, death, seed=number, stopped=0.05 * (number % 2))
        story.play(random.randint(10, 60), random.randint(1, 12), random.randint(1, 40))
        story.check()


def test_a_judge_that_was_killed_says_what_it_would_have_said(tmp_path: Path, death: Death) -> None:
    """To the byte, as one that judges the same journal without a break."""
    story = Story(tmp_path, death, seed=3)
    story.play(45, 9, 30)
    judge: Judge = judge_of(story.settings, shipped_ranking())
    encode = msgspec.json.encode
    whole = [
        encode(one)
        for entry in story.entries()
        for one in judge.apply(entry)
        if isinstance(one, Diagnosis)
    ]
    told = (story.settings.out_dir / "diagnoses.jsonl").read_bytes().splitlines()
    assert told == whole
    assert outputs.read_commit(story.settings.out_dir) is not None
