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


def test_golden_runs_are_the_same_in_every_process() -> None:
    """One without random hashes gives the digests that are committed.

    In `scenarios/test_shipped.py` one with them does, for these and all others.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "tests.golden"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = msgspec.json.decode(ended.stdout, type=dict[str, str])
    assert found == expected_in_every_process(), IF_MEANT


def test_every_shipped_scenario_has_a_digest() -> None:
    """Those of `scenarios/test_shipped.py` are held to it; a new one gets it by a command."""
    assert {*expected_digests()} == {*SCENARIOS}, f"{RENEW} NAME"
