"""A live run that needs nothing installed: the one that `make quick` does."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.commands import EACH_CAR_ONCE, run, summary, write_scenario


def test_iotcore_serves_where_there_is_no_mosquitto(tmp_path: Path) -> None:
    """The broker that comes with the Python packages carries a small run, and says its limit."""
    out = tmp_path / "run"
    code, stdout, stderr = run(
        *("fleet_sim", "run", write_scenario(tmp_path), "--out", out),
        *("--private-broker", "iotcore"),
        *EACH_CAR_ONCE,
    )
    assert code == 0, stdout + stderr
    assert "at most 2000 boxes" in stdout
    assert summary(out)["attempts"]["by_outcome"]["ok"] == 80
