"""Text files with one entry a line; empty lines and those that begin with # are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleet_wire.errors import ConfigError


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that says something. Raises `ConfigError`."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigError([f"{path}: cannot be read: it is no UTF-8 text"]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text
