"""A terminal's screen, as far as the display of a run uses one: to see what a user is left with."""

from __future__ import annotations

import re
from io import StringIO

from rich.console import Console

_TOKEN = re.compile(
    r"\x1b\[(?P<count>\d*)(?P<code>[A-Za-z])|\x1b\[[0-9;?]+[A-Za-z]|(?P<char>.)", re.DOTALL
)


class Screen:
    """Lines of `width` columns. Knows line ends, cursor up, and erasing a line."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lines = [""]
        self._row = 0
        self._column = 0

    @property
    def text(self) -> str:
        """What stands on the screen, without the spaces at the end of lines."""
        return "\n".join(line.rstrip() for line in self._lines).rstrip()

    def write(self, text: str) -> None:
        """Do what a terminal does with `text`."""
        for token in _TOKEN.finditer(text):
            if (char := token["char"]) is not None:
                self._put(char)
            elif token["code"] == "A":
                self._row = max(self._row - int(token["count"] or 1), 0)
            elif token["code"] == "K":
                self._lines[self._row] = ""

    def _put(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._next_line()
        else:
            if self._column == self._width:  # a full line is only left by the next character
                self._next_line()
            line = self._lines[self._row].ljust(self._width)
            self._lines[self._row] = line[: self._column] + char + line[self._column + 1 :]
            self._column += 1

    def _next_line(self) -> None:
        self._row, self._column = self._row + 1, 0
        if self._row == len(self._lines):
            self._lines.append("")


def written(console: Console) -> str:
    """Return what was written into memory, without colours and cursor movements."""
    assert isinstance(console.file, StringIO)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
