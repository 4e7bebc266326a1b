"""Reading beside those who write; finding by any id; directories of runs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.errors import ConfigError
from platform_probe.store import reading
from platform_probe.store.duck import Duck, FileGoneError
from platform_probe.store.layout import make_store, parquet_parts
from platform_probe.store.reading import Source, Span
from platform_probe.store.schema import ATTEMPTS
from tests.helpers.stores import (
    BEGIN_S,
    ids_in,
    kept,
    put_lines,
    put_unlocks,
    selected,
    unlock,
)


def found(directory: Path, *ids: str) -> list[Any]:
    """Return the ids of the unlocks that are found by each of some ids."""
    source = Source(directory)
    rows = source.read(lambda duck: [source.find(duck, any_id).rows for any_id in ids])
    return [row[1] for its in rows for row in its]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with unlocks in two Parquet files and in lines."""
    directory = tmp_path_factory.mktemp("made") / "store"
    put_unlocks(directory, (unlock(number) for number in range(20)))
    kept(directory)
    put_unlocks(directory, (unlock(number) for number in range(20, 40)))
    kept(directory)
    put_unlocks(directory, (unlock(number) for number in range(40, 50)))
    return directory


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """Return a copy of that store; signs of patterns and a quote are in its name."""
    return Path(shutil.copytree(made, tmp_path / "it's [a] store*?"))


def test_customer_finds_all_of_theirs(store: Path) -> None:
    """The last one first; what is no id finds nothing, and quotes are text like any other."""
    expected = [f"attempt-{number}" for number in range(48, -1, -5)]
    assert found(store, "customer-3") == expected
    assert found(store, "", "car-01", "attempt-9999", "' OR 1=1 --", "a\nb", "%") == []


def test_only_files_of_the_time_are_read(store: Path) -> None:
    """A store of a month is not read for an hour."""
    source = Source(store)
    late = Span(since_s=BEGIN_S + 3_600 + 20, until_s=None)
    assert [part.first for part in source.files(ATTEMPTS, late).parts] == [2]
    early = Span(until_s=BEGIN_S - 3_600 + 15)
    assert [part.first for part in source.files(ATTEMPTS, early).parts] == [1]


def test_file_that_goes_meanwhile_is_listed_again(store: Path) -> None:
    """The keeper merged what a reader has just listed: it reads what there is now."""
    tries: list[int] = []

    def work(duck: Duck) -> int:
        tries.append(1)
        if len(tries) == 1:
            for part in parquet_parts(store, "attempts"):
                part.path.unlink()
        ((count,),) = duck.run("SELECT count(*) FROM attempt_revisions WHERE total_s > 0")
        return int(count)

    assert Source(store).read(work) == 10
    assert len(tries) == 2


def test_lines_that_are_packed_meanwhile_are_read_to_their_end(store: Path) -> None:
    """Whoever has listed them holds them open, however long the question takes."""
    asked = Source(store)

    def work(duck: Duck) -> list[tuple[int]]:
        kept(store)
        return duck.run("SELECT count(*) FROM platform_events")

    put_lines(store, "platform_events", [b'{"at":1.0,"event":"asked"}'] * 3)
    assert asked.read(work) == [(3,)]
    assert asked.read(work) == [(3,)]


def cut(content: bytes) -> bytes:
    """Return what a copy has of a file that ended too early."""
    return content[: len(content) // 2]


def without_its_middle(content: bytes) -> bytes:
    """Return a file of which a piece is missing: DuckDB does not say which file it is then."""
    return content[: len(content) // 2] + content[len(content) // 2 + 400 :]


def with_a_wrong_page(content: bytes) -> bytes:
    """Return a file whose end is right: DuckDB says of a page that makes no sense not where."""
    return content[:4] + b"\xff" * 30 + content[34:]


@pytest.mark.parametrize(
    ("place", "damage"),
    [
        *(("attempts", one) for one in (cut, without_its_middle, with_a_wrong_page, lambda _: b"")),
        ("attempt_sums", with_a_wrong_page),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(
    store: Path, damage: Callable[[bytes], bytes], place: str
) -> None:
    """No answer leaves it out in silence; obeyed, the others are read."""
    file = min((store / place).glob("*.parquet"))
    file.write_bytes(damage(file.read_bytes()))
    sql = (
        "SELECT max(COLUMNS(*)) FROM attempt_sums"
        if place != "attempts"
        else "SELECT max(vehicle_id), max(total_s), max(evidence) FROM attempts"
    )
    with pytest.raises(OSError, match=re.escape(f"{file} is damaged (")) as raised:
        selected(store, sql)
    subprocess.run(str(raised.value).rpartition(": ")[2], shell=True, check=True)  # noqa: S602 - ours
    assert selected(store, sql)
    assert len(ids_in(store)) == (30 if place == "attempts" else 50)


def test_file_that_is_always_gone_is_an_error(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lists for ever would never answer."""
    monkeypatch.setattr(reading, "_TRIES", 2)

    def work(_duck: Duck) -> None:
        raise FileGoneError("gone")

    with pytest.raises(OSError, match="gone"):
        Source(store).read(work)


def test_records_of_a_run_are_read_like_a_store(tmp_path: Path) -> None:
    """So are those that a monitor has put aside: it keeps up to a thousand."""
    for name, numbers in (("attempts.jsonl", (2, 3)), ("attempts.jsonl.999", (0, 1))):
        lines = b"".join(msgspec.json.encode(unlock(each)) + b"\n" for each in numbers)
        (tmp_path / name).write_bytes(lines)
    (tmp_path / "platform.jsonl").write_bytes(
        b'{"event":"requested","at":5.5,"request_id":"r","operation":"unlock"}\n'
    )
    (tmp_path / "stray_answers.jsonl").touch()
    assert ids_in(tmp_path) == [f"attempt-{number}" for number in range(4)]
    assert found(tmp_path, "booking-1") == ["attempt-1"]
    assert selected(tmp_path, "SELECT event, vehicle_id FROM platform_events") == [
        ("requested", None)
    ]
    assert selected(tmp_path, "SELECT * FROM observations") == []


def test_a_predefined_query_that_needs_too_much_memory_is_an_error() -> None:
    """With what to do about it."""
    duck = Duck(threads=1, memory="64MiB")
    with pytest.raises(ConfigError, match=r"needs more memory than there is\. Ask for less"):
        duck.query("SELECT list(i) FROM range(50000000) AS r(i)", {}, limit=1)
    duck.close()


def test_records_begin_and_end_where_their_lines_do(tmp_path: Path) -> None:
    """Of all tables; a line that is torn says nothing. Nothing is recorded: there is no span."""
    make_store(tmp_path)
    assert Source(tmp_path).recorded() is None
    put_unlocks(tmp_path, [unlock(number) for number in range(3)])
    heard = {"at": BEGIN_S + 90.0, "kind": "presence", "vehicle_id": "car-1", "message": {}}
    path = put_lines(tmp_path, "observations", [msgspec.json.encode(heard)])
    assert Source(tmp_path).recorded() == Span(BEGIN_S, BEGIN_S + 90.0)
    with path.open("ab") as file:
        file.write(b'{"at": 17')
    assert Source(tmp_path).recorded() == Span(BEGIN_S, BEGIN_S + 90.0)
    kept(tmp_path)
    assert Source(tmp_path).recorded() == Span(BEGIN_S, BEGIN_S + 90.0)
