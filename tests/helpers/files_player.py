"""Plays transcripts of files that are written, rotated and read at the same time."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from platform_probe.journal.files import AppendedFile, Rotation
from platform_probe.measure.watching.tailed_file import TailedFile
from tests.helpers.transcripts import Teller

DAY_S = 86_400.0
NOW_S = 1_700_000_000.0
MAX_LINE_BYTES = 100


class FilesPlayer(Teller):
    r"""A folder of files; `\n` ends a line.

    Others change them: `file` writes one anew, `append` to it, `rename`, `replace`, `remove` and
    `empty` do what they say, and `aged` makes it some days old. `tail` follows a file, and `resume`
    does so where that had read to; `read` is what it gives. `open` is a file that puts itself aside
    when it is full or of yesterday, and `line` appends to it. `look` tells what all files hold.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.folder = Path(tempfile.mkdtemp())

    def verbs(self) -> Mapping[str, Callable[..., object]]:
        """Return the function of each verb."""
        at = self.folder.joinpath
        return {
            **super().verbs(),
            "aged": lambda name, days: os.utime(at(name), (at_s := NOW_S - days * DAY_S, at_s)),
            "empty": lambda name: os.truncate(at(name), 0),
            "line": lambda text: self.file.append(f"{text}\n".encode()),
            "pipe": lambda name: os.mkfifo(at(name)),
            "remove": lambda name: at(name).unlink(),
            "rename": lambda name, other: at(name).rename(at(other)),
        }

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def _do_file(self, name: str, text: str = "") -> None:
        (self.folder / name).write_bytes(_bytes(text))

    def _do_append(self, name: str, text: str) -> None:
        with (self.folder / name).open("ab") as file:
            file.write(_bytes(text))

    def _do_replace(self, name: str, text: str) -> None:
        self._do_file("new", text)
        (self.folder / "new").replace(self.folder / name)

    def _do_tail(self, name: str) -> None:
        self.tailed = TailedFile(self.folder / name, max_line_bytes=MAX_LINE_BYTES)

    def _do_resume(self, name: str) -> None:
        path = self.folder / name
        self.tailed = TailedFile(path, max_line_bytes=MAX_LINE_BYTES, since=self.place)
        self.told.append("it goes on" if self.tailed.is_resumed else "it is another file")

    def _do_read(self) -> None:
        found: list[bytes] = []
        while lines := self.tailed.read():
            found += lines
        self.told.append(", ".join(line.decode() for line in found) or "nothing")
        self.place = self.tailed.line_position()
        if self.tailed.problem:
            self.told.append(self.tailed.problem)

    def _do_open(self, name: str, max_bytes: int = 1_000, kept: int = 2) -> None:
        rotation = Rotation(max_bytes, DAY_S, kept)
        self.file = AppendedFile(self.folder / name, rotation, lambda: NOW_S)

    def _do_look(self) -> None:
        for path in sorted(self.folder.iterdir()):
            self.told.append(f"{path.name}: {', '.join(path.read_text().splitlines())}")


def _bytes(text: object) -> bytes:
    return str(text).replace("\\n", "\n").encode()
