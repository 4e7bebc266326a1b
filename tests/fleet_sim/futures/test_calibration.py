"""Worlds are fitted to the customers that the monitor observed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_sim.faults import FAULTS
from fleet_sim.futures import calibration
from fleet_sim.futures.calibration import fitted_worlds, past_tasks
from fleet_sim.futures.future import HORIZON_S
from fleet_sim.futures.playing import FutureTask, World, play_task, play_world, read_worlds
from fleet_wire.config.file import yaml_text

LASTED_S = 1_500.0
TIMES = 3
"""Times that a true world is observed: chance decides less."""


@pytest.fixture(autouse=True)
def _fewer_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Play the past a quarter as often as for a real incident: these are clear."""
    monkeypatch.setattr(calibration, "PLAYS", 6)
    monkeypatch.setattr(calibration, "SEVERITIES", 3)


def exported(fault: str, *, struck: int, **parameters: Any) -> dict[str, Any]:
    """Return a scenario of sixty cars, of which some are struck."""
    return {
        "description": "an incident",
        "fleet": {
            "groups": [
                {"name": "incident-1", "count": struck},
                {"name": "elsewhere-1", "count": 60 - struck},
            ]
        },
        "customers": {"stages": [{"kind": "poisson", "rate_per_s": 0.016, "duration_s": 3_600}]},
        "faults": [
            {
                "name": fault,
                "target": {"group": "incident-1"},
                "window": {"start_s": 0},
                "parameters": parameters,
            }
        ],
    }


def read(
    folder: Path,
    *,
    parts: list[list[int]],
    before: tuple[int, float] = (0, 0.0),
    lasted_s: float = LASTED_S,
    struck: int = 0,
    away: int | None = None,
    likely_struck: int | None = None,
    **scenarios: dict[str, Any],
) -> list[World]:
    """Return worlds that are equally likely, with the customers that were observed.

    `before` are those before the incident, and the seconds in which they came.
    """
    file = folder / "worlds.yaml"
    worlds = [
        {"weight": 1 / len(scenarios), "mode": mode, "scenario": each}
        for mode, each in scenarios.items()
    ]
    come, before_s = before
    observed = {
        "lasted_s": lasted_s,
        "parts": parts,
        "before": come,
        "before_s": before_s,
        "struck": struck,
        "away": away,
        "likely_struck": likely_struck,
    }
    file.write_text(yaml_text({"worlds": worlds, "observed": observed}))
    found, _ = read_worlds(file)
    return found


def one_by_one(tasks: Sequence[FutureTask]) -> Iterator[tuple[FutureTask, list[Any]]]:
    """Play tasks in this process."""
    return ((task, play_task(task)) for task in tasks)


def observed_in(world: World) -> list[list[int]]:
    """Return what a monitor sees of a true world: its customers over `TIMES` times."""
    task = past_tasks([world])[0]._replace(world=world, seeds=range(50, 50 + TIMES))
    parts = [[0, 0, 0], [0, 0, 0]]
    for past in play_task(task):
        for part, entry in enumerate(parts):
            for outcome in range(3):
                entry[outcome] += past.struck[part][outcome] + past.well[part][outcome]
    return parts


def lost(world: World) -> float:
    """Return the rentals lost in half an hour without a mitigation, on average."""
    futures = [play_world(world.of_seed(seed), [None], seed)[0] for seed in range(100, 104)]
    return sum(each.lost for each in futures) / len(futures)


def test_a_mild_failure_of_many_cars_is_not_a_severe_one_of_few(tmp_path: Path) -> None:
    """Who gets in at the second press says that it is mild, whatever the recipe is."""
    (true,) = read(
        tmp_path,
        parts=[[0, 0, 1]] * 2,
        silent_success=exported("silent_success", struck=59, probability=0.4),
    )
    parts = observed_in(true)
    guess, severe = (
        read(
            tmp_path,
            parts=parts,
            lasted_s=TIMES * LASTED_S,
            silent_success=exported("silent_success", struck=12, **severity),
        )[0]
        for severity in ({}, {"probability": 1})
    )

    (fitted,) = fitted_worlds([guess], seeds=6, play=one_by_one, on_played=lambda _: None)

    truth = lost(true)
    assert abs(lost(fitted) - truth) < abs(lost(severe) - truth) / 2


