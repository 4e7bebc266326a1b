"""A monitor that is killed between any two of its writes, and again: all is kept, each once.

In virtual order: its parts as they are, without a process, a thread or time that passes.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep, encode_event
from platform_probe.outputs import files
from platform_probe.outputs.earlier import recent, written_since
from platform_probe.outputs.logs import Complaints
from platform_probe.outputs.sinks import FanOut, JsonlSink, Sink
from platform_probe.store import writer as writing
from platform_probe.store.layout import all_segments, part_name
from platform_probe.store.writer import StoreWriter
from platform_probe.watching import resumed
from platform_probe.watching.known_values import KnownValues
from platform_probe.watching.platform_inbox import PlatformInbox
from platform_probe.watching.resumed import Places, last_place, open_resumed
from tests.helpers.fake_clock import FakeClock
from tests.helpers.join_bench import JoinBench
from tests.helpers.log_lines import Log
from tests.helpers.stores import NO_LIMITS
from tests.helpers.tracker_bench import TrackerBench

UNLOCKS = 24
QUIET_TURNS = 100
"""At the end: by then each unlock is judged."""
KEPT = {"attempts", "platform_events"}


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


class Queue:
    """Stands in for the thread: writes when the test says so, and as much as it says."""

    def __init__(self, write: Callable[[bytes], None], **_: Any) -> None:
        self._write = write
        self._chunks: deque[bytes] = deque()
        self.is_behind = False

    def put(self, chunk: bytes) -> None:
        """Leave a chunk to be written."""
        self._chunks.append(chunk)

    def run(self, most: int) -> None:
        """Write so many of what waits."""
        taken = [self._chunks.popleft() for _ in range(min(most, len(self._chunks)))]
        if taken:
            self._write(b"".join(taken))

    def close(self, _timeout_s: float) -> bool:
        """Write the rest."""
        self.run(len(self._chunks))
        return True


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
    """The parts of one process."""

    def __init__(self, place: Path, clock: FakeClock) -> None:
        log, out = place / "platform.jsonl", place / "out"
        last = last_place(log, out)
        self.jsonl = JsonlSink(out)
        self.store = StoreWriter(
            place / "store", NO_LIMITS, on_lost=_fail, on_problem=_fail,
            kept=None if last is None else last.kept,
        )  # fmt: skip
        sinks: dict[str, Sink] = {"jsonl": self.jsonl, "store": self.store}
        fan_out = FanOut(sinks, on_error=lambda name, error: _fail((name, error)))
        bench = JoinBench(
            behind=TrackerBench(clock=clock, is_watching=True), records=_Emit(fan_out)
        )
        self.joiner, self.clock = bench.joiner, clock
        self.inbox = PlatformInbox(
            self.joiner,
            None,
            Complaints(Log().logger, clock),
            values=KnownValues(clock, _fail),
        )
        self.inbox.let_hear(self.store.platform_event)
        if last is not None:
            if not last.is_stop and last.earlier_records is not None:
                self.joiner.take_up_again(written_since(out, last.earlier_records))
            if last.kept is not None and last.records is not None:
                for record in written_since(out, last.records):
                    self.store.emit(record)
        self.joiner.take_up(recent(out, since=clock.unix_s() - 1_800.0))
        self.file = open_resumed(log, last, clock=clock, within_s=600.0).file
        self.joiner.is_catching_up = self.file.is_resumed
        self.places = Places(
            self.file, log, out, clock=clock, on_end=self._at_end, on_problem=_fail,
            when_kept=self.store.when_kept,
        )  # fmt: skip

    def _at_end(self) -> None:
        self.joiner.caught_up()
        self.store.caught_up()

    def work(self, random: Random) -> None:
        """Read on, and let the thread write a part of what waits, or nothing."""
        lines = self.file.read()
        self.inbox.take_lines(lines, is_again=self.file.is_again)
        self.places.taken(not lines)
        self.joiner.tick()
        self.store._thread.run(random.choice((0, 0, 3, 30)))  # type: ignore[attr-defined]

    def stop(self) -> None:
        """End in good order."""
        self.joiner.flush()
        self.places.stopped()
        self.store.close()
        self.bury()

    def bury(self) -> None:
        """Free what the end of a process frees."""
        self.file.close()
        self.jsonl.close()
        self.store._stack.close()


class _Emit(list[Attempt]):
    """Hands on what a joiner's bench appends to its list."""

    def __init__(self, fan_out: FanOut) -> None:
        super().__init__()
        self._fan_out = fan_out

    def append(self, record: Attempt) -> None:
        """Hand a record on."""
        self._fan_out.emit(record)


