"""Recipes: one for each failure mode, and each makes a scenario that the simulator takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.modes.catalogue import MODES
from platform_probe.tell.export.incident import Incident, Unlock
from platform_probe.tell.export.recipes import CAUSES, recipe_for
from platform_probe.tell.export.scenario import text_of

RECIPES: list[tuple[str, str | None, str | None, bool]] = [
    *((slug, None, None, by_api) for slug in MODES for by_api in (False, True)),
    *((slug, cause, None, False) for slug, mode in MODES.items() for cause in mode.recipe.causes),
    *((slug, None, word, False) for slug, mode in MODES.items() for word in mode.recipe.reasons),
    *(("no_coverage_garage", cause, None, False) for cause in CAUSES),
]
"""Each mode, as unlocks come by MQTT or the API, and with each cause and reason that changes it."""


def unlock(mode: str, cause: str | None, reason: str | None, *, by_api: bool) -> Unlock:
    """Return an unlock of one car of which nothing else is known."""
    return Unlock(
        attempt_id="a-1",
        vehicle_id="car-1",
        at_s=1_767_225_600.0,
        cause=cause,
        reason=reason,
        region="north",
        firmware="2.4.1",
        app_version="7.3.0",
        by_api=by_api,
        is_complaint=False,
        modes=[RankedMode(mode, 0.9)],
    )


@pytest.mark.parametrize(("mode", "cause", "reason", "by_api"), RECIPES)
def test_recipe_makes_a_scenario(
    mode: str,
    cause: str | None,
    reason: str | None,
    by_api: bool,  # noqa: FBT001 - pytest hands it over by name
    tmp_path: Path,
) -> None:
    """As `fleet-sim check` sees it: names, parameters, needs, windows and the keys it expects."""
    model = unlock(mode, cause, reason, by_api=by_api)
    file = tmp_path / "exported.yaml"
    file.write_text(text_of(Incident(mode=mode, model=model, struck=[model], others=[])))
    scenario = load_scenario(file)
    assert scenario.faults[0].name == mode
    assert scenario.fleet.groups[0].operator == "default"
    assert len(scenario.expect) == 1


def test_what_is_special_goes_over_what_is_common() -> None:
    """First what all have, then the cause, the mode, and the cause of that mode."""
    assert recipe_for("no_coverage_garage", cause="box_offline", reason=None).box == {
        "keepalive_s": 6
    }
    half_open = recipe_for("half_open_tcp_nat", cause="box_silent", reason=None)
    assert half_open.box == {"keepalive_s": 60}
    hot = recipe_for("actuator_inhibit_or_frozen", cause="vehicle_failed", reason="undervoltage")
    assert hot.parameters == {"why": "weak"}
