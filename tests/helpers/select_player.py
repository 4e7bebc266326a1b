"""Plays transcripts of SQL that people write: why it is refused, and what it would reach."""

from __future__ import annotations

import atexit
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from fleet_wire.errors import ConfigError
from platform_probe.store import select_check
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source
from tests.helpers.store_player import shared_store
from tests.helpers.transcripts import Teller

CONTENT: Final = "root:x:0:0"
"""What a file of the machine has in it."""


@cache
def confined(store: Path) -> Duck:
    """Return a database of a store that nobody changes, as a user's SELECT has it."""
    given: list[Duck] = []
    opened = Duck(threads=1)
    close, opened.close = opened.close, lambda: None  # type: ignore[method-assign]
    atexit.register(close)
    Source(store).read_confined(given.append, lambda: opened)
    return given[0]


_NAMES: Final = cache(select_check._names)
"""What a database has names for: it is asked once."""


@dataclass
class SelectPlayer(Teller):
    """Somebody who writes SQL. `STORE` is the directory of the store, `FILE` a file beside it.

    `check SQL` shows why it is refused; what is allowed shows nothing. `reach SQL` shows in
    addition whether DuckDB itself would read the file, as if it had passed. A backslash and an n
    end a line.
    """

    told: list[str] = field(default_factory=list)
    store: Path = field(default_factory=lambda: shared_store("busy"))

    def __post_init__(self) -> None:
        """Write the file."""
        self.file = self.store.parent / "secret.csv"
        self.file.write_text(f"a\n{CONTENT}\n")
        self.duck = confined(self.store)

    def _do_check(self, sql: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(select_check, "_names", _NAMES)
            try:
                select_check.check_select(self._written(sql), self.duck)
            except ConfigError as error:
                first_line = str(error).partition("; the tables are ")[0].splitlines()[0]
                named = first_line.replace(str(self.file), "FILE")
                self.told.append(named.replace(str(self.store), "STORE"))

    def _do_reach(self, sql: str) -> None:
        self._do_check(sql)
        with suppress(ConfigError, OSError):
            found = str(self.duck.rows_of(self._written(sql), {}, limit=100).rows)
            if CONTENT in found or str(self.store / "keeper.lock") in found:
                self.told.append("DuckDB reads the file")

    def _written(self, sql: str) -> str:
        paths = sql.replace("FILE", str(self.file)).replace("STORE", str(self.store))
        return paths.replace("\\n", "\n")
