"""`fleet-sim truth`: mistakes are named before anything starts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fleet_sim.__main__ import main
from fleet_sim.results.summary import read_json
from fleet_wire.errors import ConfigError


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["apple"], "client 'apple': expected NAME=COMMAND"),
        (["Mine=x"], "client 'Mine=x': expected NAME=COMMAND"),
        (["a=x", "a=y"], "client 'a': named twice"),
        (["a='x"], "client 'a': \"'x\": No closing quotation"),
        (["a=none.yaml"], "none.yaml: "),
        (["app", "--broker", "http://b"], "http://b"),
        (["app", "--listen", "nowhere"], "nowhere"),
        (["app", "--broker", "mqtt://localhost", "--mode", "queue_full_drop"], "is not ours"),
        (["app", "--mode", "auto_relok"], "did you mean 'auto_relock'?"),
        (["app", "--expect", "lots"], "--expect 'lots': expected 90%"),
        (["app", "--expect", "auto_relock=1"], "--expect 'auto_relock=1': a number of unlocks"),
        (["app", "--profile", "none"], "none"),
        (["app=/no/such/program"], "client 'app': '/no/such/program': no such program"),
        (["app= "], "client 'app': ' ': no such program"),
    ],
)
def test_a_mistake_is_named(words: list[str], why: str, tmp_path: Path) -> None:
    """And no directory is left behind."""
    out = tmp_path / "run"
    result = CliRunner().invoke(main, ["truth", *words, "--mode", "control", "--out", str(out)])
    assert result.exit_code == 2, result.output
    assert why in result.output
    assert not out.exists()


def test_another_run_is_not_written_over(tmp_path: Path) -> None:
    """Nothing was started by then."""
    (tmp_path / "app").mkdir()
    result = CliRunner().invoke(main, ["truth", "app", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert f"--out {tmp_path}: app is there already" in result.output


def test_a_run_has_a_manifest_and_a_remote_broker_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest names the command, and marks the directory as taken."""

    def begin(*_: Any, **__: Any) -> None:
        raise ConfigError(["that is enough"])

    monkeypatch.setattr(sys.modules["fleet_sim.commands.truth"], "run_truth", begin)
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
