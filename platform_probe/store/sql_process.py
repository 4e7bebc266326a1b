"""Answer one question in SQL of a user: `python -m platform_probe.store.sql_process ... FILE`.

The process reads a pickled `Question` from a file that it inherits, by its descriptor. It writes
the pickled rows, or a `Problem`. The kernel ends it with SIGALRM at the time limit.
"""

from __future__ import annotations

import pickle
import resource
import secrets
import signal
import sys
from functools import partial
from typing import Final

from fleet_wire.contract.text import Text
from fleet_wire.errors import ConfigError
from platform_probe.store.duck import DamagedFileError, Duck, Rows
from platform_probe.store.limits import SqlLimits
from platform_probe.store.reading import Source
from platform_probe.store.schema import ATTEMPTS, TABLES
from platform_probe.store.select_check import check_select
from platform_probe.store.user_sql import Problem, Question

MIB: Final = 2**20
_FOR_DUCK: Final = 0.75
"""Share of the memory that DuckDB manages. The rest is Python, and what DuckDB does not count."""
_INSTEAD: Final = {
    "account_id": "'customer-' || left(sha256('{key}' || account_id), 12)",
    "position": "NULL",
    "distance_m": "NULL",
}
"""SQL in place of each personal column. The same customer has the same name throughout."""


def _answer(question: Question) -> Rows | Problem:
    limits = question.limits
    memory = f"{int(limits.memory_mib * _FOR_DUCK)}MiB"

    def work(duck: Duck) -> Rows:
        check_select(question.sql, duck)
        if question.hides_customers:
            hide_customers(duck)
        return duck.rows_of(question.sql, question.values, limit=question.rows)

    source = Source(question.directory, as_of_s=question.as_of_s)
    try:
        return source.read_confined(work, partial(Duck, threads=2, memory=memory))
    except ConfigError as error:
        return Problem("\n".join(error.problems))
    except DamagedFileError as error:
        return Problem(error.why, error.path)
    except OSError as error:
        return Problem(str(error), is_of_disk=True)


def hide_customers(duck: Duck) -> None:
    """Hide who customers are, and where they were, from later queries of this connection.

    A temporary view comes before the table of its name, and every other view reads it instead. A
    user's SELECT cannot name the table behind it (`select_check`). The key is drawn for each query:
    nobody can find a customer by trying names.
    """
    key = secrets.token_hex(16)
    for table in TABLES.values():
        name = "attempt_revisions" if table is ATTEMPTS else table.name
        hidden = [
            f"{_INSTEAD[column.name].format(key=key)} AS {column.name}"
            for column in table.columns
            if column.name in _INSTEAD
        ]
        if hidden:
            view = f"SELECT * REPLACE ({', '.join(hidden)}) FROM memory.main.{name}"
            duck.run(f"CREATE TEMP VIEW {name} AS {view}")


def _limit(limits: SqlLimits) -> None:
    """Have the kernel hold the limits: of memory, of time, and of written bytes."""
    memory = limits.memory_mib * MIB
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})  # our parent may block it
    signal.setitimer(signal.ITIMER_REAL, limits.max_s)


def main() -> None:
    """Answer one question."""
    with open(int(sys.argv[-1]), "rb") as file:  # noqa: PTH123 - a descriptor
        question = pickle.load(file)  # noqa: S301 - whoever started us wrote it
    assert isinstance(question, Question)  # noqa: S101 - nobody sends anything else
    _limit(question.limits)
    try:
        answer = pickle.dumps(_answer(question))
    except MemoryError:
        answer = _too_much("store.sql_memory", question.limits.memory_mib)
    if len(answer) > question.limits.answer_mib * MIB:
        answer = _too_much("store.sql_answer", question.limits.answer_mib)
    sys.stdout.buffer.write(answer)


def _too_much(key: str, mib: int) -> bytes:
    return pickle.dumps(Problem(Text(key=key, values={"mib": mib})))


if __name__ == "__main__":
    main()
