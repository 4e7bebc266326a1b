"""Children that end with their parent, and whom no signal finds half made.

Each test has a process of its own: what is called at each fork would stay in that of the tests.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.helpers.commands import pids_with
from tests.helpers.waiting import wait_for

WAITS = """\
import sys, time
from fleet_sim.runs.live.forking import fork, signals_held
with signals_held():
    fork(lambda: time.sleep(3_600))
print("forked", flush=True)
time.sleep(3_600)
"""
INTERRUPTED_AT_EACH_FORK = """\
import asyncio, os, signal, sys
from fleet_sim.runs.live.workers import Workers
async def sleep(_part, _channel):
    await asyncio.sleep(3_600)
for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs inherit SIGINT ignored
    signal.signal(number, signal.default_int_handler)
def interrupt():
    os.kill(os.getpid(), signal.{name})
os.register_at_fork(after_in_parent=interrupt, after_in_child=interrupt)
try:
    Workers.fork(sleep, lambda _part: 1, 3)
    print("not interrupted", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.read()
"""


def _start(script: str, marker: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(marker)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Also where the parent is killed, and the child hears nothing of it."""
    with _start(WAITS, tmp_path) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "forked\n"
        assert len(pids_with([str(tmp_path)])) == 2
        parent.kill()
        wait_for(lambda: not pids_with([str(tmp_path)]))


def test_a_signal_amid_a_fork_reaches_the_parent_and_no_child(tmp_path: Path) -> None:
    """It is not swallowed by what is called at the fork, and the children that there are end."""
    for name in ("SIGINT", "SIGTERM"):
        script = INTERRUPTED_AT_EACH_FORK.replace("{name}", name)
        with _start(script, tmp_path) as parent:
            assert parent.stdout is not None
            assert parent.stdout.readline() == "interrupted\n", name
            wait_for(lambda: len(pids_with([str(tmp_path)])) == 1)
            _, errors = parent.communicate("")
        assert (parent.returncode, errors) == (0, ""), name
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
