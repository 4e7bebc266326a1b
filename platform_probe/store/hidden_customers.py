"""Views over a store's tables without customers, for SQL of people who may not see them.

A temporary view comes before the table of its name, and every other view reads it instead. A user's
SELECT cannot name the table behind it (`select_check`).
"""

from __future__ import annotations

import secrets
from typing import Final

from platform_probe.store.duck import Duck
from platform_probe.store.schema import ATTEMPTS, TABLES

_INSTEAD: Final = {
    "account_id": "'customer-' || left(sha256('{key}' || account_id), 12)",
    "position": "NULL",
    "distance_m": "NULL",
}
"""SQL in place of each personal column. The same customer has the same name throughout."""


def hide_customers(duck: Duck) -> None:
    """Hide who customers are, and where they were, from later queries of this connection.

    The key is drawn for each query: nobody can find a customer by trying names.
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
