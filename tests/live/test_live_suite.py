"""`fleet-sim test --mode live`: scenarios side by side, each on a broker of its own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.helpers.commands import SCENARIO, pids_with, run, summary

pytestmark = pytest.mark.long


@pytest.mark.broker
def test_live_runs_side_by_side_have_ports_of_their_own(tmp_path: Path) -> None:
    """Two at once, both fine; each found its own broker, and none is left."""
    names = ["a", "b"]
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    for name in names:
        (scenarios / f"{name}.yaml").write_text(SCENARIO, encoding="utf-8")
    code, stdout, stderr = run(
        "fleet_sim", "test", scenarios, "--mode", "live", "--jobs", "2", "--json",
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code == 0, stdout + stderr
    assert msgspec.json.decode(stdout)["fine"] == 2
    runs = [tmp_path / "out" / name for name in names]
    assert {summary(path)["attempts"]["total"] for path in runs} == {80}
    manifests = [msgspec.json.decode((path / "manifest.json").read_bytes()) for path in runs]
    assert len({manifest["broker"] for manifest in manifests}) == 2
    assert not pids_with([str(tmp_path)])
