"""A live run: clients, cars and faults, and the grades that come of it."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

from fleet_sim.broker.process import free_port
from fleet_sim.runs.directory import RunDirectory
from fleet_sim.runs.progress import LineProgress
from fleet_sim.truth.client import Client
from fleet_sim.truth.customer import Script
from fleet_sim.truth.grading import Grade, Screen
from fleet_sim.truth.modes import (
    CONTROL,
    Size,
    chosen_modes,
    phases_of,
    vehicle_ids,
    write_scenario,
)
from fleet_sim.truth.programs import programs_of
from fleet_sim.truth.run import Plan, run_truth
from fleet_sim.truth.score import TruthResult, count, read_result, read_unlocks
from tests.helpers.places import ROOT

APP = [sys.executable, "-m", "fleet_sim.truth.clients.app"]
NAIVE = [sys.executable, str(ROOT / "docs" / "examples" / "programs" / "naive_app.py")]
HASTY = Script(patience_s=6, reads_s=3, stays_s=0.2, lock_patience_s=4, away_s=4.0, visits_s=(3.0,))
SIZE = Size(cars=1, control_cars=1, rounds=1)


def graded(
    tmp_path: Path, clients: dict[str, list[str]], modes: list[str], *, port: int = 0
) -> TruthResult:
    """Return the result of a short run of clients on iotcore; `port` is that of the API."""
    chosen = chosen_modes(modes, {})
    phases = [
        (
            phase,
            write_scenario(
                tmp_path / f"{phase.name}.yaml", phase, [*clients], SIZE, profile="native", lacks={}
            ),
        )
        for phase in phases_of(chosen)
    ]
    plan = Plan(
        clients=[
            Client(name, argv, [car for mode in chosen for car in vehicle_ids(name, mode, SIZE)])
            for name, argv in clients.items()
        ],
        phases=phases,
        size=SIZE,
        seed=3,
        profile="native",
        script=HASTY,
        listen=("127.0.0.1", port),
    )
    directory = RunDirectory.create(tmp_path / "run", scenario_name="truth", seed=3)
    return run_truth(plan, directory, LineProgress(StringIO()), broker_kind="iotcore")


def test_the_planted_lie_is_found(tmp_path: Path) -> None:
    """An app that shows success at 202 lies where the car stays locked; ours does not.

    Where nothing is wrong both tell the truth. A client that ends is an error of its own, and the
    others are graded to the end.
    """
    ends = [sys.executable, "-c", 'print(\'{"ready": "api"}\', flush=True)']
    clients = {"app": APP, "naive": NAIVE, "short": ends}
    result = graded(tmp_path, clients, ["actuator_inhibit_or_frozen", "key_overrides_app"])
    naive, app = result.clients["naive"].modes, result.clients["app"].modes
    assert naive[CONTROL].keys() == app[CONTROL].keys() == {Grade.TRUE}
    assert naive["key_overrides_app"].keys() == {Grade.FALSE_SUCCESS}
    assert app["key_overrides_app"].keys() == {Grade.TRUE}
    assert app["actuator_inhibit_or_frozen"].keys() == {Grade.FALSE_SUCCESS}, "its box lies too"
    assert result.clients["short"].error == "ended with exit code 0"
    assert result.model_defects == 0
    assert read_result(tmp_path / "run") == result
    unlocks = read_unlocks(tmp_path / "run")
    assert count(unlocks) == {name: one.modes for name, one in result.clients.items()}
    assert {each.client for each in unlocks if each.door} == {*result.clients}


def test_a_door_file_is_a_client(tmp_path: Path) -> None:
    """The one of the page polls until the car has answered, and says what it has answered."""
    port = free_port()
    door = tmp_path / "door.yaml"
    text = (ROOT / "docs" / "examples" / "doors" / "truth.yaml").read_text()
    door.write_text(text.replace(":8080", f":{port}"))
    clients = programs_of([f"backend={door}"])
    result = graded(tmp_path, clients, ["key_overrides_app"], port=port)
    backend = result.clients["backend"]
    assert backend.through == "api"
    assert backend.modes[CONTROL].keys() == {Grade.TRUE}
    assert backend.modes["key_overrides_app"].keys() == {Grade.TRUE}
    unlocks = read_unlocks(tmp_path / "run")
    answers = {(it.mode, each.screen) for it in unlocks for each in it.screens}
    assert (CONTROL, Screen.OPEN) in answers
    assert ("key_overrides_app", Screen.FAILED) in answers
