"""Files that grow line by line: torn ends, renames, rotation, and who may read them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from platform_probe.journal.files import AppendedFile, Rotation

DAY_S = 86_400.0
NOW_S = 1_700_000_000.0


def lines(path: Path) -> list[str]:
    """Return the lines of a file."""
    return path.read_text().splitlines()


def rotating(path: Path, *, max_bytes: int = 1_000, kept: int = 2) -> AppendedFile:
    """Return a file that is put aside when it is full, or when the day is over."""
    return AppendedFile(path, Rotation(max_bytes, DAY_S, kept), lambda: NOW_S)


def test_others_may_not_read_it(tmp_path: Path) -> None:
    """Records name cars: a file that is made is for owner and group; one that is there stays."""
    AppendedFile(tmp_path / "new").close()
    assert (tmp_path / "new").stat().st_mode & 0o007 == 0
    (tmp_path / "old").touch(0o666)
    before = (tmp_path / "old").stat().st_mode
    AppendedFile(tmp_path / "old").close()
    assert (tmp_path / "old").stat().st_mode == before


def test_torn_line_is_ended_when_the_disk_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full at the first line does not keep the second from its own line."""
    path = tmp_path / "file"
    path.write_text("torn")
    file = AppendedFile(path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.append(b"lost\n")
    file.append(b"kept\n")
    assert lines(path) == ["torn", "kept"]
    file.close()


def test_file_that_cannot_be_put_aside_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Better a file above its size than a line that is lost."""

    def refuse(*_: object) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    file = rotating(tmp_path / "file", max_bytes=4)
    for number in range(4):
        file.append(b"%d\n" % number)
    assert lines(tmp_path / "file") == ["0", "1", "2", "3"]
    file.close()
