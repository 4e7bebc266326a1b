"""Structured logs: JSON, one object a line, and one canonical line for each attempt.

Loggers of the standard library (aiohttp, asyncio) are routed through the same output.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, MutableMapping
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, Complaint, Record, Source, StrayAnswer
from fleet_wire.contract.causes import CAUSES, Outcome
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.errors import LimitError
from platform_probe.journal.files import AppendedFile, Rotation

REPEAT_AFTER_S: Final = 10.0
"""A complaint of one kind is repeated at most this often, with the number of those left out."""
SHOWN_LETTERS: Final = 300
"""Texts from outside are cut to this length."""
SHOWN_TRACEBACK_LETTERS: Final = 4_000
"""The end of a traceback says what happened."""


Logger = structlog.typing.FilteringBoundLogger
"""A logger of structlog that drops lines below its level."""


class LineWriter:
    """Hands each line to `write`; one that cannot be written is counted, and stops nothing."""

    def __init__(self, write: Callable[[bytes], None], *, on_error: Callable[[], None]) -> None:
        self._write = write
        self._on_error = on_error

    def msg(self, line: bytes) -> None:
        """Write a line, or count that it could not be written."""
        try:
            self._write(line + b"\n")
        except OSError:
            self._on_error()

    debug = info = warning = error = critical = exception = msg


def open_log(path: Path, rotation: Rotation | None = None) -> AppendedFile:
    """Return the file to log to. Raises `LimitError`."""
    try:
        return AppendedFile(path, rotation)
    except OSError as error:
        raise LimitError(
            f"cannot write the log {path}: {error.strerror}", f"see ls -ld {path.parent}"
        ) from error


def make_logger(level: str, writer: LineWriter, clock: Clock) -> Logger:
    """Return a logger that writes JSON lines from `level` on, as "info"."""
    encode = msgspec.json.Encoder(enc_hook=str).encode

    def stamp(_: Any, level_name: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
        return {"at": round(clock.unix_s(), 6), "level": level_name, **event}

    def render(_: Any, __: str, event: MutableMapping[str, Any]) -> bytes:
        return encode(event)

    logger: Logger = structlog.wrap_logger(
        writer,
        processors=[stamp, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
        cache_logger_on_first_use=True,
    ).bind()
    return logger


class Repeats:
    """Lets what is said again and again through once in `REPEAT_AFTER_S`, with its number.

    Keys are places in code, or names that stand there: a few dozen at most.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[Hashable, tuple[float, int]] = {}

    def count(self, key: Hashable) -> int:
        """Return how often it came since it was last let through; 0: not now."""
        now_s = self._clock.monotonic_s()
        last_s, count = self._last.get(key, (now_s - REPEAT_AFTER_S, 0))
        if now_s - last_s < REPEAT_AFTER_S:
            self._last[key] = (last_s, count + 1)
            return 0
        self._last[key] = (now_s, 0)
        return count + 1


class StandardLibraryHandler(logging.Handler):
    """Hands what the standard library's loggers say to ours, each line of code now and then."""

    def __init__(self, logger: Logger, clock: Clock) -> None:
        super().__init__()
        self._logger = logger
        self._repeats = Repeats(clock)

    def emit(self, record: logging.LogRecord) -> None:
        """Log a line with its logger's name, and its exception where it has one."""
        count = self._repeats.count((record.pathname, record.lineno))
        if not count:
            return
        fields: dict[str, Any] = {"logger": record.name, "count": count}
        if record.exc_info:
            exception = logging.Formatter().formatException(record.exc_info)
            fields["exception"] = exception[-SHOWN_TRACEBACK_LETTERS:]
        write = getattr(self._logger, _method(record.levelno))
        write(record.getMessage()[:SHOWN_LETTERS], **fields)


def route_standard_library(logger: Logger, level: str, clock: Clock) -> None:
    """Send everything that the standard library's loggers say to `logger`."""
    root = logging.getLogger()
    root.handlers[:] = [StandardLibraryHandler(logger, clock)]
    root.setLevel(level.upper())


def _method(level_number: int) -> str:
    if level_number >= logging.ERROR:
        return "error"
    if level_number >= logging.WARNING:
        return "warning"
    return "info" if level_number >= logging.INFO else "debug"


OF_UNLOCK: Final = (
    "trace_id", "span_id", "attempt_id", "command_id", "vehicle_id", "source", "outcome", "cause",
    "reason", "total_s", "stages", "flags", "evidence", "region", "operator", "firmware",
    "hardware",
)  # fmt: skip
"""Fields of a record that the line of its unlock has."""
_OPTIONAL: Final = ("site", "revision", "sources_missing", "same_as", "platform")
_values_of_unlock = attrgetter(*OF_UNLOCK)


