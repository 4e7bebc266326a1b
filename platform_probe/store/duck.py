"""DuckDB: the one module that knows it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Timer
from typing import Any, Final

import duckdb
import msgspec

from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from platform_probe.texts.spoken_error import SpokenError, spoken_error

MAX_SECONDS: Final = 60.0
"""A query that takes longer is ended."""
KEEPER_MEMORY: Final = "1GB"
"""The keeper's memory limit, above which it sorts on disk.

Eight files that become one of 46 MB need 470 MB, and with less than twice that the sorting goes to
the disk.
"""
_MISSING: Final = re.compile(
    r"No (such file|files found)|cannot open file|does not exist", re.IGNORECASE
)
_NAMED: Final = re.compile(r"""(["'])(.+?\.parquet)\1""")
"""A file in what DuckDB says of it: "No magic bytes found at end of file '...'", for one.

A directory may have a quote in its name.

If its end makes no sense ("Invalid data"), the message does not name the file.
"""


class DamagedFileError(OSError):
    """A Parquet file was cut short, or is no longer what was written.

    No part of an answer is left out for that in silence. `path` is None where nobody says which.
    """

    def __init__(self, path: str | None, why: str) -> None:
        self.path = path
        self.why = why
        said = f"{path or 'a file of the store'} is damaged ({why})"
        if path is not None:
            aside = shlex.join(["mv", path, f"{path}.damaged"])
            said += f"; without it, and without what it holds, the others can be read: {aside}"
        super().__init__(said)


class FileGoneError(Exception):
    """A file went away between the listing and the reading of it: list again."""


class BadLineError(Exception):
    """A line is torn, or no JSON of its table."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a query. Times are in UTC, without a zone."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    is_whole: bool
    """Whether there were no more rows than were asked for."""


class Duck:
    """A database in memory, over files."""

    def __init__(
        self, *, threads: int | None = None, memory: str | None = None, spill: Path | None = None
    ) -> None:
        """Open it. `spill` is a directory for what does not fit into `memory`."""
        config: dict[str, Any] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",  # else SQL reads variables of this program
        }
        if threads is not None:
            config["threads"] = threads
        if memory is not None:
            config["memory_limit"] = memory
        config["temp_directory"] = "" if spill is None else str(spill)
        self._connection = duckdb.connect(config=config)
        self._held: list[int] = []
        # For all connections to it, not for this one alone.
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        # Most of what a car's day costs in a large file is to read where what stands in it.
        self._connection.execute("SET GLOBAL parquet_metadata_cache = true")

    def new_connection(self) -> Duck:
        """Return another connection to the same database, for another thread."""
        other = object.__new__(Duck)
        other._connection = self._connection.cursor()
        other._held = []
        return other

    def hold(self, path: Path) -> Path:
        """Open a file until the database is closed; return a path to it that stays.

        A rename or removal of the file meanwhile does not affect its readers. Raises
        `FileGoneError`.
        """
        try:
            self._held.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except FileNotFoundError as gone:
            raise FileGoneError(str(gone)) from None
        return Path(f"/dev/fd/{self._held[-1]}")

    def run(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Run SQL of our own and return all rows.

        Raises `FileGoneError`, `BadLineError`, or `OSError` for what the disk does not allow, or
        for a file that is damaged.
        """
        try:
            with _translated():
                return self._connection.execute(sql, parameters or None).fetchall()
        except duckdb.InvalidInputException as error:
            raise BadLineError(str(error)) from None

    def query(self, sql: str, parameters: Mapping[str, Any], *, limit: int) -> Rows:
        """Run one query and return `limit` rows of it at most.

        Raises `ConfigError` for SQL that is wrong or takes longer than `MAX_SECONDS`,
        `FileGoneError`.
        """
        stopper = Timer(MAX_SECONDS, self._connection.interrupt)
        stopper.start()
        try:
            return self.rows_of(sql, parameters, limit=limit)
        except duckdb.InterruptException:
            raise SpokenError(too_long(MAX_SECONDS)) from None
        except MemoryError:
            raise spoken_error("store.too_large") from None
        finally:
            stopper.cancel()

    def rows_of(self, sql: str, parameters: Mapping[str, Any], *, limit: int) -> Rows:
        """Run one query without a time limit and return `limit` rows of it at most.

        Raises `ConfigError` for SQL that is wrong, `MemoryError`, `FileGoneError`.
        """
        try:
            with _translated():
                result = self._connection.execute(sql, dict(parameters) or None)
                rows = result.fetchmany(limit + 1)
                columns = tuple(each[0] for each in result.description or ())
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise _sql_error(error) from None
        return Rows(columns, rows[:limit], is_whole=len(rows) <= limit)

    def parsed(self, sql: str) -> tuple[str, Any]:
        """Return the kind of the only statement in a text, and its syntax tree if it is a SELECT.

        Raises `ConfigError` unless the text is one statement.
        """
        try:
            statements = self._connection.extract_statements(sql)
        except duckdb.Error as error:
            raise _sql_error(error) from None
        if len(statements) != 1:
            raise ConfigError([f"SQL: expected one statement, found {len(statements)}"])
        if statements[0].type != duckdb.StatementType.SELECT:
            return statements[0].type.name, None
        ((text,),) = self.run("SELECT json_serialize_sql($sql::VARCHAR)", {"sql": sql})
        found = msgspec.json.decode(text)
        if found["error"] or len(found["statements"]) != 1:
            raise ConfigError([f"SQL: {found.get('error_message', 'expected one statement')}"])
        return "SELECT", found["statements"][0]

    def confine(self, files: Sequence[Path]) -> None:
        """Allow later queries to reach `files` and the files that are held, and no others.

        DuckDB looks at a name as it is listed and as it is written in `file_list`.
        """
        held = [Path(f"/dev/fd/{descriptor}") for descriptor in self._held]
        names = {name for path in [*files, *held] for name in (str(path), _literal(path))}
        self.run(f"SET allowed_paths = [{', '.join(map(quoted, sorted(names)))}]")
        self.run("SET enable_external_access = false")
        self.run("SET lock_configuration = true")

    def close(self) -> None:
        """Close it, and the files that it holds."""
        self._connection.close()
        while self._held:
            os.close(self._held.pop())


def too_long(seconds: float) -> Text:
    """Return what is said of a query that was ended."""
    return Text(key="store.too_long", values={"seconds": f"{seconds:g}"})


def _sql_error(error: duckdb.Error) -> ConfigError:
    return ConfigError([f"SQL: {line}" for line in str(error).splitlines() if line])


@cache
def hash_form() -> str:
    """Return what stands for the `hash` of this DuckDB: another release may have another."""
    connection = duckdb.connect()
    try:
        ((value,),) = connection.execute("SELECT hash('unlockpath')").fetchall()
    finally:
        connection.close()
    return f"{value:016x}"[:8]


def quoted(text: str) -> str:
    """Return text as a literal of SQL."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def file_list(paths: Sequence[Path]) -> str:
    """Return paths as a list literal of SQL. A name may hold what is a pattern elsewhere."""
    return "[" + ", ".join(quoted(_literal(path)) for path in paths) + "]"


def _literal(path: Path) -> str:
    return re.sub(r"([*?\[\]])", r"[\1]", str(path))


def _problem_text(said: str, file: str) -> str:
    """Return what DuckDB says of a file, without the name of the file."""
    said = said.removeprefix("Invalid Input Error: ").replace(file, "")
    return " ".join(said.split()).strip(" :")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryError(str(error).partition("\n")[0]) from None
    except UnicodeDecodeError as error:
        raise DamagedFileError(None, f"text that is not UTF-8: {error.reason}") from None
    except duckdb.IOException as error:
        text = str(error)
        if _MISSING.search(text):
            raise FileGoneError(text) from None
        raise OSError(text) from None
    except duckdb.Error as error:
        why = str(error).partition("\n")[0]
        named = _NAMED.search(why)
        is_of_thrift = type(error) is duckdb.Error  # how Parquet says what stands at a file's end
        if named is not None and (is_of_thrift or isinstance(error, duckdb.InvalidInputException)):
            raise DamagedFileError(named[2], _problem_text(why, named[0])) from None
        if is_of_thrift:
            raise DamagedFileError(None, why) from None
        raise
