"""The exporter: a process beside the monitor that passes its input to an OTLP backend.

It is a process of its own, because an export lasts longer than the unlock itself, and would stop
the event loop repeatedly. Each signal has a queue and a thread: a backend that is slow with one
does not keep the others. It ends when its input does, at the latest `drain_s` afterwards.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from threading import Condition, Event, Lock, Thread
from typing import BinaryIO, Final

from fleet_wire.child_process import be_nice, config_from_parent, tell_parent
from platform_probe.outputs.otlp.lines import LETTERS, ExporterConfig, Report
from platform_probe.outputs.otlp.sdk import Export, exporters
from platform_probe.settings.otlp import Signal

GATHER_S: Final = 1.0
"""The time within which items are sent together, if they fit into a batch."""
BATCH: Final = {Signal.TRACES: 100, Signal.LOGS: 500, Signal.METRICS: 1}
"""Unlocks, lines and collections in one request: some hundred KB before compression."""
MAX_COLLECTIONS: Final = 4
"""A collection has all that the ones before it had: few need to wait."""
REPORT_EVERY_S: Final = 1.0
_SIGNALS: Final = {letter[0]: signal for signal, letter in LETTERS.items()}


class Tally:
    """Counts what becomes of everything, from all threads, until somebody asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._exported: Counter[Signal] = Counter()
        self._overflown: Counter[Signal] = Counter()
        self._undelivered: Counter[Signal] = Counter()
        self._error: str | None = None

    def exported(self, kind: Signal, count: int) -> None:
        """Count what the backend has taken."""
        with self._lock:
            self._exported[kind] += count

    def overflown(self, kind: Signal) -> None:
        """Count one that was dropped because too many waited."""
        with self._lock:
            self._overflown[kind] += 1

    def undelivered(self, kind: Signal, count: int, error: str) -> None:
        """Count what the backend has not taken."""
        with self._lock:
            self._undelivered[kind] += count
            self._error = error

    def pop_report(self) -> Report | None:
        """Return what was counted since the last time; None: nothing."""
        with self._lock:
            if not (self._exported or self._overflown or self._undelivered):
                return None
            report = Report(
                dict(self._exported), dict(self._overflown), dict(self._undelivered), self._error
            )
            for counter in (self._exported, self._overflown, self._undelivered):
                counter.clear()
            self._error = None
            return report


class Outlet(Thread):
    """The queue of one signal, and the thread that empties it."""

    def __init__(self, kind: Signal, export: Export, *, max_queued: int, tally: Tally) -> None:
        super().__init__(name=f"otlp-{kind}", daemon=True)
        self._kind = kind
        self._export = export
        self._max_queued = max_queued
        self._tally = tally
        self._lines: deque[bytes] = deque()
        self._changed = Condition()
        self._is_closing = False

    def queue_line(self, line: bytes) -> None:
        """Queue a line; where there is no place, the oldest makes it."""
        with self._changed:
            if len(self._lines) >= self._max_queued:
                self._lines.popleft()
                self._tally.overflown(self._kind)
            self._lines.append(line)
            if len(self._lines) in (1, BATCH[self._kind]):
                self._changed.notify()

    def close(self) -> None:
        """Send what there is, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    def run(self) -> None:
        """Send batch after batch."""
        while batch := self._next_batch():
            try:
                error = self._export(batch)
            except Exception as fault:  # noqa: BLE001 - one bad batch must not end the export
                error = f"{type(fault).__name__}: {fault}"
            if error is None:
                self._tally.exported(self._kind, len(batch))
            else:
                self._tally.undelivered(self._kind, len(batch), error)

    def _next_batch(self) -> list[bytes]:
        """Wait for a batch; empty: there is no more."""
        most = BATCH[self._kind]
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._is_closing)
            self._changed.wait_for(lambda: len(self._lines) >= most or self._is_closing, GATHER_S)
            return [self._lines.popleft() for _ in range(min(most, len(self._lines)))]


def run(config: ExporterConfig, source: BinaryIO, say: Callable[[Report], None]) -> None:
    """Export the lines of `source`, until it ends."""
    tally = Tally()
    outlets = {
        kind: Outlet(
            kind,
            export,
            max_queued=MAX_COLLECTIONS if kind is Signal.METRICS else config.max_queued,
            tally=tally,
        )
        for kind, export in exporters(config).items()
    }
    is_over = Event()
    reporter = Thread(target=_report, args=(tally, say, is_over), daemon=True)
    for thread in (*outlets.values(), reporter):
        thread.start()
    for line in source:
        if not line.endswith(b"\n"):
            break  # the monitor has died within it
        outlets[_SIGNALS[line[0]]].queue_line(line[1:])
    until_s = time.monotonic() + config.drain_s
    for outlet in outlets.values():
        outlet.close()
    for outlet in outlets.values():
        outlet.join(max(until_s - time.monotonic(), 0.0))
    is_over.set()
    reporter.join()


def _report(tally: Tally, say: Callable[[Report], None], is_over: Event) -> None:
    goes_on = True
    while goes_on:
        goes_on = not is_over.wait(REPORT_EVERY_S)
        report = tally.pop_report()
        if report is not None:
            say(report)


def main() -> None:
    """Run as a child of the monitor."""
    config = config_from_parent(ExporterConfig)
    logging.getLogger("opentelemetry").addHandler(logging.NullHandler())  # reports say it all
    be_nice()
    run(config, sys.stdin.buffer, tell_parent)
    os._exit(0)  # a thread may still wait for its backend


if __name__ == "__main__":
    main()
