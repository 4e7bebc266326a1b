"""Golden runs: the same bytes in every process, whatever the hash seed."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec

from tests.helpers.golden import (
    IF_MEANT,
    RENEW,
    expected_digests,
    expected_in_every_process,
)
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS


def start_golden_runs(hash_seed: str) -> subprocess.Popen[str]:
    """Start a process that prints the digests."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.golden"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_golden_runs_are_the_same_in_every_process() -> None:
    """Two processes with different hash seeds give the digests that are committed."""
    processes = [start_golden_runs(hash_seed) for hash_seed in ("0", "4711")]
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    for process, stdout in zip(processes, outputs, strict=True):
        assert process.returncode == 0
        found = msgspec.json.decode(stdout, type=dict[str, str])
        assert found == expected_in_every_process(), IF_MEANT


def test_every_shipped_scenario_has_a_digest() -> None:
    """Those of `scenarios/test_shipped.py` are held to it; a new one gets it by a command."""
    assert {*expected_digests()} == {*SCENARIOS}, f"{RENEW} NAME"
