"""`fleet-sim truth`: mistakes are named before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_sim.__main__ import main


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
        (["app", "--broker", "mqtt://b.example"], "use a broker on this machine"),
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
    assert f"--out {tmp_path}: holds another run" in result.output
