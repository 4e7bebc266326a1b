"""Random scenarios that fit into a short run in virtual time, for hypothesis."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st

from fleet_sim.cars.distributions import LogNormal, Quantiles, Uniform
from fleet_sim.cars.vehicle import Door
from fleet_sim.faults import FAULTS, Fault, Need
from fleet_sim.scenario.form import Scenario
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from tests.helpers.virtual_runs import run_virtually

RANDOM_RUNS = settings(
    max_examples=settings().max_examples // 4,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LOAD_S = 20
DEADLINE_S = 8
seconds = st.integers(0, 12)
shares = st.sampled_from([0.0, 0.3, 1.0])
IN_A_SHORT_RUN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "half_open_tcp_nat": {"ping_timeout_s": seconds},
    "stale_online_cache": {"poll_s": st.sampled_from([1, 600])},
    "retained_command": {"executes_again": st.booleans()},
    "retry_double_execution": {"retry_after_s": st.sampled_from([0.5, 3])},
    "planned_maintenance_window": {"only_commands": st.booleans()},
    "wrong_vehicle_state": {
        "state": st.sampled_from(["ignition_on", "not_in_park", "privacy_mode"])
    },
    "actuator_inhibit_or_frozen": {
        "why": st.sampled_from(["frozen", "hot", "weak"]),
        "inhibit_s": st.integers(1, 12),
    },
    "door_ajar_repulsion": {"door": st.sampled_from([*Door])},
    "partial_unlock": {"opens": st.sampled_from(["boot", "driver"])},
    "regional_carrier_outage": {"return_spread_s": seconds},
    "deep_sleep_modem_off": {"awake_s": st.integers(1, 5)},
    "undervoltage_cutout": {"drain_v_per_min": st.sampled_from([2.4, 30.0]), "hold_s": seconds},
    "reconnect_storm": {"retry_s": st.integers(1, 9), "waves": st.integers(1, 4)},
    "queue_full_drop": {"max_queued_messages": st.integers(1, 30)},
    "modem_search_drain": {
        "start_v": st.sampled_from([12.25, 12.6]),
        "drain_v_per_min": st.sampled_from([0.6, 2.4]),
        "hold_s": seconds,
    },
    "inflight_stall": {"pushed": st.sampled_from([0, 19, 20, 40])},
    "sim_suspended_datacap": {"cap_bytes": st.sampled_from([1, 2_000, 10_000])},
    "network_sunset": {"spread_s": seconds},
    "ttl_too_long_rejected": {"max_ttl_s": st.sampled_from([1, 30])},
    "dns_failure": {"timeout_s": st.sampled_from([0, 2])},
    "update_or_daily_reboot": {"version": st.sampled_from([None, "9.9.9"])},
    "event_storm_self_ddos": {
        "rate_per_s": st.sampled_from([1, 8]),
        "sends_per_s": st.sampled_from([2, 4]),
        "queue": st.sampled_from([0, 10, 100]),
    },
    "loose_wiring": {"weakest_db": st.sampled_from([20, 60])},
    "client_id_takeover": {"flap_s": st.sampled_from([0.2, 1.0, 4.0])},
}
"""Values of parameters that are neither a delay nor a share; others keep their defaults."""


def parameters_of(fault: type[Fault]) -> dict[str, st.SearchStrategy[Any]]:
    """Return what the parameters of a fault may be, where that can be told."""
    found = dict(IN_A_SHORT_RUN.get(fault.name, {}))
    schema = fault.model_json_schema().get("properties", {})
    for name, field in fault.model_fields.items():
        if isinstance(field.default, Uniform | LogNormal | Quantiles):
            found[name] = seconds
        elif (schema[name].get("minimum"), schema[name].get("maximum")) == (0, 1):
            found[name] = shares
    return found


BOX = st.fixed_dictionaries(
    {},
    optional={
        "keepalive_s": st.sampled_from([5, 30]),
        "heartbeat_s": st.sampled_from([0, 1, 5]),
        "asleep_share": st.sampled_from([0.5, 1.0]),
        "cold_start_share": st.sampled_from([0.5]),
        "network_loss_s": st.sampled_from([0, 5]),
        "network_stable": st.integers(0, 5),
        "session_expiry_s": st.sampled_from([0, 5]),
        "awake_after_wake_s": st.integers(1, 10),
        "relock_after_s": st.sampled_from([None, 0, 2]),
        "boot": st.integers(0, 20),
        "inhibit_count": st.integers(1, 3),
        "actuation": st.integers(0, 4),
        "radio": st.fixed_dictionaries({"loss": st.sampled_from([0.0, 0.2])}),
    },
)
STAGES = st.one_of(
    st.just({"kind": "constant", "rate_per_s": 3, "duration_s": LOAD_S}),
    st.just({"kind": "poisson", "rate_per_s": 4, "duration_s": LOAD_S}),
    st.just({"kind": "burst", "count": 60, "over_s": 1, "duration_s": LOAD_S}),
)


WITHOUT_PLATFORM = sorted(
    name for name, fault in FAULTS.items() if not fault.needs - {Need.OWN_BROKER}
)


@st.composite
def fault_entries(draw: st.DrawFn, names: list[str]) -> dict[str, Any]:
    """Draw a fault with a window and parameters that fit a short run."""
    name = draw(st.sampled_from(names))
    start_s = draw(st.integers(0, LOAD_S))
    return {
        "name": name,
        "target": draw(st.sampled_from([{}, {"group": "a"}, {"group": "b"}, {"share": 0.5}])),
        "window": {"start_s": start_s, "end_s": draw(st.integers(start_s + 1, LOAD_S + 8))},
        "parameters": draw(st.fixed_dictionaries({}, optional=parameters_of(FAULTS[name]))),
    }


FLEET = st.fixed_dictionaries(
    {
        "groups": st.tuples(
            *(
                st.fixed_dictionaries(
                    {"name": st.just(name), "count": st.integers(10, 20), "box": BOX}
                )
                for name in "ab"
            )
        )
    }
)
scenarios = st.fixed_dictionaries(
    {
        "description": st.just("anything"),
        "fleet": FLEET,
        "load": st.fixed_dictionaries(
            {
                "stages": st.tuples(STAGES),
                "deadline_s": st.just(DEADLINE_S),
                "command_ttl_s": st.sampled_from([1, DEADLINE_S, 60]),
            }
        ),
        "faults": st.lists(fault_entries(WITHOUT_PLATFORM), max_size=5),
    }
)
"""Unlocks over MQTT."""
rentals = st.fixed_dictionaries(
    {
        "description": st.just("anything"),
        "fleet": FLEET,
        "load": st.just({"deadline_s": DEADLINE_S}),
        "customers": st.fixed_dictionaries(
            {
                "stages": st.just([{"kind": "poisson", "rate_per_s": 1, "duration_s": LOAD_S}]),
                "phone": st.fixed_dictionaries(
                    {
                        "loss": st.sampled_from([0.0, 0.2]),
                        "timeout_s": st.sampled_from([2, 30]),
                        "wait_s": st.sampled_from([0, 20]),
                    }
                ),
                "booking": st.sampled_from([10, 25, 60, 7200]),
                "same_car": st.sampled_from([0.0, 0.5]),
                "walk": st.integers(0, 4),
                "presses_again": st.integers(1, 12),
                "patience": st.integers(10, 60),
                "drive": st.integers(1, 8),
                "locks": st.just(1),
                "ends": st.integers(0, 2),
            }
        ),
        "platform": st.fixed_dictionaries(
            {
                "command_ttl_s": st.sampled_from([3, 10, 30]),
                "retry_after_s": st.sampled_from([None, 0.5, 3]),
                "max_publishes": st.integers(1, 5),
                "wake_again_after_s": st.sampled_from([1, 10]),
                "lookup": st.sampled_from([0, 1]),
                "shared_group": st.just("members"),
            }
        ),
        "faults": st.lists(fault_entries(sorted(FAULTS)), max_size=5),
    }
)
"""Customers who rent, with a platform."""


class _LoggedErrors(logging.Handler):
    """Keeps what is logged as an error: a handler that raised closes its link, and is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.records.append(self.format(record))


@contextmanager
def nothing_logged_as_error() -> Iterator[None]:
    """Fail where something is logged as an error meanwhile."""
    errors = _LoggedErrors()
    logging.getLogger().addHandler(errors)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(errors)
    assert not errors.records


@contextmanager
def run_twice(values: dict[str, Any], seed: int) -> Iterator[tuple[Scenario, Path, Path]]:
    """Run a scenario twice in virtual time; give it, and the directories of both runs."""
    with nothing_logged_as_error(), tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        scenario = load_or_reject(values, directory)
        first, second = directory / "first", directory / "second"
        run_virtually(scenario, first, seed=seed)
        run_virtually(scenario, second, seed=seed)
        yield scenario, first, second


def load_or_reject(values: dict[str, Any], directory: Path) -> Scenario:
    """Return the scenario; one that is refused when loaded is not an example."""
    path = directory / "scenario.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    try:
        return load_scenario(path)
    except ConfigError as error:
        assume("overlaps" not in str(error))
        raise
