"""Which cars each failure mode strikes, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.faults import FAULTS, Need
from fleet_sim.truth.modes import (
    CONTROL,
    EXCLUDED,
    ROUND_S,
    Size,
    chosen_modes,
    is_for,
    phases_of,
    vehicle_ids,
    write_scenario,
)
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES

SIZE = Size(cars=2, control_cars=3, rounds=2)


def test_every_mode_is_played_or_excluded_with_a_reason() -> None:
    """None is forgotten, and the control group is always there."""
    modes = chosen_modes([], {})
    assert modes[0] == CONTROL
    assert {*modes[1:], *EXCLUDED} == MODES.keys() & FAULTS.keys()


@pytest.mark.parametrize("profile", ["native", "saic"])
def test_each_phase_is_a_scenario(tmp_path: Path, profile: str) -> None:
    """As `fleet-sim check` sees it; each fault strikes the cars of its mode and client, in rounds.

    Every client has cars in every mode, and no car stands in two phases.
    """
    seen: list[str] = []
    for number, phase in enumerate(phases_of(chosen_modes([], {}))):
        file = tmp_path / f"{number}.yaml"
        scenario = write_scenario(file, phase, ["a", "b"], SIZE, profile=profile, lacks={})
        seen += [spec.vehicle_id for spec in scenario.cars()]
        for entry in scenario.faults:
            assert len(entry.target.group or ()) == 2
            assert (entry.window.end_s or 0) % ROUND_S <= ROUND_S - 20, "customers return after it"
    expected = [
        car
        for mode in chosen_modes([], {})
        for client in ("a", "b")
        for car in vehicle_ids(client, mode, SIZE)
    ]
    assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("no_coverage_garag", "did you mean .no_coverage_garage"),
        ("phone_side", "phones of simulated customers"),
        ("queue_full_drop", "not ours"),
    ],
)
def test_a_mode_that_cannot_be_is_refused(name: str, why: str) -> None:
    """With the reason."""
    with pytest.raises(ConfigError, match=why):
        chosen_modes([name], {Need.OWN_BROKER: "the broker is not ours"})


def test_a_client_of_the_broker_answers_for_no_fault_of_the_platform() -> None:
    """It never asks the platform."""
    assert is_for(CONTROL, asks_platform=False)
    assert is_for("no_coverage_garage", asks_platform=False)
    assert not is_for("silent_success", asks_platform=False)
    assert is_for("silent_success", asks_platform=True)