class LogSink:
    """Writes the canonical line of each attempt: everything about it in one place.

    Anybody can send answers that nobody asked for: of those the log has one now and then, and their
    file has all. It has a line for each car that opened after its customer was told no.
    """

    def __init__(self, logger: Logger, clock: Clock) -> None:
        self._logger = logger
        self._complaints = Complaints(logger, clock)
        self._logs_ok = logger.is_enabled_for(logging.INFO)

    def emit(self, record: Record) -> None:
        """Log at info what went well, at warning what was refused or is unknown, else at error."""
        if isinstance(record, Complaint):
            fields = msgspec.structs.asdict(record)
            del fields["booking_id"]  # the records have it, the log's lines do not
            self._logger.warning("support_called", **fields)
            return
        if not isinstance(record, Attempt):
            self._emit_stray(record)
            return
        if record.source is Source.FLOOR:
            return
        if record.outcome is Outcome.OK:
            if self._logs_ok:
                self._logger.info("unlock", **_line(record))
            return
        fields = _line(record)
        if record.cause is not None:
            info = CAUSES[record.cause]
            fields |= {
                "party": info.party,
                "phase": info.phase,
                "mechanism": info.mechanism,
                "explanation": info.explanation,
            }
        is_failed = record.outcome is Outcome.FAILED
        (self._logger.error if is_failed else self._logger.warning)("unlock", **fields)

    def _emit_stray(self, stray: StrayAnswer) -> None:
        fields = msgspec.structs.asdict(stray)
        if stray.is_late_unlock and stray.source is not Source.FLOOR:
            # No flood: an unlock that has a line of its own can open its car late only once.
            self._logger.error("late_unlock", **fields)
        else:
            self._complaints.complain("stray_answer", **fields)


class RevisionLog:
    """Logs the first revision of each diagnosis, and the last where it names another mode."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger
        self._first: dict[str, str] = {}
        """The likeliest mode at first, of each diagnosis that is not settled."""

    def log_diagnosis(self, diagnosis: Diagnosis) -> None:
        """Log the first revision. Others pass: the last one says what is believed in the end."""
        if diagnosis.revision != 1:
            return
        first = diagnosis.first
        self._first[diagnosis.attempt_id] = first.mode
        because = next((one.fact for one in first.weighed if one.is_seen and one.weight > 0), None)
        sentences = {one.fact: one.sentence for one in diagnosis.facts}
        self._logger.info(
            "unlock_diagnosed",
            attempt_id=diagnosis.attempt_id,
            vehicle_id=diagnosis.vehicle_id,
            source=diagnosis.source,
            outcome=diagnosis.outcome,
            cause=diagnosis.cause,
            failure_mode=first.mode,
            probability=first.probability,
            because=sentences.get(because or ""),
        )

    def settled(self, diagnosis: Diagnosis) -> None:
        """Handle the last revision of a diagnosis."""
        believed = self._first.pop(diagnosis.attempt_id, None)
        if believed in (None, diagnosis.first.mode):
            return
        self._logger.warning(
            "diagnosis_revised",
            attempt_id=diagnosis.attempt_id,
            vehicle_id=diagnosis.vehicle_id,
            source=diagnosis.source,
            outcome=diagnosis.outcome,
            cause=diagnosis.cause,
            revision=diagnosis.revision,
            after_s=diagnosis.after_s,
            believed=believed,
            failure_mode=diagnosis.first.mode,
            probability=diagnosis.first.probability,
        )


def _line(attempt: Attempt) -> dict[str, Any]:
    line = dict(zip(OF_UNLOCK, _values_of_unlock(attempt), strict=True))
    return line | {name: value for name in _OPTIONAL if (value := getattr(attempt, name))}


class Complaints:
    """Logs complaints of a kind at most once in `REPEAT_AFTER_S`, with how many there were.

    A flood of bad messages, or a full disk, must not become a flood of lines.
    """

    def __init__(self, logger: Logger, clock: Clock) -> None:
        self._logger = logger
        self._repeats = Repeats(clock)

    def complain(self, event: str, kind: str, **fields: Any) -> None:
        """Log the event with its kind and fields at warning, unless its like was just logged."""
        count = self._repeats.count((event, kind))
        if not count:
            return
        shown = {
            name: value[:SHOWN_LETTERS] if isinstance(value, str) else value
            for name, value in fields.items()
        }
        self._logger.warning(event, kind=kind, count=count, **shown)
