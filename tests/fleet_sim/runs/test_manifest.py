"""A manifest is the same run again, where the code is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_sim.runs.directory import RunDirectory, ScenarioSource
from fleet_sim.runs.manifest import check_digest_can_be_met, load_run
from fleet_sim.runs.source_digest import versions
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.errors import ConfigError
from tests.helpers.virtual_runs import SCENARIOS


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Return the manifest of a run that this code has begun."""
    path = SCENARIOS["quiet_city"]
    directory = RunDirectory.create(tmp_path / "run", scenario_name="quiet_city", seed=5)
    directory.write_manifest(
        ScenarioSource(path),
        seed=5,
        mode="virtual",
        broker="in-process",
        scenario=load_scenario(path).resolved(),
        hop_s=0.001,
    )
    return directory.path / "manifest.json"


def change(manifest: Path, **changes: Any) -> None:
    """Change keys of a manifest."""
    values = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode({**values, **changes}))


def test_another_commit_of_the_same_version_is_refused(manifest: Path) -> None:
    """Both sources are named, and what to do instead; of the same code it is loaded."""
    run = load_run(manifest, [], lacks={})
    assert run.scenario == load_scenario(SCENARIOS["quiet_city"])
    assert (run.seed, run.hop_s) == (5, 0.001)
    other = "0.1.0 (source 0123456789abcdef)"
    change(manifest, code={**versions(), "unlockpath": other})
    with pytest.raises(ConfigError) as caught:
        load_run(manifest, [], lacks={})
    (problem,) = caught.value.problems
    assert problem == (
        f"{manifest}: code.unlockpath: written by {other}, this is {versions()['unlockpath']};"
        " the same run needs the same code; for a run like it take its scenario, with its seed"
    )
    codes: tuple[Any, ...] = (None, "0.1.0", {})  # as those written before it was compared
    for code in codes:
        change(manifest, code=code)
        with pytest.raises(ConfigError, match=r"code.simpy: written by None"):
            load_run(manifest, [], lacks={})


def test_a_live_run_has_no_digest_to_meet(manifest: Path) -> None:
    """Neither the run that is to be done nor the one that is expected, nor one that was killed."""
    with pytest.raises(ConfigError, match="of a run that has not ended"):
        check_digest_can_be_met(manifest, mode="virtual")
    change(manifest, digest="0" * 32)
    check_digest_can_be_met(manifest, mode="virtual")
    with pytest.raises(ConfigError, match="a live run has no digest to meet; add --mode virtual"):
        check_digest_can_be_met(manifest, mode="live")
    change(manifest, mode="live")
    with pytest.raises(ConfigError, match="of a live run, which has no digest to meet"):
        check_digest_can_be_met(manifest, mode="virtual")
