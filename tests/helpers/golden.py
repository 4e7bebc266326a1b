"""Runs the golden scenarios, and knows what their digests should be."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from fleet_sim.runs.conclude import digest_of
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

SEED = 7
GOLDEN = ("client_id_takeover", "slow_database", "sms_wake_lost", "underground_garage")
FILE = ROOT / "tests" / "golden" / "digests.json"
RENEW = "python -m tests.golden --renew"


def expected_digests() -> dict[str, str]:
    """Return the digests that are committed."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, str])


def found_digests() -> dict[str, str]:
    """Run the golden scenarios and return their digests."""
    found = {}
    for name in GOLDEN:
        with tempfile.TemporaryDirectory() as directory:
            out = Path(directory) / name
            run_virtually(load_scenario(SCENARIOS[name]), out, seed=SEED)
            found[name] = digest_of(out)
    return found


def as_text(digests: dict[str, str]) -> str:
    """Return digests as they stand in the file."""
    return msgspec.json.format(msgspec.json.encode(digests), indent=2).decode() + "\n"
