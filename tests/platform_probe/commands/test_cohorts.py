"""`platform-probe cohorts`: what failures share, for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.causes import Cause
from platform_probe.__main__ import main
from tests.helpers.stores import BEGIN_S, put_lines, put_unlocks, unlock

MINUTE_S = 60
BEGAN = 200
"""The unlock from which on those of operator B fail, one an unlock each minute."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which all cars of operator B fail from a minute on."""
    directory = tmp_path_factory.mktemp("cohorts") / "store"
    put_unlocks(directory, [_unlock(number) for number in range(260)])
    return directory


def _unlock(number: int) -> Attempt:
    operator = "ab"[number % 2]
    cause = Cause.BOX_OFFLINE if operator == "b" and number >= BEGAN else None
    made = unlock(number, car=f"car-{number % 40}", cause=cause, operator=f"operator-{operator}")
    return msgspec.structs.replace(made, started_at=made.started_at + number * (MINUTE_S - 1))


def told(*words: str | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["cohorts", *map(str, words)])


def test_cohort_and_its_begin_are_said(store: Path) -> None:
    """In one sentence, in the zone, although the guess was ten minutes early."""
    result = told("--since", "03:10", "--store", store)
    assert result.exit_code == 0, result.output
    assert "100 % of failures since 03:21 (30 of 30) are operator operator-b:" in result.output
    assert "elsewhere 0 of" in result.output
    assert ", sure (9" in result.output  # although all share region, firmware and more
    in_berlin = told("--since", "04:10", "--store", store, "--zone", "Europe/Berlin")
    assert "since 04:21" in in_berlin.output
    found = json.loads(told("--since", "03:10", "--store", store, "--json").stdout)
    (cohort,) = found["cohorts"]
    assert cohort["traits"] == {"operator": "operator-b"}
    assert (cohort["failures"], cohort["failures_elsewhere"]) == (30, 0)
    assert cohort["begin"].startswith("2026-01-01T03:2")
    assert found["said"].startswith("100 % of failures")


def test_quiet_hours_have_none(store: Path) -> None:
    """And it is said why."""
    result = told("--since", "02:00", "--until", "03:00", "--store", store)
    assert "too few to say what they share" in result.output


def test_calls_after_the_last_unlock_count(tmp_path: Path) -> None:
    """Without a time the records end with the last of them."""
    put_unlocks(tmp_path, [_unlock(number) for number in range(260)])
    calls = [
        Complaint(
            complaint_id=f"call-{number}", at=BEGIN_S + 260 * MINUTE_S + number, scheduled_s=0.0,
            vehicle_id=f"car-{number}", operator="operator-b",
        )
        for number in range(5)
    ]  # fmt: skip
    put_lines(tmp_path, "complaints", map(msgspec.json.encode, calls))
    found = json.loads(told("--since", "03:10", "--store", tmp_path, "--json").stdout)
    assert found["cohorts"][0]["failures"] == 35
