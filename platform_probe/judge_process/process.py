"""The judge as a process: it follows a journal, judges, and hands on the results.

A child of the measuring process runs on spare CPU. It ends when its input does, once all of the
journal is judged. A standalone one (`platform-probe judge`) follows a journal until it is stopped.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from prometheus_client import CollectorRegistry, disable_created_metrics

from fleet_wire.child_process import be_nice, config_from_parent, input_end, tell_parent
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.incident import IncidentAction
from fleet_wire.contract.label import Label
from fleet_wire.errors import ConfigError, UnlockpathError
from fleet_wire.garbage import calm_garbage_collector
from fleet_wire.system_clock import SystemClock
from fleet_wire.web.exchange import HttpRequest, HttpResponse
from fleet_wire.web.server import HttpServer
from platform_probe.journal.codec import letters_of, line_of
from platform_probe.journal.entries import Entry, RecordWritten, Tick
from platform_probe.journal.reader import BEGINNING, JournalReader, entries_in
from platform_probe.journal.segments import Position
from platform_probe.judge.incidents.incidents import CLOSED_S, REMEMBERED_S
from platform_probe.judge.judge import UNJUDGED
from platform_probe.judge.resuming import LastOfCars, Past
from platform_probe.judge_process.cars import EVERY_S, checkpoint_before, write_checkpoint
from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.judge_process.outlets import (
    judge_of,
    ranking_of,
    rotation_of,
    store_of,
    zone_of,
)
from platform_probe.judge_process.outputs import (
    Commit,
    CommittedFile,
    ends_of,
    read_commit,
    write_commit,
)
from platform_probe.judge_process.protocol import JudgeConfig, ProcessMessage
from platform_probe.judge_process.running import Outlet, RunningJudge
from platform_probe.outputs.earlier import last_attempts, last_diagnoses, last_incidents
from platform_probe.outputs.families import Family
from platform_probe.outputs.logs import Complaints, LineWriter, Logger, RevisionLog, make_logger
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE
from platform_probe.settings.monitor import ProbeSettings
from platform_probe.store.writer import StoreWriter
from platform_probe.tell.messages.asking import MAX_ASKED_BYTES
from platform_probe.tell.messages.service import Messages

LOOK_S: Final = 0.1
"""How often it is looked whether something was appended."""
TURN_S: Final = 0.02
"""Judging goes on for so long before messages and posts have their turn."""
COMMIT_EVERY_S: Final = 1.0
SAY_EVERY_S: Final = 2.0
RETRY_S: Final = 1.0
"""A disk that takes nothing is tried again after so long; the journal waits meanwhile."""
GARBAGE: Final = {"young": 20_000, "middle": 10, "old": 100}
"""How seldom the garbage collector runs: nobody waits for a judge, and it leaves little garbage."""
SET_ASIDE_FILE: Final = "set_aside.jsonl"


class SetAside(msgspec.Struct, frozen=True):
    """A line of `set_aside.jsonl`."""

    at: float
    """Journal time."""
    entry: str
    """The kind of the entry that could not be judged."""
    line: str
    """The entry, as it stands in the journal."""
    traceback: str


class JudgeProcess:
    """Follows the journal of a monitor's directory. `say` gets lines for the parent."""

    def __init__(
        self,
        settings: ProbeSettings,
        *,
        journal: Path,
        say: Callable[[ProcessMessage], None],
        stack: ExitStack,
    ) -> None:
        """Open all files, and cut them back to what was committed.

        Raises `ConfigError` for settings that cannot be used, `OSError` of the disk.
        """
        self._directory = settings.out_dir
        self._journal = journal
        self._say = say
        self._registry = CollectorRegistry()
        backends = () if settings.messages is None else settings.messages.backends
        self.metrics = JudgeMetrics(self._registry, backends=backends)
        clock = SystemClock()
        self._logger = _logger(settings.log_level, say)
        self._complaints = Complaints(self._logger, clock)
        commit = read_commit(self._directory)
        rotation = rotation_of(settings)
        ends = {} if commit is None else commit.files
        self._files = {
            name: CommittedFile(self._directory / name, rotation, ends.get(name))
            for name in (DIAGNOSES_FILE, INCIDENTS_FILE, SET_ASIDE_FILE)
        }
        for file in self._files.values():
            stack.callback(file.close)
        self._store: StoreWriter | None = store_of(
            settings,
            stack,
            ends=None if commit is None else commit.tables,
            on_problem=lambda why: self._complaints.complain("store_behind", "store", why=why),
            on_waiting=self.metrics.bucket_waiting.set,
        )
        self.messages: Messages | None = None
        if settings.messages is not None:
            self.messages = Messages(
                settings.messages,
                directory=self._directory,
                metrics=self.metrics.messages,
                logger=self._logger,
                clock=clock,
                zone=zone_of(settings),
            )
        self._running = RunningJudge(
            judge_of(settings, ranking_of(settings.weights)),
            self._outlets(),
            on_set_aside=self._set_aside,
            on_outlet_error=self._outlet_failed,
        )
        self._cars = LastOfCars()
        self._position = BEGINNING if commit is None else commit.position
        self._at = 0.0 if commit is None else commit.at
        self._offset_s = 0.0 if commit is None else commit.offset_s
        self._checkpoint_at = self._at
        self._resume(commit if self._at else None)  # an earlier one may have judged nothing
        unneeded = letters_of(UNJUDGED) if self._store is None else b""
        self._reader = JournalReader(journal, self._position, without=unneeded)
        self._committed_s = time.monotonic()
        self._is_dirty = False

    # People

    def act(self, action: IncidentAction) -> bool:
        """Have a person's action written to the journal; return whether it can be done."""
        if all(one.incident_id != action.incident_id for one in self._running.judge.open_incidents):
            return False
        self._say(ProcessMessage(action=action))
        return True

    def label(self, label: Label) -> bool:
        """Have a label written to the journal; return whether this monitor keeps any."""
        if self._store is None:
            return False
        self._say(ProcessMessage(label=label))
        return True

    # The work

    async def follow_and_report(self, stop: asyncio.Event) -> None:
        """Follow the journal until `stop`, and send messages to people meanwhile."""
        calm_garbage_collector(**GARBAGE)
        if self.messages is not None:
            self.messages.start()
        try:
            await self.follow(stop)
        finally:
            if self.messages is not None:
                await self.messages.close()

    async def follow(self, until: asyncio.Event) -> None:
        """Judge new entries; after `until`, judge the rest, and return."""
        said_s = 0.0
        while True:
            is_last = until.is_set()
            has_read = await self._read_on()
            if time.monotonic() - said_s >= SAY_EVERY_S:
                said_s = time.monotonic()
                self.say_state()
            if has_read:
                await asyncio.sleep(0)
            elif is_last:
                break
            else:
                with suppress(TimeoutError):
                    await asyncio.wait_for(until.wait(), LOOK_S)
        await self._commit()
        self.say_state()

    def say_state(self) -> None:
        """Report progress and all metrics to the parent."""
        if self.messages is not None:
            self.messages.refresh_gauges()
        families = [Family.from_metric(each) for each in self._registry.collect()]
        self._say(ProcessMessage(judged_at=self._at, families=families))

    # Within

    async def _read_on(self) -> bool:
        """Judge the next entries; return whether there were any."""
        missed = self._reader.missed
        batch = self._reader.read()
        if self._reader.missed > missed:
            self.metrics.missed.inc(self._reader.missed - missed)
            self._complaints.complain(
                "journal_missed",
                "judge",
                segments=self._reader.missed - missed,
                explanation="segments of the journal were removed before they were judged: give it"
                " more room (journal.max_gib, journal.max_hours)",
            )
        if batch is None:
            if time.monotonic() - self._committed_s >= COMMIT_EVERY_S and self._is_dirty:
                await self._commit()
            return False
        turn_s = time.monotonic()
        for entry in batch.entries:
            self._handle_entry(entry)
            if time.monotonic() - turn_s >= TURN_S:
                await asyncio.sleep(0)
                turn_s = time.monotonic()
        self.metrics.closed_early.value = self._running.judge.closed_early
        self._position = batch.position
        self._is_dirty = True
        await self._write()
        if time.monotonic() - self._committed_s >= COMMIT_EVERY_S:
            await self._commit()
        return True

    def _handle_entry(self, entry: Entry) -> None:
        self._running.append(entry)
        self._at = max(self._at, entry.at)
        if type(entry) is RecordWritten:
            self.metrics.count_record(entry.record)
        elif type(entry) is Tick:
            self._offset_s = entry.unix_s - entry.at
        else:
            self._cars.add(entry)
        if self._store is not None:
            self._store.add(entry)

    async def _write(self) -> None:
        """Write all that followed. While the disk takes nothing, the journal waits."""
        while True:
            try:
                for file in self._files.values():
                    file.write()
                if self._store is not None:
                    self._store.write()
            except OSError as error:
                self._complaints.complain("sink_failed", "judge", error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def _commit(self) -> None:
        while True:
            try:
                self._commit_now()
            except OSError as error:
                self._complaints.complain("sink_failed", "judge", error=str(error))
                await asyncio.sleep(RETRY_S)
            else:
                return

    def _commit_now(self) -> None:
        store = self._store
        if self._at - self._checkpoint_at >= EVERY_S:
            cars = self._cars.messages()
            write_checkpoint(self._directory, self._at, self._position, cars)
            if store is not None:
                store.cars(self._at, cars)
            self._checkpoint_at = self._at
        write_commit(
            self._directory,
            Commit(
                *self._position,
                at=self._at,
                offset_s=self._offset_s,
                files=ends_of(self._files),
                tables={} if store is None else store.ends(),
            ),
        )
        self._committed_s = time.monotonic()
        self._is_dirty = False
        if store is not None:
            store.committed()

    def _outlets(self) -> dict[str, Outlet]:
        files, encode, revisions = (
            self._files,
            msgspec.json.Encoder().encode,
            RevisionLog(self._logger),
        )
        outlets = {
            "files": Outlet(
                diagnosis=lambda one: files[DIAGNOSES_FILE].add(encode(one) + b"\n"),
                incident=lambda one, _: files[INCIDENTS_FILE].add(encode(one) + b"\n"),
            )
        }
        if (store := self._store) is not None:
            outlets["store"] = Outlet(
                diagnosis=store.diagnosis, incident=lambda one, _: store.incident(one)
            )
        if (messages := self.messages) is not None:
            outlets["messages"] = Outlet(incident=lambda one, _: messages.send_incident(one))
        return outlets | {
            "metrics": Outlet(
                settled=self.metrics.count_diagnosis, incident=self.metrics.note_incident
            ),
            "log": Outlet(diagnosis=revisions.log_diagnosis, settled=revisions.settled),
        }

    def _set_aside(self, entry: Entry, trace: str) -> None:
        self.metrics.set_aside.inc()
        kind = type(entry).__name__
        line = SetAside(entry.at, kind, line_of(entry).decode().rstrip("\n"), trace)
        self._files[SET_ASIDE_FILE].add(msgspec.json.encode(line) + b"\n")
        self._complaints.complain("entry_set_aside", kind, at=entry.at, traceback=trace)

    def _outlet_failed(self, name: str, error: Exception) -> None:
        self.metrics.outlet_errors[name].inc()
        self._complaints.complain("outlet_failed", name, error=f"{type(error).__name__}: {error}")

    def _resume(self, commit: Commit | None) -> None:
        """Restore earlier measurements and judgements in the judge."""
        attempts, diagnoses = last_attempts(self._directory), last_diagnoses(self._directory)
        if commit is None and not attempts:
            return  # nothing was
        if commit is None:
            first = next(entries_in(self._journal), None)
            self._at = time.time() if first is None else first.at
        coming = self._coming()
        start = None if commit is None else checkpoint_before(self._directory, commit.at)
        begins = BEGINNING if start is None else start.position
        retained = () if start is None else start.messages()
        for message in retained:
            self._cars.add(message)
        self._running.judge.resume(
            Past(
                at=self._at,
                offset_s=self._offset_s,
                begins=self._at if commit is None else 0.0 if start is None else start.at,
                retained=retained,
                window=() if commit is None else self._window(begins, commit.position),
                attempts=[one for one in attempts if (one.attempt_id, one.revision) not in coming],
                diagnoses=diagnoses,
                incidents=last_incidents(
                    self._directory,
                    since=self._at + self._offset_s - REMEMBERED_S,
                    closed_since=self._at + self._offset_s - CLOSED_S,
                ),
            )
        )
        self.metrics.show_incidents(self._running.judge.open_incidents)
        for incident in self._running.judge.open_incidents:
            if self.messages is not None:  # what an earlier process did not come to tell
                self.messages.send_incident(incident)

    def _coming(self) -> set[tuple[str, Any]]:
        """Return the records that stand in the journal after the position: they come once more."""
        return {
            (entry.record.attempt_id, entry.record.revision)
            for entry in entries_in(self._journal, self._position)
            if isinstance(entry, RecordWritten) and isinstance(entry.record, Attempt)
        }

    def _window(self, begins: Position, ends: Position) -> Iterator[Entry]:
        """Yield the entries between two positions, and remember the cars in them."""
        reader = JournalReader(self._journal, begins)
        try:
            while reader.position < ends and (batch := reader.read(until=ends)) is not None:
                for entry in batch.entries:
                    self._cars.add(entry)
                    yield entry
        finally:
            reader.close()


def run_as_child() -> None:
    """Run as a child of the measuring process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    be_nice()
    settings = ProbeSettings.model_validate(config_from_parent(JudgeConfig).settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_as_child(settings))


async def _as_child(settings: ProbeSettings) -> None:
    stop = input_end()
    with ExitStack() as stack:
        process = await _started(settings, stack, stop)
        if process is None:
            return
        server = _posts(process)
        if server is not None:
            port = await server.start("127.0.0.1", 0)
            tell_parent(ProcessMessage(port=port))
        try:
            await process.follow_and_report(stop)
        finally:
            if process.messages is not None:
                process.say_state()
            if server is not None:
                await server.stop()


async def follow_alone(settings: ProbeSettings) -> None:
    """Follow a journal until SIGTERM or Ctrl-C; nobody else judges it.

    Raises `ConfigError` where another judge writes to the same files.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    disable_created_metrics()  # type: ignore[no-untyped-call]

    def say(word: ProcessMessage) -> None:
        if word.log is not None:
            sys.stderr.write(word.log + "\n")

    with ExitStack() as stack:
        process = JudgeProcess(settings, journal=settings.journal_dir, say=say, stack=stack)
        await process.follow_and_report(stop)


async def _started(
    settings: ProbeSettings, stack: ExitStack, stop: asyncio.Event
) -> JudgeProcess | None:
    """Return the process, once an earlier one has let go of its files; None: told to stop."""
    complaints = Complaints(_logger(settings.log_level, tell_parent), SystemClock())
    while True:
        try:
            return JudgeProcess(
                settings, journal=settings.journal_dir, say=tell_parent, stack=stack
            )
        except ConfigError as error:
            complaints.complain("judge_waits", "judge", why=str(error))
            if stop.is_set():
                return None
            await asyncio.sleep(RETRY_S)


def _posts(process: JudgeProcess) -> HttpServer | None:
    """Return what answers people who do something to incidents; None where nobody can."""
    if process.messages is None:
        return None
    pages = process.messages.pages(process.act, process.label)
    if not pages:
        return None

    async def answer(request: HttpRequest) -> HttpResponse:
        page = pages.get(request.path)
        if page is None:
            return HttpResponse(404, b"404: not found\n")
        return await page(request)

    return HttpServer(answer, connection_s=10.0, max_body_bytes=MAX_ASKED_BYTES, one_request=True)


def _logger(level: str, say: Callable[[ProcessMessage], None]) -> Logger:
    """Return a logger whose lines go to the parent, by `say`."""

    def write(line: bytes) -> None:
        say(ProcessMessage(log=line.decode().rstrip("\n")))

    return make_logger(level, LineWriter(write, on_error=lambda: None), SystemClock())


if __name__ == "__main__":
    try:
        run_as_child()
    except UnlockpathError as problem:
        _logger("error", tell_parent).error("judge_failed", why=str(problem))
        raise SystemExit(2) from None
