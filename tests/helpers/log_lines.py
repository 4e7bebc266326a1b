"""A logger of the probe whose lines can be read back."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.clock import Clock
from platform_probe.outputs.logs import LineWriter, Logger, make_logger
from tests.helpers.fake_clock import FakeClock


class Log:
    """A logger, and its lines as they are read."""

    def __init__(self, level: str = "info", clock: Clock | None = None) -> None:
        self.lines: list[dict[str, Any]] = []
        writer = LineWriter(
            lambda line: self.lines.append(msgspec.json.decode(line)), on_error=lambda: None
        )
        self.logger: Logger = make_logger(level, writer, clock or FakeClock())
