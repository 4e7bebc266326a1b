"""The command `fleet-sim inject`, without boxes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fleet_sim.__main__ import main
from fleet_sim.commands import inject as inject_command
from fleet_sim.runs.live.drills import DrillReply, DrillRequest
from fleet_wire.errors import ConfigError


def test_each_process_is_asked_and_what_it_says_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A problem of one is exit code 2, and the others' drills go on."""
    asked: list[tuple[Path, DrillRequest]] = []

    def answer(path: Path, request: DrillRequest) -> DrillReply:
        asked.append((path, request))
        if path.name == "gone":
            raise ConfigError(["--control gone: no such socket"])
        return DrillReply(injection=3, struck=2, boxes=5)

    monkeypatch.setattr(inject_command, "ask", answer)
    drill = ["inject", "door_frozen", "--for", "5m", "--target", "region=north", "--set", "p=1"]
    result = CliRunner().invoke(main, [*drill, "--control", "a"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "door_frozen: injection 3 on 2 of 5 boxes, for 300 s (a)\n"
    expected = DrillRequest(
        fault="door_frozen", for_s=300.0, target=("region=north",), parameters=("p=1",)
    )
    assert asked == [(Path("a"), expected)]
    result = CliRunner().invoke(main, [*drill, "--control", "gone", "--control", "b"])
    assert result.exit_code == 2
    assert result.stderr == "fleet-sim: --control gone: no such socket\n"
    assert result.stdout.endswith("for 300 s (b)\n")
