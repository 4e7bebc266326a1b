"""Tidies a store: complete write-ahead files become Parquet, small files large ones, old ones go.

Every step ends with one rename, so the store is whole wherever it stops: either the old files count
or the new one does. The next keeper removes what remains.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from fleet_wire.errors import ConfigError
from platform_probe.journal.locks import Locked, lock_file
from platform_probe.journal.segments import Segment
from platform_probe.store.bucket import BucketError, bucket_of
from platform_probe.store.damaged import named
from platform_probe.store.duck import (
    KEEPER_MEMORY,
    BadLineError,
    DamagedFileError,
    Duck,
    file_list,
    hash_form,
    quoted,
)
from platform_probe.store.journal import journal_files, pack_journal
from platform_probe.store.layout import (
    KEEPER_LOCK,
    TEMPORARY,
    ParquetPart,
    StoredFile,
    bytes_in,
    is_away,
    live_parts,
    live_segments,
    own_name,
    parquet_parts,
    part_name,
    put_in_place,
)
from platform_probe.store.limits import Limits, Report
from platform_probe.store.offload import max_age_s, offload, remove_from_bucket, remove_twins
from platform_probe.store.schema import (
    ATTEMPTS,
    TABLES,
    Table,
    added_up,
    empty_rows,
    lines_as_rows,
    sums_of,
)

ROWS_A_GROUP: Final = 10_240
"""The rows of a group in a Parquet file: a day of one car is looked for in groups."""
IDS_A_GROUP: Final = 61_440
IDS: Final = ".ids"
SUMS: Final = ".sums"
TARGET_BYTES: Final = 128 * 2**20
"""A Parquet file grows no larger by merging."""
FAN_IN: Final = 8
"""The number of equal-sized files that become one: a row is rewritten three times at most."""
LONGEST_SPAN_S: Final = 86_400
"""Files of more than a day are not merged: what is a day too old can go."""
GRACE_S: Final = 60.0
"""A file that was merged stays for so long, for those who have just listed it."""
BATCH_BYTES: Final = 64 * 2**20
"""The part of write-ahead files that becomes one Parquet file at once."""
ID_BITS: Final = 32
"""The bits of an id's hash.

