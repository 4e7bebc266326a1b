"""`fleet-sim truth`: mistakes are named before anything starts."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fleet_sim.__main__ import main
from fleet_sim.results.summary import read_json
from fleet_wire.errors import ConfigError


def test_a_run_has_a_manifest_and_a_remote_broker_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest names the command, and marks the directory as taken."""

    def begin(*_: Any, **__: Any) -> None:
        raise ConfigError(["that is enough"])

    monkeypatch.setattr(import_module("fleet_sim.commands.truth"), "run_truth", begin)
    words = ["app", "--mode", "auto_relock", "--seed", "7", "--out", str(tmp_path / "run")]

    begun = CliRunner().invoke(main, ["truth", *words, "--broker", "mqtt://broker.example"])
    again = CliRunner().invoke(main, ["truth", *words])

    assert "on mqtt://broker.example" in begun.output
    assert "obey the secret that everybody knows" in begun.output
    manifest = read_json(tmp_path / "run" / "manifest.json")
    assert (manifest["name"], manifest["seed"]) == ("truth", 7)
    assert manifest["broker"] == "mqtt://broker.example:1883"
    assert manifest["command"][:5] == ["fleet-sim", "truth", "app", "--mode", "auto_relock"]
    assert again.exit_code == 2
    assert "holds another run" in again.output
    (tmp_path / "app").mkdir()
    other = CliRunner().invoke(main, ["truth", "app", "--out", str(tmp_path)])
    assert f"--out {tmp_path}: app is there already" in other.output