def _fail(what: object) -> None:
    raise AssertionError(what)


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
    """A platform that goes on, and monitors one after the other, as each of them is killed."""

    def __init__(self, place: Path, death: Death, *, seed: int, stopped: float = 0.0) -> None:
        self.stopped = stopped
        """In so many turns a monitor is stopped in good order, and the next one starts."""
        self.place, self.death, self.random = place, death, Random(seed)  # noqa: S311 - a test
        self.clock = FakeClock()
        (place / "out").mkdir()
        self.log = place / "platform.jsonl"
        self.log.touch()
        begin = self.clock.unix_s() + 1.0
        said = [one for number in range(UNLOCKS) for one in lines_of(number, begin + 0.4 * number)]
        # Lines that were held up come some seconds late, between those of later unlocks.
        late = [(at + self.random.choice((0.0, 0.0, 3.0)), event) for at, event in said]
        self.to_write = deque(sorted(late, key=lambda each: each[0]))
        self.events = [event for _, event in said]

    def play(self, *kills: int) -> int:
        """Kill monitors, each at its write of this number; return how often the last one wrote.

        The first one has noted once how far it is: before it would have read nothing.
        """
        left = deque(kills)
        self.death.at = None
        first = Monitor(self.place, self.clock)
        while not (self.place / "out" / resumed.PLACE_FILE).exists():
            first.work(self.random)
        monitor: Monitor | None = first
        self.death.at, self.death.writes = (left.popleft() if left else None), 0
        quiet = 0
        while True:
            self._pass_time()
            quiet += not self.to_write
            try:
                monitor = monitor or Monitor(self.place, self.clock)
                monitor.work(self.random)
                is_over = quiet == QUIET_TURNS
                if is_over or self.random.random() < self.stopped:
                    monitor.stop()
                    monitor = None
                if is_over:
                    return self.death.writes
            except Killed:
                if monitor is not None:
                    monitor.bury()
                monitor, quiet = None, 0
                self.death.at, self.death.writes = (left.popleft() if left else None), 0

    def _pass_time(self) -> None:
        self.clock.now_s += 0.7
        self.clock.wall_s += 0.7
        with self.log.open("ab") as file:
            while self.to_write and self.to_write[0][0] <= self.clock.wall_s:
                file.write(encode_event(self.to_write.popleft()[1]) + b"\n")

    def kept(self, table: str) -> Counter[bytes]:
        """Return the lines of a table in the store, packed or not."""
        found: Counter[bytes] = Counter()
        for path in (self.place / "store").rglob("*"):
            if path.is_file() and (path.parent.name == table or path.name.startswith(f"{table}-")):
                found.update(path.read_bytes().splitlines())
        return found

    def check(self) -> None:
        """Assert that each line and each unlock is there, once."""
        assert self.kept("platform_events") == Counter(map(encode_event, self.events))
        written = (self.place / "out" / "attempts.jsonl").read_bytes().splitlines()
        assert self.kept("attempts") == Counter(written)
        records = [msgspec.json.decode(line, type=Attempt) for line in written]
        of_trace = {one.trace_id: one.attempt_id for one in records}
        assert len(of_trace) == len({one.attempt_id for one in records}) == UNLOCKS


@pytest.fixture
def death(monkeypatch: pytest.MonkeyPatch) -> Death:
    """Let it come before any write of a monitor."""
    death = Death()
    append, write = files.AppendedFile.append, Places._write
    monkeypatch.setattr(files.AppendedFile, "append", death.before(append))
    monkeypatch.setattr(Places, "_write", death.before(write))
    monkeypatch.setattr(writing, "_complete", death.before(writing._complete))
    monkeypatch.setattr(resumed, "WRITTEN_EVERY_S", 2.0)
    monkeypatch.setattr(writing, "BackgroundWriter", Queue)
    monkeypatch.setattr(writing, "UNNOTED_TIMES", 1_000)
    monkeypatch.setattr(StoreWriter, "_start_keeper", packed_at_once)
    monkeypatch.setattr(StoreWriter, "segment_bytes", 1_500)
    return death


def test_killed_before_any_write(tmp_path: Path, death: Death) -> None:
    """Each line of the platform's log is kept once, each unlock has one record, kept once."""
    first = tmp_path / "whole"
    first.mkdir()
    story = Story(first, death, seed=0)
    writes = story.play()
    story.check()
    assert writes > 60
    for kill in range(1, writes + 1):
        place = tmp_path / str(kill)
        place.mkdir()
        story = Story(place, death, seed=0)
        story.play(kill)
        story.check()


def test_killed_again_and_again(tmp_path: Path, death: Death) -> None:
    """So it is when the next one is killed while it reads once more, and others are stopped."""
    random = Random(7)  # noqa: S311 - a test
    for number in range(24):
        place = tmp_path / str(number)
        place.mkdir()
        story = Story(place, death, seed=number, stopped=0.05 * (number % 2))
        story.play(random.randint(10, 60), random.randint(1, 12), random.randint(1, 40))
        story.check()
