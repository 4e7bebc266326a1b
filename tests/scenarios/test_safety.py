"""Random rentals with faults in virtual time: no lock moves that must not, unless a fault is so."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fleet_sim.runs.conclude import digest_of
from tests.helpers.commands import lines, summary
from tests.helpers.random_scenarios import LoggedErrors, load_or_reject, rentals
from tests.helpers.virtual_runs import run_virtually

MEANT = {
    "after_life": {"late_delivery_persistent_session"},
    "after_booking": {"late_delivery_persistent_session"},
    "executed_twice": {"client_id_takeover"},
    "without_right": {"client_id_takeover"},
    "told_open": {"client_id_takeover"},
}
"""Faults that are meant to cause a finding: firmware that does not look at a command's age, and a
box that has a car's name and key and sits in another one."""


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=rentals, seed=st.integers(0, 2**63 - 1))
def test_nothing_happens_that_must_not(values: dict[str, Any], seed: int) -> None:
    """With sound boxes and a sound platform, whatever else goes wrong; and twice the same."""
    errors = LoggedErrors()
    logging.getLogger().addHandler(errors)
    try:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            scenario = load_or_reject(values, directory)
            for run in ("first", "second"):
                run_virtually(scenario, directory / run, seed=seed)
            check(directory / "first")
            for file in ("customers.jsonl", "platform.jsonl", "safety.jsonl"):
                first, second = (directory / run / file for run in ("first", "second"))
                assert first.read_bytes() == second.read_bytes()
            assert digest_of(directory / "first") == digest_of(directory / "second")
    finally:
        logging.getLogger().removeHandler(errors)
    assert not errors.records


def check(directory: Path) -> None:
    """Each finding names a fault that is meant to cause it, and the summary counts them."""
    findings = lines(directory / "safety.jsonl")
    for finding in findings:
        assert MEANT[finding["kind"]] & set(finding["faults"]), finding
    found = summary(directory)
    assert found["safety"]["findings"] == len(findings)
    assert found["safety"]["unexplained"] == 0
    assert found["model_defects"] == 0
