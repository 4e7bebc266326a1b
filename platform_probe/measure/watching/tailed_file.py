"""A file of lines that somebody else appends to, and that may be put aside, replaced or cut."""

from __future__ import annotations

import os
import stat
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

READ_BYTES: Final = 131_072
"""The bytes that are read at once: three hundred lines or so, read and parted in less than 0.2 ms
[E]. Their handling is slower: see `follow`.
"""
_BEFORE_BYTES: Final = 256
"""The bytes before a position that identify the file [E]."""


class LinePosition(msgspec.Struct, frozen=True):
    """The end of a line in a file."""

    device: int
    inode: int
    offset: int
    """In bytes, from the beginning of the file."""
    before: str
    """A digest of the bytes just before it: an inode's number is used again."""


class TailedFile:
    """Reads the lines that are appended to a file from now on.

    Its earlier contents are skipped; a file created later is read from its beginning. A file that
    another took the place of (renamed by logrotate, replaced by a deployment) is read to its end
    first. One that became shorter is read from its beginning (logrotate's `copytruncate`). A
    partial line before that is given as a line, so that its reader reports it. A line of more than
    `max_line_bytes` is given cut, once.

    With `since`, the position of an earlier process, lines appended since are given too. The file
    must be the same and not shorter.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_line_bytes: int,
        since: LinePosition | None = None,
    ) -> None:
        self._path = path
        self._max_line_bytes = max_line_bytes
        self._descriptor: int | None = None
        self._begun = bytearray()
        """The beginning of a line whose end has not come."""
        self._is_skipping = False
        """Whether the bytes up to the next end of a line belong to none."""
        self.problem: str | None = "not opened yet"
        """Why it cannot be read now; None where it can."""
        self._open(at_end=True)
        self.is_resumed = since is not None and self._resume(since)
        """Whether it is read from where an earlier process had stopped."""

    def read(self) -> list[bytes]:
        """Return some of the lines that came since the last call; none if all were read."""
        lines: list[bytes] = []
        again = True
        while again and not lines:
            if self._descriptor is None:
                self._open(at_end=False)
            piece = self._piece()
            if piece:
                lines = self._lines_of(piece)
            else:
                lines, again = self._at_its_end()
        return lines

    def line_position(self) -> LinePosition | None:
        """Return the position after the last line read; None without a file, or within a long line.

        Raises nothing.
        """
        descriptor = self._descriptor
        if descriptor is None or self._is_skipping:
            return None
        try:
            here = os.fstat(descriptor)
            offset = os.lseek(descriptor, 0, os.SEEK_CUR) - len(self._begun)
            return LinePosition(
                here.st_dev, here.st_ino, offset, _digest_before(descriptor, offset)
            )
        except OSError:
            return None

    def close(self) -> None:
        """Stop reading."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    # Within

    def _open(self, *, at_end: bool) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self.problem = error.strerror or str(error)
            return
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            self.problem = "not a regular file"
            return
        self._descriptor, self.problem = descriptor, None
        if at_end:
            size = os.lseek(descriptor, 0, os.SEEK_END)
            self._is_skipping = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"

    def _resume(self, since: LinePosition) -> bool:
        """Go to a position in this file; return whether the file has it."""
        descriptor = self._descriptor
        if descriptor is None:
            return False
        try:
            here = os.fstat(descriptor)
            is_same = (here.st_dev, here.st_ino) == (since.device, since.inode)
            if (
                not is_same
                or not 0 <= since.offset <= here.st_size
                or _digest_before(descriptor, since.offset) != since.before
            ):
                return False
            os.lseek(descriptor, since.offset, os.SEEK_SET)
        except OSError:
            return False
        self._is_skipping = False
        return True

    def _piece(self) -> bytes:
        """Return the next piece of the file; nothing at its end, or without a file."""
        if self._descriptor is None:
            return b""
        try:
            piece = os.read(self._descriptor, READ_BYTES)
        except OSError as error:
            self.close()
            self.problem = error.strerror or str(error)
            return b""
        return piece

    def _lines_of(self, piece: bytes) -> list[bytes]:
        if self._is_skipping:
            _, end, piece = piece.partition(b"\n")
            if not end:
                return []
            self._is_skipping = False
        *lines, begun = (bytes(self._begun) + piece).split(b"\n")
        if len(begun) > self._max_line_bytes:
            lines.append(begun)
            begun, self._is_skipping = b"", True
        self._begun = bytearray(begun)
        return [line for line in lines if line]

    def _at_its_end(self) -> tuple[list[bytes], bool]:
        """Check whether the path still has this file, and the file was not cut.

        Return the rest of a line that will never end, and whether there is more to read.
        """
        if self._descriptor is None:
            return self._left_over(), False
        here, read_bytes = os.fstat(self._descriptor), os.lseek(self._descriptor, 0, os.SEEK_CUR)
        if here.st_size < read_bytes:
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            return self._left_over(), True
        try:
            there = self._path.stat()
        except OSError:
            return [], False  # put aside, and nothing is in its place yet
        if (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino):
            return [], False
        if here.st_size > read_bytes:
            return [], True  # something was still written into the old one
        self.close()
        return self._left_over(), True

    def _left_over(self) -> list[bytes]:
        begun, self._begun, self._is_skipping = bytes(self._begun), bytearray(), False
        return [begun] if begun else []


def _digest_before(descriptor: int, offset: int) -> str:
    """Return a digest of the bytes before a position."""
    begin = max(offset - _BEFORE_BYTES, 0)
    return blake2b(os.pread(descriptor, offset - begin, begin), digest_size=8).hexdigest()
