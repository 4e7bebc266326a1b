"""The files of boards: those that ship, a folder for each squad, and the keys of shared links.

`DIRECTORY/SQUAD/NAME.yaml` is a board, and `DIRECTORY/SQUAD/NAME.key` the key of its links. A board
is named `SQUAD/NAME`. No earlier link opens anything once its key is removed or replaced.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from fleet_wire.private_files import FOR_GROUP, FOR_OWNER, write_whole
from platform_probe.boards.form import Board, load_board
from platform_probe.settings.console import EXAMPLES, NAME
from platform_probe.texts.spoken_error import SpokenError, spoken_error

SHIPPED: Final = Path(__file__).parent / "shipped"
MAX_BOARDS: Final = 200
"""Boards of a squad that are listed."""


@dataclass(frozen=True, slots=True)
class BoardFile:
    """A board by name, and its file, which may not be there yet."""

    squad: str
    name: str
    path: Path

    @property
    def board_id(self) -> str:
        """Its name in addresses: `SQUAD/NAME`."""
        return f"{self.squad}/{self.name}"

    @property
    def ships(self) -> bool:
        """Whether it comes with the program."""
        return self.squad == EXAMPLES

    def text(self) -> str | None:
        """Return its text; None where there is none. Raises `ConfigError`."""
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise _not_read(self.path, error) from None

    def load(self) -> Board:
        """Return what it says. Raises `ConfigError`."""
        try:
            stat = self.path.stat()
        except OSError as error:
            raise _not_read(self.path, error) from None
        return _loaded(self.path, stat.st_mtime_ns, stat.st_size)

    def save(self, text: str) -> None:
        """Write it. Raises `ConfigError`."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, text.encode(), FOR_GROUP)
        except OSError as error:
            raise _not_written(self.path, error) from None

    def delete(self) -> None:
        """Remove it, and the key of its links. Raises `ConfigError`."""
        self.revoke_links()
        self._remove(self.path)

    # Links

    def signature(self, until_s: int) -> str:
        """Return the signature of a link until a time; a key is made. Raises `ConfigError`."""
        if self._key() is None:
            try:
                write_whole(self._key_path, secrets.token_hex(32).encode(), FOR_OWNER)
            except OSError as error:
                raise _not_written(self._key_path, error) from None
        return self._signature(until_s) or ""

    def is_signed(self, until_s: int, signature: str) -> bool:
        """Return whether a link until a time is one of ours, and not revoked."""
        ours = self._signature(until_s)
        return ours is not None and hmac.compare_digest(ours.encode(), signature.encode())

    def has_links(self) -> bool:
        """Return whether there may be a link."""
        return self._key() is not None

    def revoke_links(self) -> None:
        """Remove the key: every link is void. Raises `ConfigError`."""
        self._remove(self._key_path)

    @property
    def _key_path(self) -> Path:
        return self.path.with_suffix(".key")

    def _key(self) -> bytes | None:
        try:
            return self._key_path.read_bytes() or None
        except OSError:
            return None

    def _signature(self, until_s: int) -> str | None:
        key = self._key()
        if key is None:
            return None
        return hmac.new(key, f"{self.board_id} {until_s}".encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def _remove(path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _not_written(path, error) from None


class BoardFolder:
    """All boards; `directory` has those of squads, None: there are none."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    @property
    def missing(self) -> Path | None:
        """The folder of squads' boards, from the root, where there is none; None: nothing lacks."""
        directory = self._directory
        return None if directory is None or directory.exists() else directory.absolute()

    def files(self) -> list[BoardFile]:
        """Return every board, those that ship first. Raises `ConfigError`."""
        found = [*_files_in(SHIPPED, EXAMPLES)]
        if self._directory is None:
            return found
        try:
            squads = sorted(path.name for path in self._directory.iterdir() if path.is_dir())
        except FileNotFoundError:
            return found
        except OSError as error:
            raise _not_read(self._directory, error) from None
        for squad in squads:
            if NAME.fullmatch(squad) and squad != EXAMPLES:
                found += _files_in(self._directory / squad, squad)
        return found

    def file(self, board_id: str) -> BoardFile | None:
        """Return the file of a board, which need not be there; None for what names none."""
        squad, _, name = board_id.partition("/")
        if not (NAME.fullmatch(squad) and NAME.fullmatch(name)):
            return None
        if squad == EXAMPLES:
            return BoardFile(squad, name, SHIPPED / f"{name}.yaml")
        if self._directory is None:
            return None
        return BoardFile(squad, name, self._directory / squad / f"{name}.yaml")


def _files_in(folder: Path, squad: str) -> list[BoardFile]:
    paths = sorted(path for path in folder.glob("*.yaml") if NAME.fullmatch(path.stem))
    return [BoardFile(squad, path.stem, path) for path in paths[:MAX_BOARDS]]


@lru_cache(maxsize=256)
def _loaded(path: Path, changed_ns: int, size: int) -> Board:  # noqa: ARG001 - the key
    return load_board(path)[1]


def _not_read(path: Path, error: OSError | UnicodeDecodeError) -> SpokenError:
    why = (isinstance(error, OSError) and error.strerror) or str(error)
    return spoken_error("board.not_read", path=str(path), error=why)


def _not_written(path: Path, error: OSError) -> SpokenError:
    return spoken_error("board.not_written", path=str(path), error=error.strerror or str(error))
