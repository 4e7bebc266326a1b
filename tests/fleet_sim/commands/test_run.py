"""The command `fleet-sim run`, in this process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from fleet_sim.__main__ import main
from fleet_sim.runs.live.run import LiveRun
from fleet_sim.runs.progress import LineProgress
from fleet_sim.runs.virtual.run import VirtualRun
from fleet_wire.command_line import INTERRUPTED
from tests.helpers.sweeps import write_scenario

run_module = import_module("fleet_sim.commands.run")


class Screen(LineProgress):
    """A display that tells whether the screen was given back."""

    is_given_back = False

    def close(self) -> None:
        """Note it."""
        self.is_given_back = True


@pytest.mark.broker
def test_ctrl_c_while_the_report_is_written_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is over by then, and what it has gathered is named."""

    async def do_nothing(_run: LiveRun) -> None:
        """Be over."""

    def interrupted(_run: LiveRun) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(LiveRun, "run", do_nothing)
    monkeypatch.setattr(LiveRun, "conclude", interrupted)
    scenario, out = str(write_scenario(tmp_path)), str(tmp_path / "run")
    result = CliRunner().invoke(main, ["run", scenario, "--out", out])
    assert result.exit_code == INTERRUPTED
    assert f"ended at once; what was gathered is in {out}" in result.stderr


def test_sigterm_while_all_is_started_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ctrl-C does: in good order, and with the same exit code."""

    @contextmanager
    def interrupted(*_: object, **_options: object) -> Iterator[NoReturn]:
        os.kill(os.getpid(), signal.SIGTERM)
        yield pytest.fail("the run goes on")

    monkeypatch.setattr(run_module, "spread", interrupted)
    before = signal.getsignal(signal.SIGTERM)
    try:
        scenario, out = str(write_scenario(tmp_path)), str(tmp_path / "run")
        result = CliRunner().invoke(main, ["run", scenario, "--out", out])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert result.exit_code == INTERRUPTED
    assert f"ended at once; what was gathered is in {out}" in result.stderr


def test_what_a_virtual_run_passes_over_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A maintenance window in the environment is one of a live run's monitor."""
    scenario, out = str(write_scenario(tmp_path)), tmp_path / "run"
    arguments = ["run", scenario, "--mode", "virtual", "--out"]
    plain = CliRunner().invoke(main, [*arguments, str(out / "1")])
    monkeypatch.setenv("PLATFORM_PROBE_DETECTION", '{"maintenance": []}')
    result = CliRunner().invoke(main, [*arguments, str(out / "2")])
    assert plain.stderr == ""
    assert result.stderr.startswith("fleet-sim: PLATFORM_PROBE_DETECTION: passed over:")


@pytest.mark.parametrize("what", [KeyboardInterrupt(), RuntimeError("no more memory")])
def test_the_screen_is_given_back_however_a_run_ends(
    what: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise half a panel stays, and a terminal without a cursor."""
    screen = Screen(StringIO())

    def end(_run: VirtualRun) -> NoReturn:
        raise what

    monkeypatch.setattr(VirtualRun, "run", end)
    monkeypatch.setattr("fleet_sim.commands.run.progress_on", lambda _console: screen)
    scenario, out = str(write_scenario(tmp_path)), str(tmp_path / "run")
    result = CliRunner().invoke(main, ["run", scenario, "--mode", "virtual", "--out", out])
    assert result.exit_code != 0
    assert screen.is_given_back
