"""Text that leaves the event loop: a thread writes it, so that a reader who sleeps stops nothing.

A pipe that nobody reads, a terminal held with Ctrl-S and a disk that hangs all stop whoever writes
to them. Here that is a thread of its own. Text that finds the queue full is dropped and counted.
"""

from __future__ import annotations

import io
import os
import select
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

MAX_QUEUED: Final = 20_000
"""Chunks that wait for the reader: as many lines as one lost broker can bring at once."""
CLOSE_WITHIN_S: Final = 1.0
"""Time that a stalled reader gets at the end."""


class BackgroundWriter:
    """Writes chunks in a thread of its own, in order.

    `write` writes the chunks that have gathered; it may block, and may raise. `on_lost` gets the
    number of chunks that were not written, from whichever thread finds out.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        on_lost: Callable[[int], None],
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self._write = write
        self._on_lost = on_lost
        self._max_queued = max_queued
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name="background-writer", daemon=True)
        self._thread.start()

    def enqueue(self, chunk: bytes) -> None:
        """Leave a chunk to the thread. Never blocks and never raises."""
        if self._queue.qsize() < self._max_queued:
            self._queue.put(chunk)
        else:
            self._on_lost(1)

    @property
    def is_behind(self) -> bool:
        """Whether half of what may wait does: who can wait with more should."""
        return self._queue.qsize() > self._max_queued // 2

    def close(self, timeout_s: float = CLOSE_WITHIN_S) -> bool:
        """Wait until everything is written, but not for ever; return whether it is."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        is_open = True
        while is_open:
            chunks, is_open = self._waiting()
            if not chunks:
                return
            try:
                self._write(b"".join(chunks))
            except Exception:  # noqa: BLE001 - whatever it is, the next chunk may be written
                self._on_lost(len(chunks))

    def _waiting(self) -> tuple[list[bytes], bool]:
        """Wait for a chunk; return all that have come, and whether more may come.

        All at once, because the event loop may keep this thread waiting between any two.
        """
        chunks: list[bytes] = []
        chunk = self._queue.get()
        while chunk is not None:
            chunks.append(chunk)
            try:
                chunk = self._queue.get_nowait()
            except Empty:
                return chunks, True
        return chunks, False


def write_all(descriptor: int, chunk: bytes) -> None:
    """Write the whole chunk, however long that takes. Raises `OSError`."""
    while chunk:
        try:
            chunk = chunk[os.write(descriptor, chunk) :]
        except BlockingIOError:  # whoever started us made it so
            select.select((), (descriptor,), ())


class BackgroundText(io.TextIOBase):
    """A text stream in front of a `BackgroundWriter`: what a console or a log handler writes to.

    After a loss, the stream says how much text is missing.
    """

    def __init__(self, descriptor: int, *, max_queued: int = MAX_QUEUED) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lost = 0
        self._told = 0
        self._writer = BackgroundWriter(
            lambda chunk: write_all(descriptor, chunk), on_lost=self._lose, max_queued=max_queued
        )

    def write(self, text: str) -> int:
        """Leave the text to the thread. Never blocks, and never raises for its reader's sake."""
        written = len(text)
        if self._lost != self._told:
            self._told = self._lost
            text = f"({self._lost} writes lost so far)\n{text}"
        self._writer.enqueue(text.encode(errors="replace"))
        return written

    def isatty(self) -> bool:
        """Return whether a person reads it."""
        return os.isatty(self._descriptor)

    def close(self) -> None:
        """Wait a moment until everything is written."""
        if not self.closed:
            self._writer.close()
        super().close()

    def _lose(self, chunks: int) -> None:
        self._lost += chunks
