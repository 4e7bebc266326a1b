"""Reads a store while others write to it, and the directories of runs and of a monitor's records.

No lock is taken: what is listed is read, and what has gone meanwhile is listed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.causes import Cause
from platform_probe.store.damaged import named
from platform_probe.store.duck import DamagedFileError, Duck, FileGoneError, Rows, file_list, quoted
from platform_probe.store.keeper import id_hash, ids_directory, parquet_rows, sums_rows
from platform_probe.store.layout import (
    STORE_FILE,
    ParquetPart,
    all_segments,
    check_is_store,
    is_away,
    live_parts,
    not_within,
    own_name,
    parquet_parts,
    stats_of,
)
from platform_probe.store.offload import fetched
from platform_probe.store.past_rows import known_by
from platform_probe.store.schema import ATTEMPTS, TABLES, Table, empty_rows, rows_of_lines, sums_of
from platform_probe.texts.spoken_error import spoken_error

MARGIN_S: Final = 3_600
"""The margin around an asked time: records may have begun, or been written, so long before or after
it.
"""
_TRIES: Final = 10
"""Each time files have gone while they were read: the keeper is quick, but not as quick as that."""
MAX_FOUND: Final = 1_000
"""Unlocks of one id that are returned: the last ones of a customer, say."""
_TAIL_BYTES: Final = 65_536
"""The last line of a file lies within so many: an unlock has some thousand."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Span:
    """A time, Unix seconds; None: from the first or to the last there is."""

    since_s: float | None = None
    until_s: float | None = None

    def overlaps(self, part: ParquetPart) -> bool:
        """Return whether a file may have something of this time."""
        after = self.since_s is None or part.latest >= self.since_s - MARGIN_S
        return after and (self.until_s is None or part.earliest <= self.until_s + MARGIN_S)


