"""Judges a journal anew, and says what would have been judged otherwise.

The whole journal is read once, in constant memory for its messages: a judge needs the entries
before the asked time. The monitor's files have the judgements of that time.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.errors import ConfigError
from fleet_wire.private_files import open_to_append
from platform_probe.journal.entries import Entry, MonitorStarted, Tick
from platform_probe.journal.reader import BEGINNING, JournalReader
from platform_probe.journal.segments import segments_in
from platform_probe.judge.judge import Judge, Judgement
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE
from platform_probe.tell.messages.delivery import Now
from platform_probe.tell.messages.webhook import PACE_S, WebhookCore, body_of

JOURNAL: Final = "journal"
MESSAGES_FILE: Final = "messages.jsonl"
_ROTATED: Final = 1_000
_LineT = TypeVar("_LineT")


class Changed(NamedTuple):
    """Unlocks that are diagnosed with another mode, or an incident that is another one."""

    before: str | None
    """The mode or title as it was judged; None: there was none."""
    after: str | None
    """The judgement as of today."""
    number: int
    """How many unlocks."""
    example: str
    """The id of one of them."""


class Replayed(NamedTuple):
    """The result of a replay."""

    entries: int
    unlocks: int
    """Unlocks that have a diagnosis, then or now."""
    modes: list[Changed]
    incidents: list[Changed]

    @property
    def is_same(self) -> bool:
        """Whether everything would be judged as it was."""
        return not self.modes and not self.incidents


class Outcome(NamedTuple):
    """The believed causes of the unlocks and incidents of a time, each by its last revision."""

    diagnoses: dict[str, Diagnosis]
    incidents: dict[str, Incident]


def journal_of(directory: Path) -> Path:
    """Return the journal of a monitor's directory, or the directory if it is one itself.

    Raises `ConfigError` where there is none.
    """
    for place in (directory / JOURNAL, directory):
        if segments_in(place):
            return place
    problem = f"{directory}: no journal here: expected {directory / JOURNAL}/journal-00000001.jsonl"
    raise ConfigError([f"{problem}. Give the out_dir of a monitor, or a run with --journal"])


def replay(
    directory: Path,
    judge: Judge,
    *,
    since: float,
    until: float,
    out: Path | None,
    progress: Callable[[float], None] = lambda _: None,
) -> Replayed:
    """Judge a journal anew, and compare with what was judged between two moments, Unix seconds.

    With `out` the diagnoses, incidents and messages are written there. `progress` gets the Unix
    time of the current entry now and then. Raises `ConfigError` and `OSError`.
    """
    writer = _Writer(out)
    now = Outcome({}, {})
    entries = 0
    for entry, offset_s in _timed(journal_of(directory)):
        entries += 1
        at = entry.at + offset_s
        if type(entry) is Tick:
            progress(at)
            writer.pass_time(at)
        for judgement in judge.apply(entry):
            if since <= at <= until:
                _note(judgement, now)
                writer.write(judgement, at)
        if at > until:
            break
    before = _judged(directory, since, until)
    return Replayed(
        entries,
        len(before.diagnoses.keys() | now.diagnoses.keys()),
        _changed_modes(before.diagnoses, now.diagnoses),
        _changed_incidents(before.incidents, now.incidents),
    )


class _Writer:
    """Writes what would have been."""

    def __init__(self, out: Path | None) -> None:
        self._out = out
        self._encode = msgspec.json.Encoder().encode
        self._core = WebhookCore(takes=lambda _: True, keep=lambda *_: None)
        if out is not None:
            out.mkdir(parents=True)
            for name in (DIAGNOSES_FILE, INCIDENTS_FILE, MESSAGES_FILE):
                os.close(open_to_append(out / name))

    def write(self, judgement: Judgement, at: float) -> None:
        """Write a judgement, and the messages that follow."""
        if isinstance(judgement, Diagnosis):
            self._append(DIAGNOSES_FILE, self._encode(judgement))
        elif isinstance(judgement, Incident):
            self._append(INCIDENTS_FILE, self._encode(judgement))
            self._core.take(judgement, Now(at, at))
            self.pass_time(at)

    def pass_time(self, at: float) -> None:
        """Write the messages that are due."""
        while (post := self._core.next(Now(at, at))) is not None:
            self._append(MESSAGES_FILE, body_of(post, monitor="replay", link=None))
            self._core.done(post, None, Now(at, at))
            at += PACE_S

    def _append(self, name: str, line: bytes) -> None:
        if self._out is not None:
            with os.fdopen(open_to_append(self._out / name), "ab") as file:
                file.write(line + b"\n")


def _timed(journal: Path) -> Iterator[tuple[Entry, float]]:
    """Yield each entry with the seconds from its journal time to the wall clock."""
    reader, offset_s = JournalReader(journal, BEGINNING), 0.0
    try:
        while (batch := reader.read()) is not None:
            for entry in batch.entries:
                if type(entry) is Tick or type(entry) is MonitorStarted:
                    offset_s = entry.unix_s - entry.at
                yield entry, offset_s
    finally:
        reader.close()


def _note(judgement: Judgement, outcome: Outcome) -> None:
    if isinstance(judgement, Diagnosis):
        outcome.diagnoses[judgement.attempt_id] = judgement
    elif isinstance(judgement, Incident):
        outcome.incidents[judgement.incident_id] = judgement


def _judged(directory: Path, since: float, until: float) -> Outcome:
    """Return what a monitor has judged in a time, as its files say."""
    outcome = Outcome({}, {})
    for diagnosis in _lines(directory / DIAGNOSES_FILE, Diagnosis):
        if since <= diagnosis.at <= until:
            _note(diagnosis, outcome)
    for incident in _lines(directory / INCIDENTS_FILE, Incident):
        if since <= incident.at <= until:
            _note(incident, outcome)
    return outcome


def _lines(path: Path, kind: type[_LineT]) -> Iterator[_LineT]:
    """Yield the lines of a file, of those that were put aside first."""
    decode = msgspec.json.Decoder(kind).decode
    older = [Path(f"{path}.{number}") for number in range(_ROTATED, 0, -1)]
    for each in (*older, path):
        with suppress(FileNotFoundError), each.open("rb") as file:
            for line in file:
                with suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    yield decode(line)


def _changed_modes(before: dict[str, Diagnosis], now: dict[str, Diagnosis]) -> list[Changed]:
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    examples: dict[tuple[str | None, str | None], str] = {}
    for attempt_id in {**before, **now}:
        old, new = before.get(attempt_id), now.get(attempt_id)
        pair = (
            None if old is None else old.first.mode,
            None if new is None else new.first.mode,
        )
        if pair[0] != pair[1]:
            pairs[pair] += 1
            examples.setdefault(pair, attempt_id)
    return [Changed(*pair, number, examples[pair]) for pair, number in pairs.most_common()]


def _changed_incidents(before: dict[str, Incident], now: dict[str, Incident]) -> list[Changed]:
    """Return incidents that only one side has, or that the sides name otherwise.

    Incidents of both sides are one where they are of one kind and at the same time.
    """
    left = [*now.values()]
    changed = []
    for old in before.values():
        new = next((each for each in left if _are_one(old, each)), None)
        if new is not None:
            left.remove(new)
        if new is None or (new.mode, new.cohort, new.severity) != (
            old.mode, old.cohort, old.severity
        ):  # fmt: skip
            title = None if new is None else new.title
            changed.append(Changed(old.title, title, old.failed, old.incident_id))
    return changed + [Changed(None, new.title, new.failed, new.incident_id) for new in left]


def _are_one(one: Incident, other: Incident) -> bool:
    ends = [each.ended_at or each.at for each in (one, other)]
    overlap = one.since <= ends[1] and other.since <= ends[0]
    return one.kind is other.kind and overlap and _share_cohort(one.cohort, other.cohort)


def _share_cohort(one: dict[str, str], other: dict[str, str]) -> bool:
    return all(other.get(name, value) == value for name, value in one.items())


def rows_of(changes: Iterable[Changed]) -> list[dict[str, str | int | None]]:
    """Return changes as JSON has them."""
    return [one._asdict() for one in changes]
