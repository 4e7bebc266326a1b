"""The changes that mutmut makes to the core, and what came of each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path
from random import Random
from typing import Final

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_mutant_name, orig_function_and_class_names_from_key

from tests.helpers.equivalent_mutants import Change, equivalents, folded

COPY: Final = Path("mutants")
"""Where mutmut keeps its changed copy and its results, in the directory that it is started in."""
LOG: Final = COPY / "mutmut.log"
NOTICED: Final = frozenset({"killed", "timeout", "segfault", "suspicious", "caught by type check"})
"""Mutmut's words for a change that a test or mypy notices."""


@dataclass(frozen=True, slots=True)
class Score:
    """What came of the changes to one file."""

    path: Path
    tried: int
    noticed: int
    equivalent: int
    survivors: tuple[Change, ...]

    @property
    def percent(self) -> float:
        """Of what can be noticed, how much was."""
        return percent_of([self])


def percent_of(scores: Iterable[Score]) -> float:
    """Return how much was noticed of what can be, over all these files."""
    together = [*scores]
    noticeable = sum(score.tried - score.equivalent for score in together)
    noticed = sum(score.noticed for score in together)
    return 100 * noticed / noticeable if noticeable else 100.0


def names_by_path(is_meant: Callable[[Path], bool]) -> dict[Path, list[str]]:
    """Return what mutmut calls the changes to each file that `pyproject.toml` has it change."""
    paths = sorted(filter(is_meant, walk_mutatable_files()))
    with Pool() as pool:
        found = zip(paths, pool.map(_names_of, paths, chunksize=1), strict=True)
        return {path: names for path, names in found if names}


def _names_of(path: Path) -> list[str]:
    names = mutate_file_contents(str(path), path.read_text("utf-8")).mutant_names
    return [get_mutant_name(path, name) for name in names]


def sample(names: Mapping[Path, list[str]], *, each: int, seed: int) -> dict[Path, list[str]]:
    """Return `each` changes to each file, all where it has fewer; no file's depend on another's."""
    return {
        path: Random(f"{seed}/{path}").sample(found, min(each, len(found)))  # noqa: S311 - a sample
        for path, found in names.items()
    }


def start_afresh() -> None:
    """Keep of earlier runs the results alone: mutmut would run tests that are gone since."""
    shutil.rmtree(COPY / "tests", ignore_errors=True)
    (COPY / "mutmut-stats.json").unlink(missing_ok=True)
    COPY.mkdir(exist_ok=True)


def run_mutmut(names: list[str]) -> int:
    """Try these changes, one on each core; return mutmut's exit code."""
    programs = Path(sys.executable).parent
    command = [str(programs / "mutmut"), "run", *names]
    variables = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}  # for mypy
    with LOG.open("w") as log:
        return subprocess.run(
            command, env=variables, stdout=log, stderr=log, check=False
        ).returncode


def not_noticed_yet(names: Mapping[Path, list[str]]) -> list[str]:
    """Return those changes that no earlier run saw noticed; of a file changed since then, all.

    What an earlier run tried, and no test can notice, is left out: it would run all of them.
    """
    wanted: list[str] = []
    for path, found in names.items():
        results = _results(path)
        is_new = not results.meta_path.exists()
        if is_new or path.stat().st_mtime > results.meta_path.stat().st_mtime:
            wanted += found
        else:
            wanted += [name for name in found if not _is_settled(path, results, name)]
    return wanted


def _is_settled(path: Path, results: SourceFileMutationData, name: str) -> bool:
    if _is_noticed(results, name):
        return True
    was_tried = results.exit_code_by_key.get(name) is not None
    return was_tried and _is_equivalent(path, _change(path, name))


def score_of(path: Path, names: list[str]) -> Score:
    """Return what came of these changes to a file."""
    results = _results(path)
    unnoticed = [_change(path, name) for name in names if not _is_noticed(results, name)]
    survivors = tuple(change for change in unnoticed if not _is_equivalent(path, change))
    return Score(
        path=path,
        tried=len(names),
        noticed=len(names) - len(unnoticed),
        equivalent=len(unnoticed) - len(survivors),
        survivors=survivors,
    )


def _results(path: Path) -> SourceFileMutationData:
    data = SourceFileMutationData(path=path)
    data.load()
    return data


def _is_noticed(results: SourceFileMutationData, name: str) -> bool:
    return status_by_exit_code[results.exit_code_by_key.get(name)] in NOTICED


def _is_equivalent(path: Path, change: Change) -> bool:
    return any(entry.path == path and entry.covers(change) for entry in equivalents())


def _change(path: Path, name: str) -> Change:
    function, class_name = orig_function_and_class_names_from_key(name)
    lines = get_diff_for_mutant(name, path=path).splitlines()
    return Change(
        function=f"{class_name}.{function}" if class_name else function,
        old=folded(" ".join(_marked(lines, "-"))),
        new=folded(" ".join(_marked(lines, "+"))),
    )


def _marked(lines: list[str], mark: str) -> Iterator[str]:
    return (line[1:] for line in lines if line.startswith(mark) and not line.startswith(mark * 3))
