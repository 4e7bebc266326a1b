"""SQL of users: one SELECT in a process of its own, which the kernel limits.

DuckDB's own limits are not enough. Some functions allocate several times `memory_limit`, and look
up from their work only when they are done. So the kernel bounds the memory of the process, ends it
at the time limit, and refuses whatever it would write to a file.

`sql_process` is that process. It reads a question from a file that it inherits, and writes the
answer. Both are pickled: they come from this program alone. It ends with its input.
"""

from __future__ import annotations

import pickle
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet_wire.child_process import BOUND_COMMAND, open_input
from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from platform_probe.store.duck import DamagedFileError, Rows, too_long
from platform_probe.store.limits import SqlLimits
from platform_probe.store.reading import Source
from platform_probe.texts.spoken_error import SpokenError, sentence_sequence

_COMMAND: Final = (*BOUND_COMMAND, "platform_probe.store.sql_process")


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the process: a SELECT with its values over a store, as of a time."""

    directory: Path
    as_of_s: float | None
    sql: str
    values: Mapping[str, Any]
    rows: int
    limits: SqlLimits
    hides_customers: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer; `path` is that of a damaged file."""

    text: str | Text
    """A `Text` where it used more than a limit allows."""
    path: str | None = None
    is_of_disk: bool = False


def run_user_sql(
    source: Source,
    sql: str,
    values: Mapping[str, Any],
    *,
    rows: int,
    limits: SqlLimits,
    hides_customers: bool = False,
) -> Rows:
    """Return what a SELECT of a user finds, `rows` rows at most.

    With `hides_customers` it finds made-up names in place of accounts, and no positions.

    Raises `ConfigError` for anything but a SELECT over the tables, for wrong SQL, and where a limit
    is reached; `OSError` where the disk does not allow it or a file is damaged.
    """
    question = Question(
        source.directory, source.as_of_s, sql, values, rows, limits, hides_customers
    )
    with open_input() as stdin, tempfile.TemporaryFile() as asked:
        pickle.dump(question, asked)
        asked.seek(0)
        done = subprocess.run(  # noqa: S603 - ourselves
            (*_COMMAND, str(asked.fileno())),
            stdin=stdin,
            pass_fds=[asked.fileno()],
            capture_output=True,
            check=False,
        )
    if done.returncode == -signal.SIGALRM:
        raise SpokenError(sentence_sequence(too_long(limits.max_s), Text(key="store.more_time")))
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigError([f"SQL: the query ended its process ({done.returncode}): {last}"])
    answer = pickle.loads(done.stdout)  # noqa: S301 - our own process wrote it
    if isinstance(answer, Problem):
        raise _error_of(answer)
    assert isinstance(answer, Rows)  # noqa: S101 - it answers with nothing else
    return answer


def _error_of(problem: Problem) -> Exception:
    if isinstance(problem.text, Text):
        return SpokenError(problem.text)
    if problem.path is not None:
        return DamagedFileError(problem.path, problem.text)
    return OSError(problem.text) if problem.is_of_disk else ConfigError(problem.text.splitlines())
