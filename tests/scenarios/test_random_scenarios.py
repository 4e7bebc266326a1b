"""Random scenarios in virtual time: nothing breaks, nothing gets lost, and twice is the same."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from fleet_sim.cars.distributions import LogNormal, Quantiles, Uniform
from fleet_sim.faults import FAULTS, Fault
from fleet_sim.runs.conclude import digest_of
from fleet_sim.scenario.loading import Scenario, load_scenario
from fleet_wire.arrivals import arrival_times
from fleet_wire.errors import ConfigError
from fleet_wire.randomness import RandomStream
from tests.helpers.commands import lines, summary
from tests.helpers.virtual_runs import run_virtually

LOAD_S = 20
DEADLINE_S = 8
MICROSECOND_S = 1e-6
"""Starts are planned to the microsecond."""

seconds = st.integers(0, 12)
shares = st.sampled_from([0.0, 0.3, 1.0])
IN_A_SHORT_RUN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "half_open_tcp_nat": {"ping_timeout_s": seconds},
    "regional_carrier_outage": {"return_spread_s": seconds},
    "deep_sleep_modem_off": {"awake_s": st.integers(1, 5)},
    "undervoltage_cutout": {"drain_v_per_min": st.sampled_from([2.4, 30.0]), "hold_s": seconds},
    "reconnect_storm": {"retry_s": st.integers(1, 9), "waves": st.integers(1, 4)},
    "queue_full_drop": {"max_queued_messages": st.integers(1, 30)},
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


@st.composite
def fault_entries(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a fault with a window and parameters that fit a short run."""
    name = draw(st.sampled_from(sorted(FAULTS)))
    start_s = draw(st.integers(0, LOAD_S))
    return {
        "name": name,
        "target": draw(st.sampled_from([{}, {"group": "a"}, {"group": "b"}, {"share": 0.5}])),
        "window": {"start_s": start_s, "end_s": draw(st.integers(start_s + 1, LOAD_S + 8))},
        "parameters": draw(st.fixed_dictionaries({}, optional=parameters_of(FAULTS[name]))),
    }


scenarios = st.fixed_dictionaries(
    {
        "description": st.just("anything"),
        "fleet": st.fixed_dictionaries(
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
        ),
        "load": st.fixed_dictionaries(
            {
                "stages": st.tuples(STAGES),
                "deadline_s": st.just(DEADLINE_S),
                "command_ttl_s": st.sampled_from([1, DEADLINE_S, 60]),
            }
        ),
        "faults": st.lists(fault_entries(), max_size=5),
    }
)


class LoggedErrors(logging.Handler):
    """Keeps what is logged as an error: a handler that raised closes its link, and is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.records.append(self.format(record))


def load_or_reject(values: dict[str, Any], directory: Path) -> Scenario:
    """Return the scenario; one that is refused when loaded is not an example."""
    path = directory / "scenario.yaml"
    path.write_text(json.dumps(values), encoding="utf-8")
    try:
        return load_scenario(path)
    except ConfigError as error:
        assume("overlaps" not in str(error))
        raise


@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink one takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=scenarios, seed=st.integers(0, 2**63 - 1))
def test_any_scenario_runs_to_its_end_and_twice_the_same(values: dict[str, Any], seed: int) -> None:
    """No exception, every planned unlock ends exactly once, and the same bytes again."""
    errors = LoggedErrors()
    logging.getLogger().addHandler(errors)
    try:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            scenario = load_or_reject(values, directory)
            for run in ("first", "second"):
                run_virtually(scenario, directory / run, seed=seed)
            planned = arrival_times(scenario.load.stages, RandomStream.named(seed, "load/arrivals"))
            attempts = lines(directory / "first" / "attempts.jsonl")
            assert len({attempt["attempt_id"] for attempt in attempts}) == len(attempts)
            started = sorted(attempt["scheduled_s"] for attempt in attempts)
            assert started == pytest.approx(planned, abs=MICROSECOND_S)
            assert summary(directory / "first")["probe"]["ended"] == len(planned)
            assert digest_of(directory / "first") == digest_of(directory / "second")
    finally:
        logging.getLogger().removeHandler(errors)
    assert not errors.records
