"""The probe's configuration for a run: the same in both modes, but for paths and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fleet_sim.cars.spec import NULL_CAR, CarSpec
from fleet_sim.scenario.form import Scenario, select

CLIENT_ID = "platform-probe-run"
BROKER_WITHIN_S = 60.0
"""The cars are connected already: a broker that stays away for longer has gone."""

LOG_LATE_S = 2.0
"""The platform's log is written on this machine: no line of it comes later than that."""
LATE_WINDOW_S = 600.0
"""Seconds for which the monitor recognizes an unlock, or twice a command's life if that is longer.
The next unlock of the car waits for it."""


def probe_config(
    scenario: Scenario, *, seed: int, fleet_secret: str, floor_rate_per_s: float
) -> dict[str, Any]:
    """Return the probe's settings, without broker, cars and files."""
    load, platform = scenario.load, scenario.platform_parameters
    longest_life_s = max(load.command_ttl_s or load.deadline_s, platform.command_ttl_s)
    return {
        "client_id": CLIENT_ID,
        "profile": scenario.fleet.profile,
        "fleet_secret": fleet_secret,
        "seed": seed,
        "load": {
            "stages": [stage.model_dump(mode="json") for stage in load.stages],
            "double_taps": load.double_taps,
            "deadline_s": load.deadline_s,
            "command_ttl_s": load.command_ttl_s,
            "start_delay_s": load.start_delay_s,
            "late_window_s": max(LATE_WINDOW_S, 2 * longest_life_s),
            "relock": False,  # these unlocks are the customers', who stand beside their cars
        },
        "floor": {"vehicle_id": NULL_CAR.vehicle_id, "rate_per_s": floor_rate_per_s},
        # Customers end when they like, which the probe does not know.
        "exit_when_done": scenario.customers is None,
        "wait_s": BROKER_WITHIN_S,
        **({"platform": {"late_s": LOG_LATE_S}} if scenario.has_platform else {}),
    }


def target_ids(scenario: Scenario, specs: Sequence[CarSpec], *, seed: int) -> list[str]:
    """Return the cars that the load may ask for."""
    return [spec.vehicle_id for spec in select(specs, scenario.load.targets, seed, "load")]
