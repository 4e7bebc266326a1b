"""Runs shipped scenarios, and knows what their digests should be."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec

from fleet_sim.runs.conclude import digest_of
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

SEED = 1
IN_EVERY_PROCESS = ("client_id_takeover", "slow_database", "sms_wake_lost", "underground_garage")
"""They are run in processes of other hash seeds too: customers, a broker, sleep and radio."""
FILE = ROOT / "tests" / "golden" / "digests.json"
RENEW = "python -m tests.golden --renew"
IF_MEANT = f"if this change was meant: {RENEW}"


def expected_digests() -> dict[str, str]:
    """Return the digests that are committed, of all scenarios that are shipped."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, str])


def expected_in_every_process() -> dict[str, str]:
    """Return the committed digests of the few that are run again and again."""
    expected = expected_digests()
    return {name: expected[name] for name in IN_EVERY_PROCESS}


def found_digests(names: Sequence[str]) -> dict[str, str]:
    """Run these scenarios, on all cores, and return their digests."""
    with ProcessPoolExecutor() as processes:
        return dict(zip(names, processes.map(_found, names), strict=True))


def _found(name: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / name
        run_virtually(load_scenario(SCENARIOS[name]), out, seed=SEED)
        return digest_of(out)


def as_text(digests: dict[str, str]) -> str:
    """Return digests as they stand in the file."""
    return msgspec.json.format(msgspec.json.encode(digests), indent=2).decode() + "\n"
