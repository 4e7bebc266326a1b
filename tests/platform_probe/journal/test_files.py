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


@pytest.mark.parametrize(
    ("left", "expected"),
    [("", ["new"]), ("whole\n", ["whole", "new"]), ("whole\nto", ["whole", "to", "new"])],
)
def test_torn_line_is_ended_first(tmp_path: Path, left: str, expected: list[str]) -> None:
    """What an earlier process left unfinished does not swallow the first new line."""
    path = tmp_path / "file"
    path.write_text(left)
    file = AppendedFile(path)
    file.append(b"new\n")
    assert lines(path) == expected
    file.append(b"newer\n")
    assert lines(path) == [*expected, "newer"]
    file.close()


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


def test_who_rotates_from_outside_needs_to_tell_nobody(tmp_path: Path) -> None:
    """By renaming or removing the file, or by a copy and an empty file."""
    path, aside = tmp_path / "file", tmp_path / "aside"
    file = AppendedFile(path)
    file.append(b"1\n")
    path.rename(aside)
    file.append(b"2\n")
    assert (lines(aside), lines(path)) == (["1"], ["2"])
    path.unlink()
    file.append(b"3\n")
    assert lines(path) == ["3"]
    os.truncate(path, 0)
    file.append(b"4\n")
    assert path.read_bytes() == b"4\n"
    file.close()


def test_full_file_is_put_aside(tmp_path: Path) -> None:
    """No file exceeds its size, the oldest is overwritten, and no line is lost before that."""
    path = tmp_path / "file"
    file = rotating(path, max_bytes=4, kept=2)
    for number in range(7):
        file.append(b"%d\n" % number)
    assert lines(path) == ["6"]
    assert lines(tmp_path / "file.1") == ["4", "5"]
    assert lines(tmp_path / "file.2") == ["2", "3"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "file.1", "file.2"]
    file.append(b"123456789\n")
    file.append(b"8\n")
    assert lines(tmp_path / "file.1") == ["123456789"], "what fits nowhere has its own"
    file.close()


def test_file_of_yesterday_is_put_aside(tmp_path: Path) -> None:
    """Its last line tells its day, also after a restart; an empty file stays."""
    path = tmp_path / "file"
    path.touch()
    os.utime(path, (0, 0))
    rotating(path).append(b"1\n")
    os.utime(path, (NOW_S, NOW_S))
    rotating(path).append(b"2\n")
    assert lines(path) == ["1", "2"]
    os.utime(path, (NOW_S - DAY_S, NOW_S - DAY_S))
    rotating(path).append(b"3\n")
    assert (lines(tmp_path / "file.1"), lines(path)) == (["1", "2"], ["3"])


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
