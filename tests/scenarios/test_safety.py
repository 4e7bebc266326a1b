"""Random rentals with faults in virtual time: no lock moves that must not, unless a fault is so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_sim.runs.conclude import digest_of
from tests.helpers.commands import lines, summary
from tests.helpers.random_scenarios import RANDOM_RUNS, rentals, run_twice

pytestmark = pytest.mark.long

LIES = {"client_id_takeover", "silent_success", "ok_at_enqueue", "wrong_vin_mapping"}
STUCK = {
    "ack_without_actuation",
    "actuator_inhibit_or_frozen",
    "partial_unlock",
    "door_ajar_repulsion",
}
MEANT = {
    "after_life": {"late_delivery_persistent_session", "retained_command"},
    "after_booking": {"late_delivery_persistent_session", "retained_command"},
    "executed_twice": {"client_id_takeover", "retained_command", "retry_double_execution"},
    "without_right": {"client_id_takeover", "double_booking_race", "wrong_vin_mapping"},
    "told_open": LIES | STUCK,
    "told_locked": LIES | STUCK,
}
"""Faults that are meant to cause a finding: firmware that does not look at a command's age or at
what it has had, a platform that sends anew, books twice or takes another car's box for the booked
one's, and what lets a phone say what is not so."""


@RANDOM_RUNS
@given(values=rentals, seed=st.integers(0, 2**63 - 1))
def test_nothing_happens_that_must_not(values: dict[str, Any], seed: int) -> None:
    """With sound boxes and a sound platform, whatever else goes wrong; and twice the same."""
    with run_twice(values, seed) as (_, first, second):
        check(first)
        for file in ("customers.jsonl", "platform.jsonl", "safety.jsonl"):
            assert (first / file).read_bytes() == (second / file).read_bytes()
        assert digest_of(first) == digest_of(second)


def check(directory: Path) -> None:
    """Each finding names a fault that is meant to cause it, and the summary counts them."""
    findings = lines(directory / "safety.jsonl")
    for finding in findings:
        assert MEANT[finding["kind"]] & set(finding["faults"]), finding
    found = summary(directory)
    assert found["safety"]["findings"] == len(findings)
    assert found["safety"]["unexplained"] == 0
    assert found["model_defects"] == 0
