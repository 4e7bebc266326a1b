"""What tests have started ends with their process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import pids_with
from tests.helpers.places import ROOT
from tests.helpers.waiting import wait_for

WORKER = """
import subprocess, sys
from tests.helpers.survivors import end_survivors_of_this_process

end_survivors_of_this_process()
if len(sys.argv) > 2:  # tests within a test
    command = [sys.executable, "-c", sys.argv[1], sys.argv[2]]
else:
    command = [sys.executable, "-c", "import time; time.sleep(900)", sys.argv[1] + "/asleep"]
subprocess.Popen(command, start_new_session=True).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel names processes and their marks")
@pytest.mark.parametrize("within", [[], [WORKER]], ids=["a worker", "a worker within a test"])
def test_what_a_killed_worker_has_started_ends(tmp_path: Path, within: list[str]) -> None:
    """In a session of its own too, and what tests within the test have started."""
    command = [sys.executable, "-c", WORKER, *within, f"{tmp_path}"]
    with subprocess.Popen(command, cwd=ROOT) as worker:
        wait_for(lambda: pids_with([f"{tmp_path}/asleep"]))
        worker.send_signal(signal.SIGKILL)
    wait_for(lambda: not pids_with([f"{tmp_path}"]))
