"""One body for every profile: cars are opened and watched, on the model and on a real mosquitto."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.messages import Phase
from fleet_wire.profiles.loading import NAMES, load_profile
from fleet_wire.profiles.profile import Profile
from tests.helpers.fleet_places import (
    CARS,
    Place,
    attempts_of,
    live_place,
    open_all,
    strays_of,
    virtual_place,
)
from tests.helpers.own_wires import OWN_WIRES

Open = Callable[[Profile, Path], AbstractAsyncContextManager[Place]]


@pytest.fixture(params=[*NAMES, *OWN_WIRES])
def profile(request: pytest.FixtureRequest, tmp_path: Path) -> Profile:
    """Give each profile in turn: ours, and those that users might write."""
    if request.param in NAMES:
        return load_profile(request.param)
    file = tmp_path / f"{request.param}.yaml"
    file.write_text(OWN_WIRES[request.param], "utf-8")
    return load_profile(str(file))


@pytest.fixture(
    params=[
        pytest.param(virtual_place, id="model"),
        pytest.param(live_place, id="mosquitto", marks=pytest.mark.broker),
    ]
)
async def place(
    request: pytest.FixtureRequest, profile: Profile, tmp_path: Path
) -> AsyncIterator[Place]:
    """Give cars and a monitor, on each broker in turn."""
    opened: Open = request.param
    async with opened(profile, tmp_path) as made:
        yield made


async def test_cars_are_opened_watched_and_locked_again(place: Place) -> None:
    """Every unlock opens its car, with the stages that the fleet can show, and no answer strays."""
    attempts = await open_all(place)
    assert sorted(attempt.vehicle_id for attempt in attempts) == [*CARS]
    wire = place.profile.traits
    for attempt in attempts:
        assert (attempt.outcome, attempt.cause) == (Outcome.OK, None)
        assert (Stage.BOX_RECEIVED in attempt.stages) is (Phase.RECEIVED in wire.phases)
        assert (Stage.STATE_CHANGED in attempt.stages) is wire.reports_lock
        assert Stage.RESULT_RECEIVED in attempt.stages
        assert sum(attempt.hops_s.values()) == pytest.approx(attempt.total_s)
    assert all(box.vehicle.is_locked for box in place.fleet.boxes.values())
    assert place.fleet.world.counts.executed == 2 * len(CARS)
    assert place.fleet.world.counts.malformed == 0
    assert place.probe.stats()["malformed"] == 0
    assert strays_of(place) == []
    assert len(attempts_of(place)) == len(CARS)
