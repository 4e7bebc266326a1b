"""Which file of a store is damaged, where who has read it does not know."""

from __future__ import annotations

from pathlib import Path

from platform_probe.store.duck import DamagedFileError, Duck, FileGoneError, file_list
from platform_probe.store.layout import TEMPORARY


def named(error: DamagedFileError, directory: Path) -> DamagedFileError:
    """Return the error with the name of the file: the first whose end cannot be read."""
    if error.path is not None:
        return error
    duck = Duck()
    try:
        for path in sorted(directory.glob("*/*.parquet")):
            if path.parent.name != TEMPORARY and not _can_be_read(duck, path):
                return DamagedFileError(str(path), error.why)
    finally:
        duck.close()
    return error


def _can_be_read(duck: Duck, path: Path) -> bool:
    try:
        duck.run(f"FROM parquet_file_metadata({file_list([path])})")
    except DamagedFileError:
        return False
    except (OSError, FileGoneError):  # that is another matter
        return True
    return True
