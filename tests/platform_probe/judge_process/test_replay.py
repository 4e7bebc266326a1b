"""A journal judged anew: by the judge that judged it, and by another one."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.diagnosis import UNKNOWN
from platform_probe.__main__ import main
from platform_probe.commands.judge import DIFFERS
from platform_probe.judge.weights import shipped_weights
from platform_probe.judge_process.replay import MESSAGES_FILE
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

SCENARIO = "carrier_outage"
SEED = 7


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run that wrote a journal."""
    directory = tmp_path_factory.mktemp("replay") / "run"
    run_virtually(load_scenario(SCENARIOS[SCENARIO]), directory, seed=SEED, journal=True)
    return directory


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return settings with the name of the run's monitor: ids of incidents are made of it."""
    path = tmp_path / "probe.yaml"
    path.write_text(f"client_id: virtual/{SEED}\n")
    return path


def test_the_same_judge_says_the_same_to_the_byte(run: Path, config: Path, tmp_path: Path) -> None:
    """As the run did in virtual time, which never read the file."""
    out = tmp_path / "out"
    done = CliRunner().invoke(
        main, ["judge", "--config", str(config), "--replay", str(run), "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.count("as they were") == 2
    for name in (DIAGNOSES_FILE, INCIDENTS_FILE):
        assert (out / name).read_bytes() == (run / name).read_bytes()
        assert (out / name).stat().st_size
    bodies = [json.loads(line) for line in (out / MESSAGES_FILE).read_bytes().splitlines()]
    assert "incident.opened" in {body["type"] for body in bodies}


def test_other_weights_are_compared(run: Path, config: Path, tmp_path: Path) -> None:
    """Weights that believe in nothing: each mode that changes is told, with an unlock of it."""
    shipped = shipped_weights()
    none: dict[str, dict[str, float]] = {slug: {} for slug in shipped.seen}
    blind = msgspec.structs.replace(
        shipped, seen=none, unseen=none, bias={**dict.fromkeys(shipped.bias, -50.0), UNKNOWN: 50.0}
    )
    weights = tmp_path / "weights.json"
    weights.write_bytes(msgspec.json.encode(blind))
    done = CliRunner().invoke(
        main,
        ["judge", "--config", str(config), "--replay", str(run), "--weights", str(weights),
         "--json"],
    )  # fmt: skip
    assert done.exit_code == DIFFERS, done.output
    found = json.loads(done.stdout)
    assert {one["after"] for one in found["modes"]} == {UNKNOWN}
    assert sum(one["number"] for one in found["modes"]) <= found["unlocks"]


def test_only_the_asked_time_is_compared(run: Path, config: Path) -> None:
    """Nothing is judged in the second after the last entry."""
    done = CliRunner().invoke(
        main,
        ["judge", "--config", str(config), "--replay", str(run), "--since",
         "2026-01-02 00:00:00", "--json"],
    )  # fmt: skip
    assert json.loads(done.stdout)["unlocks"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--replay", "nothing"], "no journal here"),
        (["--replay", "RUN", "--weights", "nothing"], "--weights nothing: No such file"),
        (["--replay", "RUN", "--out", "RUN"], "is there already"),
        (["--since", "2h"], "--since goes with --replay DIR"),
    ],
)
def test_mistakes_are_told(run: Path, arguments: list[str], said: str) -> None:
    """With what to do, and exit code 2."""
    given = [str(run) if each == "RUN" else each for each in arguments]
    done = CliRunner().invoke(main, ["judge", *given])
    assert done.exit_code == 2
    assert said in done.output
