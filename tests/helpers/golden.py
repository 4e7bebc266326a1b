"""Runs shipped scenarios, and knows what their digests should be.

A digest covers what happened: who asked, when, how each unlock ended, and its stages. Wording,
evidence and what else a record says may change without it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from fleet_sim.runs.conclude import digest_of
from fleet_sim.scenario.loading import load_scenario
from tests.helpers.commands import lines
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

SEED = 1
IN_EVERY_PROCESS = ("acl_denied_silent", "slow_database", "sms_wake_lost", "underground_garage")
"""They are run in processes of other hash seeds too: customers, a broker, sleep and radio."""
FILE = ROOT / "tests" / "golden" / "digests.json"
RENEW = "python -m tests.golden --renew"
IF_MEANT = f"if this change was meant: {RENEW}"
COVERED = ("vehicle_id", "source", "scheduled_s", "outcome", "cause", "total_s", "stages")
"""The fields of an attempt that a digest covers."""
MOST_CHANGES = 3
"""Changes that are shown of a field, the most frequent first."""

Row = dict[str, Any]
"""The covered fields of an attempt, `stages.received` and the like each by itself."""


def expected_digests() -> dict[str, str]:
    """Return the digests that are committed, of all scenarios that are shipped."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, str])


def digests_of_bytes() -> dict[str, str]:
    """Run a few scenarios, and return the digests of every byte of their attempts."""
    with tempfile.TemporaryDirectory() as directory:
        return {name: digest_of(_run(name, directory)) for name in IN_EVERY_PROCESS}


def found_rows(names: Sequence[str]) -> dict[str, list[Row]]:
    """Run these scenarios, on all cores, and return the covered fields of their attempts."""
    with ProcessPoolExecutor() as processes:
        return dict(zip(names, processes.map(_found, names), strict=True))


def _found(name: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as directory:
        return rows_of(_run(name, directory))


def _run(name: str, directory: str) -> Path:
    out = Path(directory) / name
    run_virtually(load_scenario(SCENARIOS[name]), out, seed=SEED)
    return out


def rows_of(run: Path) -> list[Row]:
    """Return the covered fields of the attempts of a run, in their order."""
    return [_flat({key: line[key] for key in COVERED}) for line in lines(run / "attempts.jsonl")]


def _flat(fields: Row) -> Row:
    stages = {f"stages.{stage}": at_s for stage, at_s in fields.pop("stages").items()}
    return fields | stages


def digest(rows: Sequence[Row]) -> str:
    """Return a digest of the covered fields."""
    return blake2b(msgspec.json.encode(rows, order="sorted"), digest_size=16).hexdigest()


def as_text(digests: Mapping[str, str]) -> str:
    """Return digests as they stand in the file."""
    return msgspec.json.format(msgspec.json.encode(digests), indent=2).decode() + "\n"


def rows_before(names: Sequence[str]) -> dict[str, list[Row]]:
    """Return the rows of these scenarios as the commit that renewed the digests last plays them."""
    commit = _git("log", "-1", "--format=%H", "--", f"{FILE}").decode().strip()
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
            archive.extractall(directory, filter="data")
        ended = subprocess.run(
            [sys.executable, "-m", "tests.golden", "--rows", *names],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": directory},
            stdout=subprocess.PIPE,
            check=True,
        )
    return msgspec.json.decode(ended.stdout, type=dict[str, list[Row]])


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout


def differences(before: Sequence[Row], after: Sequence[Row]) -> Iterator[str]:
    """Yield how two runs differ, a line for each field.

    >>> [*differences([{"scheduled_s": 1, "vehicle_id": "a", "cause": None}],
    ...               [{"scheduled_s": 1, "vehicle_id": "a", "cause": "box_busy"}])]
    ['cause: 1 of 1 attempts: None to box_busy (1)']
    """
    old, new = _by_key(before), _by_key(after)
    if gone := len(old.keys() - new.keys()):
        yield f"{gone} attempts are gone"
    if added := len(new.keys() - old.keys()):
        yield f"{added} attempts are new"
    changes: dict[str, Counter[str]] = defaultdict(Counter)
    both = [key for key in old if key in new]
    for key in both:
        for field in sorted(old[key].keys() | new[key].keys()):
            was, now = old[key].get(field), new[key].get(field)
            if was != now:
                changes[field][f"{was} to {now}"] += 1
    for field, counted in sorted(changes.items()):
        shown = ", ".join(f"{what} ({times})" for what, times in counted.most_common(MOST_CHANGES))
        more = ", ..." if len(counted) > MOST_CHANGES else ""
        yield f"{field}: {counted.total()} of {len(both)} attempts: {shown}{more}"
    if not changes and old.keys() == new.keys():
        yield "the order of attempts"


def _by_key(rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    """Return rows by when and of which car; the number tells apart those of one moment."""
    counted: Counter[tuple[Any, ...]] = Counter()
    found = {}
    for row in rows:
        key = (row["scheduled_s"], row["vehicle_id"])
        counted[key] += 1
        found[*key, counted[key]] = row
    return found