Among ten million one in 400 leads to a car that is then looked at in vain, and each takes 4 bytes.
"""
_PARQUET: Final = (
    "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1,"
    " DICTIONARY_SIZE_LIMIT 500, ROW_GROUP_SIZE"
)
"""A column of more than 500 values in a group is one of ids, for which no dictionary is tried."""


def keep(directory: Path, limits: Limits, *, now_s: float | None = None) -> Report:
    """Tidy a store; return what was done, at once if another keeper is at work."""
    report = Report()
    with suppress(Locked), lock_file(directory / KEEPER_LOCK):
        for path in (directory / TEMPORARY).glob("*"):
            with suppress(OSError):
                path.unlink()
        remove_twins(_all_files(directory))
        duck = Duck(threads=1, memory=KEEPER_MEMORY, spill=directory / TEMPORARY)
        try:
            for table in TABLES.values():
                _drop_what_is_covered(directory, table)
                _seal(duck, directory, table, report)
                try:
                    _merge(duck, directory, table, report)
                except DamagedFileError as error:  # others are packed all the same
                    report.error = str(named(error, directory))
        except OSError as error:
            report.error = str(error)
        finally:
            duck.close()
        now_s = time.time() if now_s is None else now_s
        _pack_journal(directory, limits, now_s, report)
        _move_to_bucket(directory, limits, now_s, report)
        _remove_old(directory, limits, now_s, report)
    return report


def id_hash(expression: str) -> str:
    """Return the SQL of the hash that an id is found by, DuckDB's own: a fifth of MD5's work."""
    return f"(hash({expression}) >> {64 - ID_BITS})::UINTEGER"


def _paths_by_name(directory: Path, table: Table) -> dict[str, Path]:
    return {IDS: ids_directory(directory, table), SUMS: directory / table.sums_name}


def ids_directory(directory: Path, table: Table) -> Path:
    """Return where the files of ids lie. Those made with another hash are not looked into."""
    return directory / f"{table.ids_name}_{hash_form()}"


def _index_paths(directory: Path, table: Table) -> list[Path]:
    """Return where ids and sums of files lie, those of an earlier release too."""
    return sorted(directory.glob(f"{table.name.removesuffix('s')}_*")) if table.ids else []


# Lines into Parquet


def _seal(duck: Duck, directory: Path, table: Table, report: Report) -> None:
    for batch in _batches(directory, table):
        files = file_list([each.path for each in batch])
        complete_at = int(max(each.path.stat().st_mtime for each in batch))
        order = f"vehicle_id, {table.time}"
        numbers = (batch[0].number, batch[-1].number)
        try:
            rows = f"{lines_as_rows(table, files, strict=True)} ORDER BY {order}"
            lines, count = _write(duck, directory, table, rows, numbers, complete_at)
        except BadLineError:  # to look out for those takes a third longer
            rows = f"{lines_as_rows(table, files)} ORDER BY {order}"
            lines, count = _write(duck, directory, table, rows, numbers, complete_at)
        report.sealed += len(batch)
        report.rows += count
        report.unreadable += lines - count
        for each in batch:
            each.path.unlink()


def _batches(directory: Path, table: Table) -> Iterator[list[Segment]]:
    parts = live_parts(parquet_parts(directory, table.name))
    batch: list[Segment] = []
    size = 0
    for segment in live_segments(directory, table.name, parts):
        if segment.is_open:
            break
        coming = segment.path.stat().st_size
        if batch and size + coming > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(segment)
        size += coming
    if batch:
        yield batch


def _write(
    duck: Duck,
    directory: Path,
    table: Table,
    rows: str,
    numbers: tuple[int, int],
    complete_at: int,
) -> tuple[int, int]:
    """Write rows as one Parquet file, with that of its ids.

    Return how many lines there were, and how many of them are rows: a torn one has no time.
    """
    written = directory / TEMPORARY / f"{table.name}-{numbers[0]}-{numbers[1]}"
    _copy(duck, rows, written, ROWS_A_GROUP)
    time_of = f"epoch({table.time})"
    span = f"floor(min({time_of}))::BIGINT, ceil(max({time_of}))::BIGINT"
    counts = f"SELECT count(*), count({table.time}), {span} FROM {_read([written])}"
    ((lines, count, earliest, latest),) = duck.run(counts)
    if count < lines:
        torn, written = written, written.with_suffix(".whole")
        whole = f"FROM {_read([torn])} WHERE {table.time} IS NOT NULL"
        _copy(duck, whole, written, ROWS_A_GROUP)
        torn.unlink()
    if count:
        name = part_name(
            first=numbers[0],
            last=numbers[1],
            complete_at=complete_at,
            earliest=max(earliest, 0),
            latest=max(latest, 0),
            form=table.form,
        )
        rows = _read([written])
        more: dict[str, str] = {}
        if table.ids:
            more = {IDS: _sorted_ids_sql(_ids_in(table, rows)), SUMS: sums_of(f"FROM {rows}")}
        _publish_file(duck, directory, table, name, written=written, more=more)
    return int(lines), int(count)


def _ids_in(table: Table, rows: str) -> str:
    """Return the SQL of the hashes of all ids in rows, each with its car."""
    return " UNION ALL ".join(
        f"SELECT {id_hash(name)} AS id_hash, vehicle_id FROM {rows} WHERE {name} IS NOT NULL"
        for name in table.ids
    )


def _sorted_ids_sql(ids: str) -> str:
    """Return the SQL of ids in the order in which one is found without reading all of them."""
    return f"{ids} ORDER BY id_hash"


def _publish_file(
    duck: Duck,
    directory: Path,
    table: Table,
    name: str,
    *,
    written: Path,
    more: Mapping[str, str],
) -> None:
    """Give the file of rows its name, and before it those of ids and sums: none is without them."""
    for what, rows in more.items():
        temporary = written.with_suffix(what)
        _copy(duck, rows, temporary, IDS_A_GROUP)
        put_in_place(temporary, _paths_by_name(directory, table)[what] / name)
    put_in_place(written, directory / table.name / name)


def _copy(duck: Duck, rows: str, path: Path, rows_a_group: int) -> None:
    path.parent.mkdir(exist_ok=True)
    duck.run(f"COPY ({rows}) TO {quoted(str(path))} ({_PARQUET} {rows_a_group})")


def _read(paths: Sequence[Path]) -> str:
    return f"read_parquet({file_list(paths)})"


# Small files into large ones


def _merge(duck: Duck, directory: Path, table: Table, report: Report) -> None:
    while parts := _mergeable(live_parts(parquet_parts(directory, table.name))):
        rows = parquet_rows(table, parts)
        name = part_name(
            first=parts[0].first,
            last=parts[-1].last,
            complete_at=max(part.complete_at for part in parts),
            earliest=min(part.earliest for part in parts),
            latest=max(part.latest for part in parts),
            form=table.form,
        )
        written = directory / TEMPORARY / f"{table.name}-{parts[0].first}-{parts[-1].last}"
        _copy(duck, f"{rows} ORDER BY vehicle_id, {table.time}", written, ROWS_A_GROUP)
        more = _merged(directory, table, parts, rows) if table.ids else {}
        _publish_file(duck, directory, table, name, written=written, more=more)
        report.merged += len(parts)


def _merged(
    directory: Path, table: Table, parts: Sequence[ParquetPart], rows: str
) -> dict[str, str]:
    """Return the SQL of the ids and sums of several parts: of theirs, or else of their rows.

    An earlier release had others, or none.
    """
    of_rows = {IDS: _ids_in(table, f"({rows})"), SUMS: sums_of(rows)}
    for what, place in _paths_by_name(directory, table).items():
        paths = [place / own_name(part.path) for part in parts]
        if all(path.exists() for path in paths):
            of_rows[what] = sums_rows(directory, parts) if what == SUMS else f"FROM {_read(paths)}"
    return {IDS: _sorted_ids_sql(of_rows[IDS]), SUMS: added_up(of_rows[SUMS])}


def _mergeable(parts: Sequence[ParquetPart]) -> list[ParquetPart]:
    """Return files beside each other that are to become one, the smallest first; or none."""
    sized = [
        (part, TARGET_BYTES if is_away(part.path) else part.path.stat().st_size) for part in parts
    ]
    for limit in (TARGET_BYTES // FAN_IN**2, TARGET_BYTES // FAN_IN):
        run: list[ParquetPart] = []
        for part, size in sized:
            spans = run and part.complete_at - run[0].complete_at > LONGEST_SPAN_S
            if size > limit or spans:
                run = []
            if size <= limit:
                run.append(part)
            if len(run) == FAN_IN:
                return run
    return []


def parquet_rows(table: Table, parts: Sequence[ParquetPart]) -> str:
    """Return the SQL that reads rows of parts, whatever columns they were written with.

    Files that have the columns of today are read as they are. To look which columns another one has
    takes longer than most questions: a millisecond and a half for each file.
    """
    files = [part.path for part in parts if part.form == table.form]
    others = [part.path for part in parts if part.form != table.form]
    sources = []
    if files:
        names = ", ".join(each.name for each in table.columns)
        sources.append(f"SELECT {names} FROM {_read(files)}")
    if others:
        typed = ", ".join(f"{each.name}::{each.type} AS {each.name}" for each in table.columns)
        sources.append(
            f"SELECT {typed} FROM ({empty_rows(table)} UNION ALL BY NAME"
            f" SELECT * FROM read_parquet({file_list(others)}, union_by_name = true))"
        )
    return " UNION ALL ".join(sources) or empty_rows(table)


def sums_rows(directory: Path, parts: Sequence[ParquetPart]) -> str:
    """Return the SQL that reads the sums beside some parts, whatever traits they were made with.

    In no order; `parts` has one at least.
    """
    place = directory / ATTEMPTS.sums_name
    files = [place / own_name(part.path) for part in parts if part.form == ATTEMPTS.form]
    others = [place / own_name(part.path) for part in parts if part.form != ATTEMPTS.form]
    sources = [f"FROM {_read(files)}"] if files else []
    if others:
        sources.append(
            f"FROM ({sums_of(empty_rows(ATTEMPTS))} UNION ALL BY NAME"
            f" SELECT * FROM read_parquet({file_list(others)}, union_by_name = true))"
        )
    return " UNION ALL BY NAME ".join(f"({each})" for each in sources)


# Removal


def _drop_what_is_covered(directory: Path, table: Table) -> None:
    """Remove what an earlier keeper made a larger file of, and did not come to remove."""
    parts = parquet_parts(directory, table.name)
    live = live_parts(parts)
    for part in parts:
        if part in live or is_away(part.path):
            continue
        covering = next(each for each in live if each.covers(part.first, part.last))
        if time.time() - covering.path.stat().st_mtime > GRACE_S:
            _unlink_with_ids(directory, table.name, part.path)
    for segment in _segments_within(directory, table, live):
        segment.path.unlink(missing_ok=True)
    names = {own_name(part.path) for part in parquet_parts(directory, table.name)}
    for ids in _index_paths(directory, table):
        for path in ids.iterdir():
            if path.name not in names:
                path.unlink(missing_ok=True)


def _segments_within(directory: Path, table: Table, live: Sequence[ParquetPart]) -> list[Segment]:
    every = live_segments(directory, table.name, ())
    counting = live_segments(directory, table.name, live)
    return [each for each in every if each not in counting]


def _move_to_bucket(directory: Path, limits: Limits, now_s: float, report: Report) -> None:
    """Move to the bucket what is to go there, and remove what is too old or too much in it."""
    try:
        bucket = bucket_of(directory)
        if bucket is not None:
            offload(bucket, directory, _counting_files(directory), limits, now_s, report)
            files = _counting_files(directory)  # some have gone there
            for file in remove_from_bucket(bucket, files, limits, now_s):
                _unlink_with_ids(directory, file.folder, file.path)
                report.removed += 1
    except BucketError as error:
        report.bucket_error = str(error)
    except ConfigError as error:
        report.bucket_error = "; ".join(error.problems)


def _pack_journal(directory: Path, limits: Limits, now_s: float, report: Report) -> None:
    if limits.journal is not None and limits.journal_max_age_s > 0:
        since_s = now_s - limits.journal_max_age_s
        try:
            report.packed = pack_journal(Path(limits.journal), directory, since_s=since_s)
        except OSError as error:
            report.error = str(error)


def _remove_old(directory: Path, limits: Limits, now_s: float, report: Report) -> None:
    """Remove what is too old; then, while all is too much, what is oldest."""
    total = bytes_in(directory)
    for file in sorted(each for each in _all_files(directory) if not is_away(each.path)):
        is_old = file.complete_at < now_s - max_age_s(file, limits)
        if is_old or total > limits.max_bytes:
            total -= _unlink_with_ids(directory, file.folder, file.path)
            report.removed += 1


def _all_files(directory: Path) -> list[StoredFile]:
    """Return the files of all tables and of the journal, those included that do not count."""
    parts = {name: parquet_parts(directory, name) for name in TABLES}
    return [*_stored(parts), *journal_files(directory)]


def _counting_files(directory: Path) -> list[StoredFile]:
    """Return the same without those that do not count."""
    parts = {name: live_parts(parquet_parts(directory, name)) for name in TABLES}
    return [*_stored(parts), *journal_files(directory)]


def _stored(parts: Mapping[str, Sequence[ParquetPart]]) -> Iterator[StoredFile]:
    for name, of_table in parts.items():
        for part in of_table:
            yield StoredFile(part.complete_at, name, part.path)


def _unlink_with_ids(directory: Path, folder: str, path: Path) -> int:
    """Remove a file, one of a table with that of its ids; return how many bytes that gave."""
    indexes = _index_paths(directory, TABLES[folder]) if folder in TABLES else []
    beside = [each / own_name(path) for each in indexes]
    return sum(map(_unlink, (path, *beside)))


def _unlink(path: Path) -> int:
    """Remove a file; return how many bytes that gave."""
    with suppress(FileNotFoundError):
        size = path.stat().st_size
        path.unlink()
        return size
    return 0