ALWAYS: Final = Span()


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a table: `lines` as they were written, `parts` as the keeper packed them."""

    parts: Sequence[ParquetPart]
    lines: Sequence[Path]


def has_records(directory: Path) -> bool:
    """Return whether records of any table are there: a replay writes some, and no unlocks."""
    return any((directory / table.run_file).exists() for table in TABLES.values())


class Source:
    """A directory that can be read: a store, a run, or a monitor's records."""

    def __init__(self, directory: Path, *, as_of_s: float | None = None) -> None:
        """Detect what kind of directory it is.

        Raises `ConfigError` for something else, or a later version.

        With `as_of_s`, Unix seconds, it has what was known at that moment, and nothing of later.
        """
        self.directory = directory
        self.as_of_s = as_of_s
        self.is_store = (directory / STORE_FILE).exists()
        if self.is_store:
            check_is_store(directory)
        elif not has_records(directory):
            its = {"file": STORE_FILE, "records": ATTEMPTS.run_file}
            raise spoken_error("store.neither", directory=str(directory), **its)

    def files(self, table: Table, span: Span = ALWAYS) -> Files:
        """Return the files of a table that may have something of a time.

        Files in a bucket are fetched if the question begins at a time that they have: a question
        about everything is one about local files. Raises `OSError` where it cannot be.
        """
        files = self._files_of(table, span)
        if span.since_s is None:
            return Files([part for part in files.parts if not is_away(part.path)], files.lines)
        return Files([self._here(table, part) for part in files.parts], files.lines)

    def is_away(self, span: Span) -> bool:
        """Return whether something of a time is in a bucket."""
        tables = TABLES.values()
        return any(
            is_away(part.path) for table in tables for part in self._files_of(table, span).parts
        )

    def _here(self, table: Table, part: ParquetPart) -> ParquetPart:
        if not is_away(part.path):
            return part
        return replace(part, path=fetched(self.directory, table.name, part.path))

    def _files_of(self, table: Table, span: Span = ALWAYS) -> Files:
        if not self.is_store:
            return Files((), self._records(table))
        segments = all_segments(self.directory, table.name)  # first: what goes then is in a part
        parts = live_parts(parquet_parts(self.directory, table.name))
        lines = [each.path for each in not_within(segments, parts)]
        return Files([part for part in parts if span.overlaps(part)], lines)

    def read(self, work: Callable[[Duck], _T], span: Span = ALWAYS) -> _T:
        """Return what `work` makes of a database with all views, limited to the files of a time."""

        def with_views(duck: Duck) -> _T:
            self._read_in(duck, span)
            return work(duck)

        return self._with_duck(with_views)

    def read_confined(self, work: Callable[[Duck], _T], open_duck: Callable[[], Duck]) -> _T:
        """Return what `work` makes of a database that reaches the files of its views alone."""

        def with_views(duck: Duck) -> _T:
            duck.confine(self._read_in(duck, ALWAYS))
            return work(duck)

        return self._with_duck(with_views, open_duck)

    def open_database(self, *, threads: int | None = None) -> Duck:
        """Return a database with all views, for repeated questions; close it afterwards.

        It reads the files of now: what is written later it does not see. Raises `FileGoneError`.
        """
        duck = Duck(threads=threads)
        self._read_in(duck, ALWAYS)
        return duck

    def rows_within(self, table: Table, parts: Sequence[ParquetPart], span: Span) -> str:
        """Return the SQL of a table's rows in those parts that may have something of a time.

        It is for a database whose views read all parts for each question: with a month of them that
        is slower than the question itself.
        """
        near = [part for part in parts if span.overlaps(part)]
        return _view_of(table, near, self.as_of_s)

    def _with_duck(self, work: Callable[[Duck], _T], open_duck: Callable[[], Duck] = Duck) -> _T:
        for left in reversed(range(_TRIES)):
            duck = open_duck()
            try:
                return work(duck)
            except FileGoneError as gone:
                if not left:
                    raise OSError(str(gone)) from None
            except DamagedFileError as error:
                raise named(error, self.directory) from None
            finally:
                duck.close()
        raise AssertionError  # the last try returns or raises

    def find(
        self,
        duck: Duck,
        any_id: str,
        *,
        parts: Sequence[ParquetPart] | None = None,
        columns: str = "*",
        limit: int = MAX_FOUND,
    ) -> Rows:
        """Return the unlocks that have an id, of each the revision that holds; the last one first.

        The id may be their own, or that of the command, the trace, the booking or the customer. The
        lines are those that the database was made with, and so should `parts` be, where given.
        """
        listed = self._files_of(ATTEMPTS).parts if parts is None else parts
        sources = ["FROM attempt_lines"]
        for part, cars in self._parts_with_cars(duck, listed, any_id, limit):
            packed = parquet_rows(ATTEMPTS, [self._here(ATTEMPTS, part)])
            is_there = f"vehicle_id IN ({', '.join(map(quoted, cars))})" if cars else "true"
            is_there += f" AND {known_by(ATTEMPTS, self.as_of_s)}"
            sources.append(f"SELECT * FROM ({packed}) WHERE {is_there}")
        is_it = " OR ".join(f"{name} = $id" for name in ATTEMPTS.ids)
        newest = "row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1"
        its = (
            f"SELECT {shown_columns(ATTEMPTS)} FROM ({' UNION ALL '.join(sources)})"
            f" WHERE {is_it} QUALIFY {newest} AND same_as IS NULL"
        )
        found = f"SELECT {columns} FROM ({its}) ORDER BY started_at DESC"
        return duck.query(found, {"id": any_id}, limit=limit)

    def newest_s(self, also: Iterable[Table] = (), *, duck: Duck | None = None) -> float:
        """Return the time of the newest record, Unix seconds; 0 where there is none.

        `duck` is a database with all views: to open another one costs more than the question. It is
        that of the unlocks, unless there are none, and of the tables of `also`. A record ends it,
        not the clock on the wall: the last day of a run in virtual time is a day of that run. A
        view as of a moment ends with that.
        """
        if self.as_of_s is not None:
            return self.as_of_s
        newest: dict[str, float] = {}
        for table in TABLES.values():
            newest[table.name] = self._newest_of(table, duck)
            if newest[table.name]:
                break
        for table in also:
            if table.name not in newest:
                newest[table.name] = self._newest_of(table, duck)
        return max(newest.values())

    def _newest_of(self, table: Table, duck: Duck | None) -> float:
        """Return the time of the newest row of a table, at most a second late; 0 without rows."""
        files = self._files_of(table)
        times = [float(part.latest) for part in files.parts]
        if files.lines and duck is not None:
            times.append(_latest_of(duck, table, f"FROM {lines_view(table)}"))
        elif files.lines:

            def work(duck: Duck) -> float:
                return _latest_of(duck, table, _rows_of(duck, table, self._files_of(table).lines))

            times.append(self._with_duck(work))
        return max(times, default=0.0)

    def recorded(self) -> Span | None:
        """Return from when to when there are records, of whatever table; None where there are none.

        The first and the last line of unpacked files give it, to some seconds: they stand in the
        order in which they were written.
        """
        times: list[float] = []
        for table in TABLES.values():
            files = self._files_of(table)
            times += [float(at) for part in files.parts for at in (part.earliest, part.latest)]
            field = table.time if table.time in table.fields else "at"
            times += [at for path in files.lines for at in _ends_of(path, field)]
        if not times:
            return None
        return Span(min(times), max(times) if self.as_of_s is None else self.as_of_s)

    def has(self, table: Table) -> bool:
        """Return whether anything of a table was ever kept here."""
        files = self._files_of(table)
        return bool(files.parts or files.lines)

    def _parts_with_cars(
        self, duck: Duck, parts: Sequence[ParquetPart], any_id: str, most: int
    ) -> Iterator[tuple[ParquetPart, list[str]]]:
        """Yield in which part to look for which cars, the last first; without cars for all.

        Once there are `most` there is no need to look further. A part whose ids have no file is
        looked through: so it is where an earlier release wrote it.
        """
        ids = ids_directory(self.directory, ATTEMPTS)
        keys = {part: ids / own_name(part.path) for part in parts}
        packed = [path for path in keys.values() if path.exists()]
        cars: dict[str, list[str]] = {str(path): [] for path in packed}
        if packed:
            found = duck.run(
                f"SELECT DISTINCT filename, vehicle_id FROM"
                f" read_parquet({file_list(packed)}, filename = true)"
                f" WHERE id_hash = {id_hash('$id')} AND vehicle_id IS NOT NULL",
                {"id": any_id},
            )
            for path, car in found:
                cars[path].append(car)
        count = 0
        for part in sorted(keys, key=lambda each: each.latest, reverse=True):
            its_cars = sorted(cars.get(str(keys[part]), ()))
            if count < most and (its_cars or str(keys[part]) not in cars):
                count += len(its_cars)
                yield part, its_cars

    def _sums(self, parts: Sequence[ParquetPart]) -> str:
        """Return the SQL of the sums of unlocks, of rows where a part has none beside it."""
        summed = [part for part in parts if self._sums_file(part).exists()]
        if self.as_of_s is not None:
            summed = []  # ten minutes are one row there, of which some may be later
        others = [part for part in parts if part not in summed]
        known = known_by(ATTEMPTS, self.as_of_s)
        packed = f"SELECT * FROM ({parquet_rows(ATTEMPTS, others)}) WHERE {known}"
        rows = f"{packed} UNION ALL FROM attempt_lines"
        sums = f"({sums_of(rows)})"
        if summed:
            sums += f" UNION ALL BY NAME {sums_rows(self.directory, summed)}"
        return sums

    def _sums_file(self, part: ParquetPart) -> Path:
        return self.directory / ATTEMPTS.sums_name / own_name(part.path)

    def _records(self, table: Table) -> list[Path]:
        path = self.directory / table.run_file
        aside = [each for each in path.parent.glob(f"{path.name}.*") if each.suffix[1:].isdigit()]
        return [each for each, stat in stats_of((path, *aside)) if stat.st_size]

    def _read_in(self, duck: Duck, span: Span) -> list[Path]:
        """Make all views of a time; return the packed files that they read.

        Lines of unlocks are read once, as most ask for them.
        """
        files = {name: self.files(table, span) for name, table in TABLES.items()}
        for name, table in TABLES.items():
            rows = f"FROM ({_rows_of(duck, table, files[name].lines)})"
            kind = "TABLE" if table is ATTEMPTS else "VIEW"
            known = known_by(table, self.as_of_s)
            duck.run(f"CREATE {kind} {lines_view(table)} AS {rows} WHERE {known}")
        parts = {name: its.parts for name, its in files.items()}
        self.make_views(duck, parts)
        sums = [self._sums_file(part) for part in parts[ATTEMPTS.name]]
        return [*(part.path for its in parts.values() for part in its), *sums]

    def make_views(self, duck: Duck, parts: Mapping[str, Sequence[ParquetPart]]) -> None:
        """Make all views of packed files in a database that has the lines (`lines_view`)."""
        for name, table in TABLES.items():
            view = "attempt_revisions" if table is ATTEMPTS else name
            duck.run(f"CREATE VIEW {view} AS {_view_of(table, parts[name], self.as_of_s)}")
        duck.run(f"CREATE VIEW attempt_sums AS {self._sums(parts[ATTEMPTS.name])}")
        for statement in (
            _REVISED,
            _ATTEMPTS_VIEW,
            _OBSERVED_VIEW,
            _HOPS_VIEW,
            _DIAGNOSED_VIEW,
            _HELD_VIEW,
            _LABELLED_VIEW,
            *_MACROS,
        ):
            duck.run(statement)


