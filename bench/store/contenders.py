"""Ways to keep lines so that one is found again: each takes the same files, and answers the same.

Every one runs in a process of its own, on one thread, as its own documentation has it for such
data. What is not installed here is named and left out: `pip install chdb tantivy ripgrep`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from bench.store.lines import STAGE_NAMES
from platform_probe.journal.segments import COMPLETE
from platform_probe.store.keeper import keep
from platform_probe.store.layout import (
    live_parts,
    make_store,
    next_number,
    own_name,
    parquet_parts,
    segment_path,
)
from platform_probe.store.limits import Limits
from platform_probe.store.reading import Source
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up_in
from platform_probe.tell.support.telling import text_of
from platform_probe.texts.speaking import Speaker

_ID_FIELDS: Final = ("attempt_id", "command_id", "trace_id", "booking_id")
_CHDB: Final = (
    "max_threads = 1, max_insert_threads = 1, input_format_skip_unknown_fields = 1,"
    " input_format_json_read_objects_as_strings = 1,"
    " input_format_json_defaults_for_missing_elements_in_named_tuple = 1,"
    " input_format_json_ignore_unknown_keys_in_named_tuple = 1"
)
_NO_LIMITS: Final = Limits(max_age_s=1e12, max_bytes=2**50)


class Contender(Protocol):
    """One way. It is made of an empty directory."""

    def take_in(self, files: Sequence[Path]) -> None:
        """Keep what the files hold, ready to be asked."""
        ...

    def open(self) -> None:
        """Be ready to be asked, as a program is that has been running for a while."""
        ...

    def find(self, any_id: str) -> int:
        """Return how many unlocks have an id."""
        ...

    def day(self, car: str) -> int:
        """Return how many unlocks a car had, having read all of each."""
        ...

    def size(self) -> int:
        """Return how many bytes it keeps."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


class _InFiles:
    """What counts is all that lies in a directory."""

    _directory: Path

    def size(self) -> int:
        """Return the bytes of all its files."""
        every = self._directory.rglob("*")
        return sum(path.stat().st_size for path in every if path.is_file())

    def close(self) -> None:
        """Nothing is open."""


class OurStore(_InFiles):
    """`platform_probe.store`: write-ahead lines, packed by the keeper."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "store"
        make_store(self._directory)

    def take_in(self, files: Sequence[Path]) -> None:
        """Put the files where a writer leaves them, and pack them."""
        for file in files:
            number = next_number(self._directory, "attempts")
            os.link(file, segment_path(self._directory, "attempts", number, COMPLETE))
            keep(self._directory, _NO_LIMITS)

    def open(self) -> None:
        """Open the files, on one thread."""
        self._source = Source(self._directory)
        self._duck = self._source.open_database(threads=1)

    def size(self) -> int:
        """Return the bytes of what counts: merged files stay on the disk for a minute."""
        names = {
            own_name(part.path) for part in live_parts(parquet_parts(self._directory, "attempts"))
        }
        every = self._directory.rglob("*.parquet")
        return sum(path.stat().st_size for path in every if path.name in names)

    def close(self) -> None:
        """Close the files."""
        self._duck.close()

    def find(self, any_id: str) -> int:
        """By the files of ids."""
        return len(self._source.find(self._duck, any_id).rows)

    def tell(self, attempt_id: str) -> int:
        """Tell all of one unlock, as `platform-probe diagnose` does; return how many letters."""
        wanted, newest_s = UnlockQuery(attempt=attempt_id), self._source.newest_s()
        case = look_up_in(self._duck, self._source, wanted, newest_s)
        return len(text_of(case, Speaker("en", UTC)))

    def day(self, car: str) -> int:
        """By the order within the files."""
        return len(self._duck.run("SELECT * FROM attempts WHERE vehicle_id = $car", {"car": car}))


class ZstdAndRipgrep(_InFiles):
    """Lines in zstd files, searched from one end to the other."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._search = shutil.which("rg") or "rg"

    def take_in(self, files: Sequence[Path]) -> None:
        """Compress each file."""
        for file in files:
            packed = self._directory / f"{file.name}.zst"
            subprocess.run(["zstd", "-q", "-3", "-T1", str(file), "-o", str(packed)], check=True)

    def open(self) -> None:
        """Nothing is open between two searches."""

    def find(self, any_id: str) -> int:
        """Search all of it."""
        return self._lines(any_id)

    def day(self, car: str) -> int:
        """Search all of it."""
        return self._lines(f'"vehicle_id":"{car}"')

    def _lines(self, text: str) -> int:
        command = [self._search, "-j1", "-z", "-F", "-I", "--no-filename", text, "."]
        done = subprocess.run(command, cwd=self._directory, capture_output=True, check=True)
        return len(done.stdout.splitlines())


