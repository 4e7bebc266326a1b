"""What a run is called, and where it lies."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fleet_sim.runs.directory import MAX_NAME, RunDirectory, ScenarioSource


def test_a_run_is_called_by_its_scenario() -> None:
    """By the file, without its ending."""
    assert ScenarioSource(Path("scenarios/quiet_city.yaml")).name == "quiet_city"


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
