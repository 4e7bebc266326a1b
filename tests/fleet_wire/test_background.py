"""What leaves the event loop: order, losses that are counted, and readers who sleep or are gone."""

from __future__ import annotations

import os
from threading import Event, get_ident

import pytest

from fleet_wire.background import BackgroundText, BackgroundWriter, write_all

SLEEPS_S = 0.05
"""How long `close` waits here for a reader that will never read."""


class Reader:
    """Takes what is written when it is let."""

    def __init__(self) -> None:
        self.may_read = Event()
        self.is_reached = Event()
        self.taken = b""
        self.lost = 0
        self.thread = 0

    def take(self, chunk: bytes) -> None:
        """Wait until reading is allowed, then take it."""
        self.thread = get_ident()
        self.is_reached.set()
        self.may_read.wait()
        self.taken += chunk

    def lose(self, chunks: int) -> None:
        """Count what did not come."""
        self.lost += chunks


def test_a_sleeping_reader_costs_lines_and_no_waiting() -> None:
    """Above the bound chunks are dropped and counted; the end does not wait for the reader."""
    reader = Reader()
    writer = BackgroundWriter(reader.take, on_lost=reader.lose, max_queued=3)
    writer.enqueue(b"first ")
    reader.is_reached.wait()
    for _ in range(10):
        writer.enqueue(b"next ")
    assert reader.lost == 7
    assert not writer.close(SLEEPS_S)
    reader.may_read.set()
    assert writer.close()
    assert reader.taken == b"first next next next "
    assert reader.thread != get_ident()


def test_what_cannot_be_written_is_counted() -> None:
    """A full disk loses what came, and the thread goes on."""
    lost: list[int] = []
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = BackgroundWriter(lambda chunk: write_all(descriptor, chunk), on_lost=lost.append)
    for _ in range(5):
        writer.enqueue(b"line\n")
    assert writer.close()
    os.close(descriptor)
    assert sum(lost) == 5


def test_text_says_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads on finds the gap named."""
    reader = Reader()
    monkeypatch.setattr("fleet_wire.background.write_all", lambda _, chunk: reader.take(chunk))
    text = BackgroundText(-1, max_queued=1)
    text.write("first\n")
    reader.is_reached.wait()
    for number in range(4):
        text.write(f"{number}\n")
    reader.may_read.set()
    while reader.taken.count(b"\n") < 2:  # the thread has its turn
        pass
    text.write("last \ud800\n")
    text.close()
    assert reader.taken == b"first\n0\n(3 writes lost so far)\nlast ?\n"


def test_nobody_reads_a_pipe() -> None:
    """A closed pipe and a full one: neither raises, neither blocks."""
    for is_closed in (True, False):
        reading, writing = os.pipe()
        if is_closed:
            os.close(reading)
        text = BackgroundText(writing)
        for _ in range(1_000):
            assert text.write("x" * 1_000) == 1_000
        assert not text.isatty()
        text.close()
        if not is_closed:
            os.close(reading)  # wakes the thread, which finds nobody there


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
    """Half a line is never left because a pipe was full for a moment."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = BackgroundText(writing)
    text.write("x" * 500_000 + "\n")
    received = b""
    while not received.endswith(b"\n"):
        received += os.read(reading, 65_536)
    text.close()
    assert len(received) == 500_001
    os.close(reading)
    os.close(writing)
