"""Names of files say which of them count; a store of another release says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.store.layout import (
    STORE_FILE,
    VERSION,
    ParquetPart,
    bytes_in,
    check_is_store,
    live_parts,
    live_segments,
    make_store,
    next_number,
    parquet_parts,
    part_name,
    segment_path,
)
from platform_probe.store.schema import ATTEMPTS


def part(first: int, last: int) -> ParquetPart:
    """Return a file with the rows of these write-ahead files."""
    name = part_name(
        first=first, last=last, complete_at=100, earliest=0, latest=99, form=ATTEMPTS.form
    )
    return ParquetPart(first, last, 100, 0, 99, Path(name), ATTEMPTS.form)


def test_names_are_read_as_they_are_written(tmp_path: Path) -> None:
    """A part is what its name says; other files are none."""
    (tmp_path / "attempts").mkdir()
    (tmp_path / "attempts" / "rows.tmp").touch()
    written = part(3, 17)
    earlier = "00000018-00000018.1767229200.1767225600-1767229195.parquet"
    for name in (written.path.name, earlier):
        (tmp_path / "attempts" / name).touch()
    found, before_forms = parquet_parts(tmp_path, "attempts")
    assert found.path.name == written.path.name
    assert (found.first, found.last, found.latest, found.form) == (3, 17, 99, ATTEMPTS.form)
    assert (before_forms.latest, before_forms.form) == (1_767_229_195, "")


def test_what_lies_within_another_does_not_count() -> None:
    """Whoever merged was stopped before the small files were gone: their rows count once."""
    parts = [part(1, 1), part(2, 2), part(1, 2), part(3, 3), part(4, 4), part(3, 8), part(9, 9)]
    assert [(each.first, each.last) for each in live_parts(parts)] == [(1, 2), (3, 8), (9, 9)]


def test_a_file_that_goes_while_sizes_are_counted_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers trim the cache, and the keeper removes what it has packed."""
    for name in ("gone", "there"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "within").mkdir()
    (tmp_path / "within" / "more").write_bytes(b"123")
    stat = Path.stat

    def late(path: Path, **more: bool) -> os.stat_result:
        if path.name == "gone":
            path.unlink(missing_ok=True)
        return stat(path, **more)

    monkeypatch.setattr(Path, "stat", late)
    monkeypatch.setattr(Path, "is_file", lambda path: path.name != "within")
    assert bytes_in(tmp_path) == 8


def test_a_store_says_what_it_is_to_owner_and_group(tmp_path: Path) -> None:
    """Others may not even know that it is one."""
    before = os.umask(0o022)
    try:
        make_store(tmp_path / "store")
    finally:
        os.umask(before)
    assert (tmp_path / "store" / STORE_FILE).stat().st_mode & 0o777 == 0o640


def test_lines_that_are_in_a_part_do_not_count(tmp_path: Path) -> None:
    """Whoever packed them was stopped before the lines were gone."""
    make_store(tmp_path)
    for number, suffix in ((2, ".jsonl"), (3, ".jsonl"), (4, ".open")):
        segment_path(tmp_path, "attempts", number, suffix).touch()
    segments = live_segments(tmp_path, "attempts", [part(1, 2)])
    assert [(each.number, each.is_open) for each in segments] == [(3, False), (4, True)]
    assert next_number(tmp_path, "attempts") == 5


def test_tables_with_like_names_are_told_apart(tmp_path: Path) -> None:
    """Numbers are a table's own."""
    make_store(tmp_path)
    segment_path(tmp_path, "stray_answers", 7, ".jsonl").touch()
    assert next_number(tmp_path, "answers") == 1
    assert next_number(tmp_path, "stray_answers") == 8


def test_a_store_of_another_version(tmp_path: Path) -> None:
    """One of an earlier release becomes ours; one of a later is neither read nor written."""
    make_store(tmp_path)
    (tmp_path / STORE_FILE).write_text('{"format": "unlockpath-store", "version": 0}')
    assert check_is_store(tmp_path) == 0
    make_store(tmp_path)
    assert check_is_store(tmp_path) == VERSION
    later = f'{{"format": "unlockpath-store", "version": {VERSION + 1}}}'
    (tmp_path / STORE_FILE).write_text(later)
    for work in (check_is_store, make_store):
        with pytest.raises(ConfigError, match=rf"version {VERSION + 1}, .* up to {VERSION}"):
            work(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", '{"format": "other", "version": 1}', "[1"])
def test_broken_description_is_refused(tmp_path: Path, content: str) -> None:
    """What is no description of a store is named."""
    (tmp_path / STORE_FILE).write_text(content)
    with pytest.raises(ConfigError, match=STORE_FILE):
        check_is_store(tmp_path)


def test_directory_of_something_else_stays_as_it_is(tmp_path: Path) -> None:
    """A directory with files of somebody is made no store, nor taken for one."""
    (tmp_path / "letter.txt").touch()
    with pytest.raises(ConfigError, match="not empty and no store"):
        make_store(tmp_path)
    with pytest.raises(ConfigError, match="no store is here"):
        check_is_store(tmp_path)