def lines_view(table: Table) -> str:
    """Return what the lines of a table that are not packed yet are called in a database."""
    return "attempt_lines" if table is ATTEMPTS else f"{table.name}_lines"


def _rows_of(duck: Duck, table: Table, lines: Sequence[Path]) -> str:
    """Return the SQL of the rows of files of lines, which the database holds open from now on.

    To read many takes seconds, in which the keeper makes Parquet of some and removes them.
    """
    if not lines:
        return empty_rows(table)
    return rows_of_lines(table, file_list([duck.hold(path) for path in lines]))


def _latest_of(duck: Duck, table: Table, rows: str) -> float:
    """Return the time of the newest of some rows; 0 without rows."""
    return float(duck.run(f"SELECT max(epoch({table.time})) FROM ({rows})")[0][0] or 0.0)


def _ends_of(path: Path, field: str) -> Iterator[float]:
    """Yield the times of the first and the last line of a file that can be read."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        first = file.readline()
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        last = file.read().splitlines()
        for lines in ([first], reversed(last)):
            found = (_time_in(line, field) for line in lines)
            yield from islice((at for at in found if at is not None), 1)


def _time_in(line: bytes, field: str) -> float | None:
    """Return a time of a line; None where it is torn, or has none."""
    try:
        at = msgspec.json.decode(line, type=dict[str, Any]).get(field)
    except msgspec.MsgspecError:
        return None
    return at if isinstance(at, float | int) else None


def _view_of(table: Table, parts: Sequence[ParquetPart], as_of_s: float | None) -> str:
    """Return the SQL of all rows of a table that were known then, with durations in seconds."""
    rows = f"({parquet_rows(table, parts)} UNION ALL FROM {lines_view(table)})"
    return f"SELECT {shown_columns(table)} FROM {rows} WHERE {known_by(table, as_of_s)}"


def shown_columns(table: Table) -> str:
    """Return the columns of a table for a SELECT, as people query them."""
    return ", ".join(column.display_sql for column in table.columns)


_REVISED: Final = """
CREATE TABLE revised AS
SELECT attempt_id, max(revision) AS revision FROM attempt_revisions
WHERE revision > 1 GROUP BY attempt_id
"""


def revision_that_holds(rows: str) -> str:
    """Return the SQL of the revision that holds of each unlock in `rows`, as `one`.

    Few have a second one: those are looked up once, and stand in `revised`.
    """
    return (
        f"SELECT one.* FROM {rows} AS one LEFT JOIN revised USING (attempt_id)"
        " WHERE one.same_as IS NULL"
        " AND (revised.revision IS NULL OR one.revision = revised.revision)"
    )


_ATTEMPTS_VIEW: Final = f"CREATE VIEW attempts AS {revision_that_holds('attempt_revisions')}"
_OBSERVED_VIEW: Final = f"""
CREATE VIEW observed AS SELECT * FROM attempts WHERE cause IS DISTINCT FROM '{Cause.NOT_OBSERVED}'
"""
"""Those whose end the monitor saw: of the others nobody can say whether the car opened."""
_HOP_S: Final = {
    Stage.REQUESTED: "requested_s",
    Stage.PUBLISHED: "published_s - coalesce(requested_s, 0)",
    Stage.BROKER_ACCEPTED: "broker_accepted_s - published_s",
    Stage.BOX_RECEIVED: "box_received_s - coalesce(broker_accepted_s, published_s)",
    Stage.BOX_EXECUTED: "box_executed_s - box_received_s",
    Stage.RESULT_RECEIVED: "result_received_s - box_executed_s",
    Stage.STATE_CHANGED: "state_changed_s - result_received_s",
}
_HOPS: Final = ", ".join(f"{{stage: '{stage}', hop_s: {hop}}}" for stage, hop in _HOP_S.items())
_HOPS_VIEW: Final = f"""
CREATE VIEW hops AS SELECT * REPLACE (greatest(hop_s, 0) AS hop_s) FROM (
    SELECT attempt_id, vehicle_id, started_at, cause, total_s, region, operator, firmware, hardware,
        unnest([{_HOPS}], recursive := true)
    FROM attempts
) WHERE hop_s IS NOT NULL
"""
"""Each hop of each unlock between two stages that it reached; the API's answer lies beside them."""
_DIAGNOSED_VIEW: Final = """
CREATE VIEW diagnosed AS
SELECT *, made_at - to_microseconds((after_s * 1e6)::BIGINT) AS began_at FROM diagnoses
QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
"""
"""The final diagnosis of each unlock, and when it began."""
_HELD_VIEW: Final = """
CREATE VIEW incidents_held AS SELECT * FROM incidents
QUALIFY row_number() OVER (PARTITION BY incident_id ORDER BY revision DESC) = 1
"""
"""Each incident as its last revision has it."""
_LABELLED_VIEW: Final = """
CREATE VIEW labelled AS
WITH held AS (
    SELECT * FROM (
        SELECT * FROM labels
        QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY made_at DESC) = 1
    ) WHERE mode IS NOT NULL
)
SELECT held.vehicle_id, held.attempt_id, held.started_at, held.mode AS label, held.labelled_by,
    held.text, held.made_at AS labelled_at, last.mode, last.probability, last.modes, last.facts,
    last.told, last.source, last.cause, held.mode = last.mode AS is_right,
    list_contains(
        json_extract_string(last.modes, ['$[0].mode', '$[1].mode', '$[2].mode']), held.mode
    ) AS is_among_three
FROM held JOIN (
    SELECT * FROM diagnoses SEMI JOIN held USING (attempt_id)
    QUALIFY row_number() OVER (PARTITION BY attempt_id ORDER BY revision DESC) = 1
) AS last USING (attempt_id)
"""
"""Each unlock with a label that holds, and its final diagnosis."""
_Z: Final = 1.959964
"""The quantile for 95 % of a normal distribution."""
_MOSTLY: Final = """
CREATE MACRO mostly(one) AS list_max(
    list_transform(map_entries(histogram(one)), lambda each: {n: each.value, k: each.key})
).k
"""
"""The value that comes most often. Among equals it is the last by name: `mode` takes any."""
_MACROS: Final = (
    _MOSTLY,
    *(
        f"""
CREATE MACRO wilson_{name}(hits, tries) AS (hits + {_Z**2 / 2} {sign} {_Z} * sqrt(
    hits * (tries - hits) / tries + {_Z**2 / 4})) / (tries + {_Z**2})
"""
        for name, sign in (("low", "-"), ("high", "+"))
    ),
)
"""Wilson's interval of a share, 95 %: E. B. Wilson, Probable Inference, JASA 22 (1927)."""