def test_customers_who_could_book_no_car_are_known_from_before(tmp_path: Path) -> None:
    """A monitor sees nobody of them: where few come since the incident, many could not book."""
    outage = exported("app_gateway_outage", struck=59)
    outage["faults"][0]["target"] = {}
    parts = [[3, 0, 0], [2, 0, 0]]

    (few,) = read(tmp_path, parts=parts, app_gateway_outage=outage)
    (many,) = read(tmp_path, parts=parts, before=(32, 2_000.0), app_gateway_outage=outage)
    lost_of_few, lost_of_many = (
        lost(fitted)
        for world in (few, many)
        for fitted in fitted_worlds([world], seeds=4, play=one_by_one, on_played=lambda _: None)
    )

    assert lost_of_many == pytest.approx(0.016 * HORIZON_S, rel=0.4)
    assert lost_of_few != pytest.approx(0.016 * HORIZON_S, rel=0.4)


@pytest.mark.parametrize(
    ("parts", "only_commands", "lost_share"),
    [([[0, 1, 11], [0, 1, 11]], True, (0.0, 1.2)), ([[0, 0, 4], [0, 0, 0]], False, (0.6, 1.4))],
    ids=["as many press as before", "who had booked before presses, and nobody later"],
)
def test_a_platform_that_takes_bookings_is_told_from_one_that_takes_none(
    tmp_path: Path, parts: list[list[int]], lost_share: tuple[float, float], *, only_commands: bool
) -> None:
    """Customers who can book none never press, so only one kind of maintenance is so."""
    maintenance = exported("planned_maintenance_window", struck=59)
    maintenance["faults"][0]["target"] = {}
    before = (24, 1_500.0)
    (world,) = read(tmp_path, parts=parts, before=before, planned_maintenance_window=maintenance)

    (fitted,) = fitted_worlds([world], seeds=4, play=one_by_one, on_played=lambda _: None)

    kinds = [each.scenario.faults[0].parameters for each in fitted.variants]
    assert {bool(kind.get("only_commands")) for kind in kinds} == {only_commands}
    least, most = (share * 0.016 * HORIZON_S for share in lost_share)
    assert least <= lost(fitted) <= most


def test_a_severity_of_a_world_holds(tmp_path: Path) -> None:
    """A user may know it: only what the scenario leaves open is fitted."""
    (world,) = read(
        tmp_path,
        parts=[[6, 0, 6], [6, 0, 6]],
        modem_search_drain=exported("modem_search_drain", struck=30, hold_s=7),
    )

    scenarios = [task.world.scenario for task in past_tasks([world])]

    assert {each.faults[0].parameters["hold_s"] for each in scenarios} == {7}
    tried = {each.faults[0].parameters["episode"] for each in scenarios}
    known_least, known_most = FAULTS["modem_search_drain"].drawing.ranges["episode"]
    assert min(tried) <= known_least
    assert max(tried) >= known_most


def test_each_kind_of_a_failure_is_tried(tmp_path: Path) -> None:
    """The cause of an unlock says which kind it is only roughly; who gets in says it too."""
    (world,) = read(
        tmp_path,
        parts=[[6, 0, 6], [6, 0, 6]],
        actuator_inhibit_or_frozen=exported("actuator_inhibit_or_frozen", struck=30),
    )

    (fitted,) = fitted_worlds([world], seeds=4, play=one_by_one, on_played=lambda _: None)

    kinds = {each.scenario.faults[0].parameters["why"] for each in fitted.variants}
    assert "hot" not in kinds  # motors have cooled down long before the second half


