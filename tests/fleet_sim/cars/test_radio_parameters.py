"""The numbers of a radio: defaults, overrides, sources, and how a scenario says them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.cars.radio_parameters import RadioParameters
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from tests.helpers.pages import EXAMPLES
from tests.helpers.two_groups import write_two_groups

# In a scenario


@pytest.mark.parametrize(
    ("radio_keys", "expected"),
    [
        ("{technology: ltem}", "technology: unknown value 'ltem'; did you mean 'lte_m'?"),
        ("{moving: 1}", "moving: expected true or false, not 1"),
        ("{technology: gsm, idle_rt: 3}", "unknown key; did you mean 'idle_rtt'?"),
        ("{loss: 1}", "loss: should be less than or equal to 0.9, not 1"),
        ("{extended_coverage: true}", "extended_coverage is for technology: nb_iot"),
        ("{edrx_cycle_s: 1}", "should be greater than or equal to 5.12"),
        (
            "{edrx_cycle_s: 5.12, paging_window_s: 10}",
            "paging_window_s 10 is longer than edrx_cycle_s 5.12",
        ),
        ("{psm_period_s: 5}", "psm_active_s 10 is not shorter than psm_period_s 5"),
        (
            "{idle_rtt: soon}",
            "a mapping with median_s, sigma or a mapping with quantiles, not",
        ),
        ("{idle_rtt: {quantiles: [[0, 1], [1, x]]}}", "quantiles.1.1: expected a number, not 'x'"),
        ("{idle_rtt: {quantiles: [[0, 1]]}}", "expected points from [0, shortest] to [1, longest]"),
    ],
)
def test_a_slip_in_a_radio_is_one_line(tmp_path: Path, radio_keys: str, expected: str) -> None:
    """What is wrong is told once, with the key and what was expected."""
    path = write_two_groups(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load_scenario(path, [f"fleet.groups.city.box.radio={radio_keys}"])
    assert len(caught.value.problems) == 1
    assert expected in caught.value.problems[0]


def test_the_radios_in_the_docs_are_radios() -> None:
    """What docs/radio.md shows is read, and only the first is parked LTE."""
    groups = load_scenario(EXAMPLES / "scenarios" / "radios.yaml").fleet.groups
    assert len(groups) >= 4
    assert [one.box.radio == RadioParameters() for one in groups] == [True] + [False] * (
        len(groups) - 1
    )
