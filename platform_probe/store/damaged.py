"""Finds the damaged file of a store where DuckDB does not name it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

from platform_probe.store.duck import BadLineError, DamagedFileError, Duck, FileGoneError, file_list
from platform_probe.store.layout import TEMPORARY, stats_of

_CHECKS: Final = (
    "FROM parquet_file_metadata({file})",
    "SELECT bit_xor(hash(decode(encode(one::VARCHAR)))) FROM read_parquet({file}) AS one",
)
"""SQL that fails for a damaged file: the first looks at its end, the second at every value."""


def named(error: DamagedFileError, directory: Path) -> DamagedFileError:
    """Return the error with the name of the file: the first in which something cannot be read.

    All files are read for that, once by each process.
    """
    if error.path is not None:
        return error
    paths = [
        path for path in sorted(directory.glob("*/*.parquet")) if path.parent.name != TEMPORARY
    ]
    for check in _CHECKS:
        for path, stat in stats_of(paths):
            if not _was_read(check, path, stat.st_size, stat.st_mtime_ns):
                return DamagedFileError(str(path), error.why)
    return error


@lru_cache(maxsize=10_000)
def _was_read(check: str, path: Path, _size: int, _changed_ns: int) -> bool:
    duck = Duck(threads=1)
    try:
        duck.run(check.format(file=file_list([path])))
    except (BadLineError, DamagedFileError):
        return False
    except (OSError, FileGoneError):  # that is another matter
        return True
    finally:
        duck.close()
    return True