@pytest.mark.parametrize(
    ("likely", "parts", "groups"),
    [(20, [[7, 0, 3], [7, 0, 2]], [20, 40]), (60, [[1, 0, 9], [0, 0, 9]], [60])],
    ids=["some", "all, so no other car can be offered"],
)
def test_as_many_cars_are_struck_as_have_the_traits(
    tmp_path: Path, likely: int, parts: list[list[int]], groups: list[int]
) -> None:
    """Few customers say little about their number; the monitor knows how many are alike."""
    outage = exported("regional_carrier_outage", struck=12)
    (world,) = read(tmp_path, parts=parts, likely_struck=likely, regional_carrier_outage=outage)

    (fitted,) = fitted_worlds([world], seeds=5, play=one_by_one, on_played=lambda _: None)

    found = [[group.count for group in each.scenario.fleet.groups] for each in fitted.variants]
    assert found.count(groups) >= 4


def test_a_world_in_which_this_could_not_happen_is_dropped(tmp_path: Path) -> None:
    """Nobody was lost, so no outage strikes half of the cars; the diagnosis alone had not said."""
    worlds = read(
        tmp_path,
        parts=[[30, 0, 0], [30, 0, 0]],
        regional_carrier_outage=exported("regional_carrier_outage", struck=30),
        retained_command=exported("retained_command", struck=30),
    )

    fitted = fitted_worlds(worlds, seeds=1, play=one_by_one, on_played=lambda _: None)

    weights = {each.mode: each.weight for each in fitted}
    assert weights["retained_command"] > 0.6


def test_as_many_plays_are_announced_as_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The progress goes to its end; a scenario without observed customers is not fitted."""
    monkeypatch.setattr(calibration, "PLAYS", 1)
    worlds = read(
        tmp_path,
        parts=[[10, 0, 4], [10, 0, 4]],
        bad_firmware_cohort=exported("bad_firmware_cohort", struck=12, probability=1),
    )
    plain = [msgspec.structs.replace(worlds[0], observed=None)]
    played: list[int] = []

    fitted_worlds(worlds, seeds=1, play=one_by_one, on_played=played.append)

    assert sum(played) == sum(len(task.seeds) for task in past_tasks(worlds))
    assert past_tasks(plain) == []
    assert fitted_worlds(plain, seeds=1, play=one_by_one, on_played=played.append) == plain


def test_no_fewer_cars_are_struck_than_are_known_to_be(tmp_path: Path) -> None:
    """Lost connections show them, also where chance sends few customers to them."""
    outage = exported("regional_carrier_outage", struck=30)
    parts = [[8, 0, 1], [9, 0, 0]]

    struck = [
        [sum(each.scenario.fleet.groups[0].count for each in fitted.variants) for fitted in found]
        for known in (0, 30)
        for (world,) in [read(tmp_path, parts=parts, struck=known, regional_carrier_outage=outage)]
        for found in [fitted_worlds([world], seeds=4, play=one_by_one, on_played=lambda _: None)]
    ]

    ((by_customers,), (by_known,)) = struck
    assert by_known >= 4 * 30
    assert by_customers < by_known / 2


def test_a_world_begins_with_the_cars_away_that_customers_had(tmp_path: Path) -> None:
    """Demand may have grown just before; without the number there are as many as usual."""
    outage = exported("regional_carrier_outage", struck=30)
    parts = [[8, 0, 1], [9, 0, 0]]

    (seen,) = read(tmp_path, parts=parts, away=6, regional_carrier_outage=outage)
    (usual,) = read(tmp_path, parts=parts, regional_carrier_outage=outage)
    (fitted,) = fitted_worlds([seen], seeds=2, play=one_by_one, on_played=lambda _: None)

    assert seen.away == 0.1
    assert usual.away == pytest.approx(0.64)
    assert {each.away for each in fitted.variants} == {0.1}