class SqliteFts5(_InFiles):
    """Lines in SQLite, with its full text index."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "lines.sqlite"

    def take_in(self, files: Sequence[Path]) -> None:
        """One transaction a file, then the index is made one."""
        connection = sqlite3.connect(self._path)
        connection.execute("PRAGMA journal_mode = WAL")
        tokens = "unicode61 tokenchars ''-_''"
        connection.execute(f"CREATE VIRTUAL TABLE lines USING fts5(line, tokenize = '{tokens}')")
        for file in files:
            with connection, file.open(encoding="utf-8") as lines:
                connection.executemany("INSERT INTO lines VALUES (?)", ((each,) for each in lines))
        connection.execute("INSERT INTO lines(lines) VALUES ('optimize')")
        connection.commit()
        connection.close()

    def open(self) -> None:
        """Open the database."""
        self._connection = sqlite3.connect(self._path)

    def find(self, any_id: str) -> int:
        """By the index."""
        return self._count(any_id)

    def day(self, car: str) -> int:
        """By the index."""
        return self._count(car)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()

    def _count(self, text: str) -> int:
        query = "SELECT line FROM lines WHERE lines MATCH ?"
        return len(self._connection.execute(query, (f'"{text}"',)).fetchall())


class Tantivy(_InFiles):
    """A full text index of ids and car, with the line stored beside."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._module: Any = import_module("tantivy")
        builder = self._module.SchemaBuilder()
        for name in ("any_id", "vehicle_id"):
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
        builder.add_bytes_field("line", stored=True, indexed=False)
        self._schema = builder.build()
        self._index = self._module.Index(self._schema, path=str(directory))

    def take_in(self, files: Sequence[Path]) -> None:
        """Add each line as a document."""
        writer = self._index.writer(256_000_000, 1)
        for file in files:
            for line in file.read_bytes().splitlines():
                attempt = msgspec.json.decode(line)
                document = self._module.Document(vehicle_id=attempt["vehicle_id"])
                for name in _ID_FIELDS:
                    document.add_text("any_id", attempt[name])
                document.add_bytes("line", line)
                writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def open(self) -> None:
        """Open a searcher."""
        self._index.reload()
        self._searcher = self._index.searcher()

    def find(self, any_id: str) -> int:
        """By the index."""
        return self._count("any_id", any_id)

    def day(self, car: str) -> int:
        """By the index."""
        return self._count("vehicle_id", car)

    def _count(self, field: str, text: str) -> int:
        query = self._module.Query.term_query(self._schema, field, text)
        hits = self._searcher.search(query, 10_000).hits
        return sum(bool(self._searcher.doc(address)["line"]) for _, address in hits)


class ChDb:
    """ClickHouse in the process: typed columns, sorted by car, a bloom filter for each id."""

    def __init__(self, directory: Path) -> None:
        self._session: Any = import_module("chdb.session").Session(str(directory))
        texts = (*_ID_FIELDS, "parent_span_id", "evidence")
        words = ("source", "outcome", "cause", "region", "operator", "firmware", "hardware")
        numbers = ("total_s", "scheduled_s", "can_wake_s", "actuation_s")
        stages = ", ".join(f"{name} Nullable(Float64)" for name in STAGE_NAMES)
        platform = (
            "status UInt16, endpoint LowCardinality(String), app_version LowCardinality(String),"
            " api_release LowCardinality(String), account_id String, ended_s Float64,"
            " outcome LowCardinality(String)"
        )
        self._columns = ", ".join(
            [
                "vehicle_id LowCardinality(String), started_at Float64",
                *(f"{name} String" for name in texts),
                *(f"{name} LowCardinality(Nullable(String))" for name in words),
                *(f"{name} Float64" for name in numbers),
                "revision UInt32",
                f"stages Tuple({stages})",
                f"platform Tuple({platform})",
            ]
        )
        ids = ", ".join(f"INDEX by_{name} {name} TYPE bloom_filter(0.01)" for name in _ID_FIELDS)
        self._session.query("CREATE DATABASE kept")
        self._session.query(
            f"CREATE TABLE kept.attempts ({self._columns}, {ids}) ENGINE = MergeTree"
            " ORDER BY (vehicle_id, started_at) SETTINGS default_compression_codec = 'ZSTD(1)'"
        )

    def take_in(self, files: Sequence[Path]) -> None:
        """Insert each file, then merge the parts into one."""
        for file in files:
            self._session.query(
                f"INSERT INTO kept.attempts SETTINGS {_CHDB} SELECT * FROM"
                f" file('{file}', JSONEachRow, '{self._columns}')"
            )
        self._session.query("OPTIMIZE TABLE kept.attempts FINAL")

    def open(self) -> None:
        """Nothing more: it is open."""

    def find(self, any_id: str) -> int:
        """By the bloom filters."""
        is_it = " OR ".join(f"{name} = '{any_id}'" for name in _ID_FIELDS)
        return self._count(is_it)

    def day(self, car: str) -> int:
        """By the order."""
        return self._count(f"vehicle_id = '{car}'")

    def size(self) -> int:
        """Return the bytes of what counts: merged parts stay on the disk for a while."""
        active = "active AND database = 'kept'"
        sql = f"SELECT sum(bytes_on_disk) FROM system.parts WHERE {active}"
        return int(str(self._session.query(sql, "CSV")))

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def _count(self, where: str) -> int:
        found = self._session.query(
            f"SELECT * FROM kept.attempts WHERE {where} SETTINGS max_threads = 1", "JSONEachRow"
        )
        return len(str(found).splitlines())


CONTENDERS: Final[dict[str, Any]] = {
    "this store": OurStore,
    "zstd + ripgrep": ZstdAndRipgrep,
    "SQLite FTS5": SqliteFts5,
    "tantivy": Tantivy,
    "chDB": ChDb,
}
_NEEDS_MODULE: Final = {"tantivy": "tantivy", "chDB": "chdb"}
_NEEDS_PROGRAMS: Final = {"zstd + ripgrep": ("zstd", "rg")}


def missing(name: str) -> str | None:
    """Return what a contender lacks here; None where it can run."""
    module = _NEEDS_MODULE.get(name)
    if module is not None and find_spec(module) is None:
        return f"{module} is not installed"
    lacking = [each for each in _NEEDS_PROGRAMS.get(name, ()) if shutil.which(each) is None]
    return f"{', '.join(lacking)} is not installed" if lacking else None
