"""Processes of the monitor do not outlive the one that started them, also where it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import pids_with
from tests.helpers.waiting import wait_for

KEEPS_A_STORE = """
import os, sys, time
from pathlib import Path
from platform_probe.store.layout import make_store
from platform_probe.store.limits import Limits
from platform_probe.store.writer import StoreWriter

store = Path(sys.argv[1])
make_store(store)
os.mkfifo(store / "wal" / "attempts-00000001.jsonl")
writer = StoreWriter(store, Limits(max_age_s=1e12, max_bytes=2**50), on_problem=print)
time.sleep(900)
"""
ASKS_WHAT_IF = """
import asyncio, sys
from pathlib import Path
from platform_probe.web.console import what_if

what_if.COMMAND = (*what_if.COMMAND[:-2], "hangs", sys.argv[1])

async def main():
    what_if.WhatIfs(Path(sys.argv[1])).start("incident-1")
    await asyncio.sleep(900)

asyncio.run(main())
"""
ASKS_IN_SQL = """
import sys
from pathlib import Path
from platform_probe.store import user_sql
from platform_probe.store.layout import make_store
from platform_probe.store.limits import SqlLimits
from platform_probe.store.reading import Source

store = Path(sys.argv[1])
make_store(store)
user_sql._COMMAND += (sys.argv[1],)
user_sql.run_user_sql(
    Source(store), "SELECT sum(range) FROM range(100_000_000_000)", {}, rows=1,
    limits=SqlLimits(memory_mib=512, max_s=900.0, answer_mib=1),
)
"""
RUNS_A_SIMULATOR = """
import subprocess, sys
from fleet_wire.child_process import BOUND_COMMAND, open_input

with open_input() as stdin:
    subprocess.run([*BOUND_COMMAND, "hangs", sys.argv[1]], stdin=stdin)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc names the processes")
@pytest.mark.parametrize(
    ("program", "child"),
    [
        pytest.param(KEEPS_A_STORE, "platform_probe.store.process", id="the keeper of a store"),
        pytest.param(ASKS_IN_SQL, "platform_probe.store.sql_process", id="SQL of a user"),
        pytest.param(ASKS_WHAT_IF, "\0hangs\0", id="the command that plays an incident"),
        pytest.param(RUNS_A_SIMULATOR, "\0hangs\0", id="the simulator of that command"),
    ],
)
def test_a_child_ends_with_a_parent_that_is_killed(
    program: str, child: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is amid work that takes longer than anybody waits."""
    (tmp_path / "hangs.py").write_text("import time; time.sleep(900)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}")
    (store := tmp_path / "store").mkdir()
    with subprocess.Popen([sys.executable, "-c", program, str(store)]) as parent:
        wait_for(lambda: pids_with([child, str(store)]))
        parent.send_signal(signal.SIGKILL)
    wait_for(lambda: not pids_with([child, str(store)]))
