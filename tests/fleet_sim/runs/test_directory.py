"""What a run is called, and where it lies."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_sim.runs.directory import LOG, MAX_NAME, RunDirectory, ScenarioSource
from fleet_wire.errors import ConfigError, LimitError


def test_a_run_done_again_and_again_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run of a manifest was called by the directory before it, seed and time on top."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quiet_city.yaml").write_text("")
    source = ScenarioSource(tmp_path / "quiet_city.yaml")
    for number in range(3):
        out = Path(f"runs/{source.name}-7-2026112{number}T000000")
        directory = RunDirectory.create(out, scenario_name=source.name, seed=7)
        directory.write_manifest(source, seed=7, mode="virtual", broker="none", scenario={})
        source = ScenarioSource(directory.path / "manifest.json")
        assert source.name == "quiet_city"
    assert out == Path("runs/quiet_city-7-20261122T000000")


@pytest.mark.parametrize(
    "manifest",
    [{}, *({"name": name} for name in ("", 7, "../../etc", "x" * 300, "a\0b"))],
)
def test_a_manifest_without_a_name_gives_its_directory(
    manifest: dict[str, object], tmp_path: Path
) -> None:
    """What is no name, or leads somewhere else, is not taken; the directory's is cut."""
    directory = tmp_path / ("d" * 90)
    directory.mkdir()
    (directory / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    assert ScenarioSource(directory / "manifest.json").name == "d" * MAX_NAME


@pytest.mark.parametrize("error", [ConfigError(["no"]), LimitError("no", "yes")])
def test_a_run_that_is_refused_leaves_no_directory(tmp_path: Path, error: Exception) -> None:
    """One that has begun does, and what was there before stays."""
    there = tmp_path / "there"
    there.mkdir()
    begun = RunDirectory.create(tmp_path / "begun", scenario_name="x", seed=1)
    begun.write_manifest(
        ScenarioSource(tmp_path / "x.yaml"), seed=1, mode="live", broker="none", scenario={}
    )
    made = RunDirectory.create(tmp_path / "made", scenario_name="x", seed=1)
    for directory in (begun, made, RunDirectory.create(there, scenario_name="x", seed=1)):
        (directory.path / LOG).touch()
        with pytest.raises(type(error)), directory.none_if_refused():
            raise error
    assert {path.name for path in tmp_path.iterdir()} == {"begun", "there"}
