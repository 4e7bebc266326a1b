"""What makes a directory a store; one of another release says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.store.layout import (
    OLDEST,
    STORE_FILE,
    VERSION,
    bytes_in,
    check_is_store,
    make_store,
)


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


def test_a_store_of_another_version(tmp_path: Path) -> None:
    """One of an earlier release becomes ours; another one is neither read nor written."""

    def say(version: int) -> None:
        said = f'{{"format": "unlockpath-store", "version": {version}}}'
        (tmp_path / STORE_FILE).write_text(said)

    make_store(tmp_path)
    say(OLDEST)
    assert check_is_store(tmp_path) == OLDEST
    make_store(tmp_path)
    assert check_is_store(tmp_path) == VERSION
    for version, told in ((VERSION + 1, f"up to {VERSION}"), (OLDEST - 1, "of no release")):
        say(version)
        for work in (check_is_store, make_store):
            with pytest.raises(ConfigError, match=told):
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
