"""Golden runs: the same bytes in every process, whatever the hash seed; what a digest covers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.golden import __main__ as golden
from tests.helpers.golden import RENEW, Row, digest, digests_of_bytes, expected_digests, rows_of
from tests.helpers.places import ROOT
from tests.helpers.virtual_runs import SCENARIOS

ATTEMPT = {
    "attempt_id": "a-1", "vehicle_id": "car-1", "source": "probe", "scheduled_s": 1.0,
    "outcome": "failed", "cause": "vehicle_failed", "reason": "the lock is cold", "total_s": 2.0,
    "stages": {"published": 0.1, "box_received": 0.2}, "evidence": {"wakes": 1}, "flags": [],
}  # fmt: skip


def test_golden_runs_are_the_same_in_every_process() -> None:
    """One without random hashes gives the bytes that this one gives, which has them."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.golden"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert msgspec.json.decode(ended.stdout) == digests_of_bytes()


def test_every_shipped_scenario_has_a_digest() -> None:
    """Those of `scenarios/test_shipped.py` are held to it; a new one gets it by a command."""
    assert {*expected_digests()} == {*SCENARIOS}, f"{RENEW} NAME"


@pytest.mark.parametrize(
    ("change", "is_covered"),
    [
        ({"reason": "ice holds the lock"}, False),
        ({"evidence": {"wakes_seen": 1}}, False),
        ({"attempt_id": "b-1"}, False),
        ({"cause": "box_busy"}, True),
        ({"total_s": 2.1}, True),
        ({"stages": {"published": 0.1}}, True),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_digest_covers_what_happened(
    change: dict[str, Any],
    is_covered: bool,  # noqa: FBT001 - pytest hands it over by name
    tmp_path: Path,
) -> None:
    """Times, outcome, cause and stages; and no wording."""
    assert (digest(_read(tmp_path, {})) != digest(_read(tmp_path, change))) is is_covered


def test_renewing_says_what_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against the runs of the commit before; a new scenario is only named."""
    (name, new) = ("first_rentals", "retained_command")
    before = {**expected_digests(), name: "0" * 32}
    del before[new]
    file = tmp_path / "digests.json"
    file.write_bytes(msgspec.json.encode(before))
    rows = {name: _read(tmp_path, {}, {"vehicle_id": "car-2"}), new: _read(tmp_path, {})}
    old: Row = {**rows[name][0], "cause": "box_busy"}
    monkeypatch.setattr(golden, "FILE", file)
    monkeypatch.setattr(golden, "expected_digests", lambda: before)
    monkeypatch.setattr(golden, "found_rows", lambda names: {each: rows[each] for each in names})
    monkeypatch.setattr(golden, "rows_before", lambda _names: {name: [old, *rows[name][1:]]})
    monkeypatch.setattr(sys, "argv", ["golden", "--renew", name, new])
    golden.main()
    said = capsys.readouterr().out
    cause = rows[name][0]["cause"]
    assert said == (
        f"{name}\n  cause: 1 of {len(rows[name])} attempts: box_busy to {cause} (1)\n"
        f"2 digests, new: {new}; changed: {name}\n"
    )
    renewed = {each: digest(its) for each, its in rows.items()}
    assert msgspec.json.decode(file.read_bytes()) == {**expected_digests(), **renewed}


def _read(directory: Path, *changes: dict[str, Any]) -> list[Row]:
    """Return the covered fields of attempts that differ from `ATTEMPT` so."""
    lines = [msgspec.json.encode({**ATTEMPT, **change}) + b"\n" for change in changes]
    (directory / "attempts.jsonl").write_bytes(b"".join(lines))
    return rows_of(directory)
