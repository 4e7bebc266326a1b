"""Heartbeats by routine: nobody can tell the difference, and that they cost next to nothing."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fleet_sim import heartbeats
from fleet_sim.cars import fleet
from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.progress import progress_on
from fleet_sim.runs.virtual.run import VirtualOptions, VirtualRun
from fleet_sim.scenario.form import Scenario

pytestmark = pytest.mark.long

RADIOS: tuple[dict[str, Any], ...] = (
    {"technology": "lte"},
    {"technology": "gsm"},
    {"technology": "umts", "moving": True},
    {"technology": "lte_m", "edrx_cycle_s": 20.48},
)
DRILL = {
    "description": "Whatever may happen to a heartbeat, for ten minutes.",
    "fleet": {
        "groups": [
            {
                "name": f"group-{number}",
                "count": 25,
                "id": f"car-{number}{{:02d}}",
                "box": {
                    "radio": radio,
                    "heartbeat_s": 10,
                    "keepalive_s": 30,
                    "asleep_share": 0.2,
                    "awake_after_wake_s": 60,
                },
            }
            for number, radio in enumerate(RADIOS)
        ]
    },
    "load": {
        "stages": [{"kind": "poisson", "rate_per_s": 1, "duration_s": 600}],
        "deadline_s": 15,
        "command_ttl_s": 15,
    },
    "faults": [
        {
            "name": name,
            "target": {"share": share},
            "window": {"start_s": start_s, "end_s": end_s},
            "parameters": parameters,
        }
        for name, share, start_s, end_s, parameters in (
            ("no_coverage_garage", 0.3, 30, 200, {"episode": 20}),
            ("loose_wiring", 0.2, 60, 300, {}),
            ("update_or_daily_reboot", 0.2, 90, 200, {"version": "2.5.0"}),
            ("half_open_tcp_nat", 0.2, 150, 300, {}),
            ("acl_denied_silent", 0.2, 330, 360, {}),
            ("client_id_takeover", 0.1, 370, 400, {}),
            ("undervoltage_cutout", 0.2, 380, 500, {"drain_v_per_min": 0.6, "hold_s": 5}),
            ("modem_search_drain", 0.1, 400, 560, {"episode": 20}),
            ("lwt_ghost_offline", 0.6, 320, 560, {}),
        )
    ]
    + [
        {"name": "broker_auth_backend_down", "window": {"start_s": 240, "end_s": 260}},
    ],
}


def packets_of(directory: Path, name: str) -> int:
    """Do the drill, and return how many packets were carried."""
    (directory / f"{name}.yaml").touch()
    run = VirtualRun(
        Scenario.model_validate(DRILL),
        ScenarioSource(directory / f"{name}.yaml"),
        RunDirectory.create(directory / name, scenario_name="drill", seed=7),
        VirtualOptions(seed=7, with_report=False),
        progress_on(Console(file=io.StringIO())),
    )
    run.run()
    assert run._defects.count == 0
    return run._broker.transport._sent


def test_nobody_can_tell_by_what_heartbeats_were_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under faults of cars, network and broker, with radios that draw, each file is the same.

    All catch up often here, so that it happens in ten minutes.
    """
    monkeypatch.setattr(heartbeats, "MOST_KEPT", 7)
    together = packets_of(tmp_path, "together")
    monkeypatch.setattr(fleet, "SHORTEST_ROUTINE_S", math.inf)
    alone = packets_of(tmp_path, "alone")
    assert alone - together > 2000
    files = sorted(path.name for path in (tmp_path / "alone").glob("*.jsonl"))
    assert "diagnoses.jsonl" in files
    for name in files:
        assert (tmp_path / "together" / name).read_bytes() == (
            tmp_path / "alone" / name
        ).read_bytes(), name
