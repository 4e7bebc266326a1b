"""Sources of a replay, with their earlier judgements: a monitor's directory, or a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.errors import ConfigError
from platform_probe.journal.entries import CarMessage, Entry, MonitorStarted, Tick
from platform_probe.journal.reader import JournalReader
from platform_probe.journal.segments import Position, segments_in
from platform_probe.judge.judge import Judgement
from platform_probe.store.duck import Duck
from platform_probe.store.journal import (
    CarsFile,
    PackedSegment,
    cars_files,
    packed_segments,
    read_packed,
)
from platform_probe.store.layout import JOURNAL, STORE_FILE, is_away
from platform_probe.store.offload import fetched
from platform_probe.store.reading import Source, Span, has_records
from platform_probe.tell.support.incident_rows import incident_of
from platform_probe.tell.support.rows import as_rows

LEAD_S: Final = 6 * 3600.0
"""Journal time that is judged before the asked time: the judge remembers a sick car for so long."""
MOST_INCIDENTS: Final = 100_000
"""Incidents of a time that are compared."""


class Outcome:
    """The first mode of each unlock and the incidents of a time, each by its last revision."""

    def __init__(self) -> None:
        self.modes: dict[str, str] = {}
        """First modes by the ids of unlocks."""
        self.incidents: dict[str, Incident] = {}

    def add(self, judgement: Judgement) -> None:
        """Add a revision of a diagnosis or an incident."""
        if isinstance(judgement, Diagnosis):
            self.modes[judgement.attempt_id] = judgement.first.mode
        elif isinstance(judgement, Incident):
            self.incidents[judgement.incident_id] = judgement


def recording_at(directory: Path) -> Recording:
    """Return the recording in a store, in a monitor's directory, or in that of a journal.

    Raises `ConfigError` where there is none.
    """
    if (directory / STORE_FILE).exists():
        return StoreRecording(directory)
    for journal in (directory / JOURNAL, directory):
        if segments_in(journal):
            return MonitorRecording(directory, journal)
    problem = f"{directory}: no journal here: expected {directory / JOURNAL}/journal-00000001.jsonl"
    raise ConfigError(
        [f"{problem}. Give a store, the out_dir of a monitor, or a run with --journal"]
    )


class MonitorRecording:
    """The journal that a monitor writes: all of it is judged, from its beginning."""

    def __init__(self, directory: Path, journal: Path) -> None:
        self._directory = directory
        self._journal = journal
        self.missed = 0
        """Segments that are not there any more."""
        self.unreadable = 0
        """Lines that are torn, or damaged."""

    def newest_s(self) -> float:
        """Return the time of the newest entry, Unix seconds."""
        newest = 0.0
        for segment in reversed(segments_in(self._journal)):
            for entry in self._read(Position(segment.number, 0)):
                if type(entry) is Tick or type(entry) is MonitorStarted:
                    newest = max(newest, entry.unix_s)
            if newest:
                break
        return newest

    def cars(self, _: float) -> Iterator[CarMessage]:
        """Yield nothing: a journal begins with what the broker retains."""
        yield from ()

    def entries(self, _: float) -> Iterator[Entry]:
        """Yield all entries."""
        first = segments_in(self._journal)[0]
        yield from self._read(Position(first.number, 0))

    def judged(self, since: float, until: float) -> Outcome:
        """Return what was judged between two moments, as the monitor's files say."""
        if not has_records(self._directory):
            return Outcome()
        return _judged(Source(self._directory), since, until)

    def _read(self, position: Position) -> Iterator[Entry]:
        reader = JournalReader(self._journal, position)
        try:
            while (batch := reader.read()) is not None:
                yield from batch.entries
        finally:
            reader.close()
            self.missed, self.unreadable = reader.missed, reader.unreadable


class StoreRecording:
    """The packed journal of a store: `LEAD_S` before the asked time is judged too.

    A file that is in a bucket is fetched when its turn comes.
    """

    def __init__(self, directory: Path) -> None:
        """Raise `ConfigError` where the store has no journal."""
        self._directory = directory
        self._source = Source(directory)
        self._segments = packed_segments(directory)
        self._cars = cars_files(directory)
        self.missed = 0
        self.unreadable = 0
        if not self._segments:
            problem = f"{directory}: this store has no journal yet: the monitor packs it every five"
            raise ConfigError(
                [f"{problem} minutes where store.journal_days is not 0 (docs/journal.md)"]
            )

    def newest_s(self) -> float:
        """Return the time of the newest entry, Unix seconds, at most a second late."""
        return float(max(each.ended for each in self._segments))

    def cars(self, since: float) -> Iterator[CarMessage]:
        """Yield the last messages of each car before a time."""
        start = self._start(since)
        if start is not None:
            yield from start._replace(path=self._here(start.path)).messages()

    def entries(self, since: float) -> Iterator[Entry]:
        """Yield the entries since `LEAD_S` before, or since an earlier checkpoint of the cars."""
        start = self._start(since)
        begins = -1 if start is None else start.at
        before: PackedSegment | None = None
        for segment in self._segments:
            if segment.ended < begins:
                continue
            if before is not None and segment.number > before.number:
                self.missed += segment.number - before.number - 1
            before = segment
            for entries, unreadable in read_packed(self._here(segment.path)):
                self.unreadable += unreadable
                if entries and entries[0].at < begins:  # time never goes back: most are later
                    entries = [each for each in entries if each.at >= begins]  # noqa: PLW2901 - the rest of them
                yield from entries

    def judged(self, since: float, until: float) -> Outcome:
        """Return what was judged between two moments, as the store's tables say."""
        return _judged(self._source, since, min(until, self.newest_s()))

    def _here(self, path: Path) -> Path:
        """Return where a file can be read. Raises `OSError`."""
        return fetched(self._directory, JOURNAL, path) if is_away(path) else path

    def _start(self, since: float) -> CarsFile | None:
        """Return what to begin with; None: with the first segment."""
        first = self._segments[0].began
        early = [each for each in self._cars if first <= each.at <= since - LEAD_S]
        return early[-1] if early else None


Recording = MonitorRecording | StoreRecording
"""A journal and the judgements that were made of it."""


def _judged(source: Source, since: float, until: float) -> Outcome:
    """Return what was judged between two moments, as a store's tables or the records say."""
    outcome = Outcome()
    times = {"since": max(since, 0.0), "until": until}

    def read(duck: Duck) -> None:
        outcome.modes = dict(duck.run(_MODES, times))
        for row in as_rows(duck.rows_of(_INCIDENTS, times, limit=MOST_INCIDENTS)):
            outcome.add(incident_of(row))

    source.read(read, Span(times["since"], until))
    return outcome


_MODES: Final = """
SELECT attempt_id, mode FROM diagnoses WHERE epoch(made_at) BETWEEN $since AND $until
QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
"""
_INCIDENTS: Final = """
SELECT * FROM incidents WHERE epoch(made_at) BETWEEN $since AND $until
QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY revision DESC) = 1
ORDER BY since, incident_id
"""
