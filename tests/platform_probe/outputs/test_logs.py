"""Logs: one canonical line for each attempt, and the standard library's loggers beside it."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path

import pytest

from fleet_wire.background import write_all
from fleet_wire.errors import LimitError
from platform_probe.outputs.logs import (
    Complaints,
    LineWriter,
    make_logger,
    open_log,
    route_standard_library,
)
from tests.helpers.fake_clock import FakeClock
from tests.helpers.log_lines import Log


def test_standard_library_is_routed(root_logger: logging.Logger) -> None:
    """A traceback of a library is one JSON line like everything else."""
    log = Log()
    route_standard_library(log.logger, "warning", FakeClock())
    assert len(root_logger.handlers) == 1
    library = logging.getLogger("some.library")
    library.info("not this")
    try:
        int("broken")
    except ValueError:
        library.exception("it went %s", "wrong")
    (line,) = log.lines
    assert (line["event"], line["logger"]) == ("it went wrong", "some.library")
    assert line["level"] == "error"
    assert "ValueError: invalid literal" in line["exception"]


def test_complaints_are_rate_limited_by_kind() -> None:
    """A kind is logged once in ten seconds, with its number, and long texts are cut."""
    log, clock = Log(), FakeClock()
    complaints = Complaints(log.logger, clock)
    for _ in range(3):
        complaints.complain("sink_failed", "jsonl", error="x" * 1_000)
    complaints.complain("sink_failed", "log", error="y")
    clock.now_s += 10
    complaints.complain("sink_failed", "jsonl", error="z")
    assert [(line["kind"], line["count"]) for line in log.lines] == [
        ("jsonl", 1),
        ("log", 1),
        ("jsonl", 3),
    ]
    assert len(log.lines[0]["error"]) < 1_000


def test_full_disk_is_counted_and_does_not_raise() -> None:
    """A log that cannot be written stops nothing."""
    errors: list[None] = []
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = LineWriter(partial(write_all, descriptor), on_error=lambda: errors.append(None))
    make_logger("info", writer, FakeClock()).info("hello")
    os.close(descriptor)
    assert len(errors) == 1


def test_log_file_is_appended_to(tmp_path: Path) -> None:
    """A restart keeps the old log."""
    path = tmp_path / "deep" / "probe.log"
    for _ in range(2):
        log = open_log(path)
        make_logger("info", LineWriter(log.append, on_error=lambda: None), FakeClock()).info(
            "hello"
        )
        log.close()
    assert len(path.read_bytes().splitlines()) == 2


def test_log_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(LimitError, match=str(tmp_path)):
        open_log(tmp_path)
