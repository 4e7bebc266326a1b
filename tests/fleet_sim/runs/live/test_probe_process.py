"""The probe as a child process: how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.runs.live.probe_process import ProbeError, ProbeProcess


async def test_told_to_end_before_it_can_listen_it_has_not_failed(tmp_path: Path) -> None:
    """Ctrl-C while the probe starts ends the run in good order; a crash does not."""
    probe = await ProbeProcess.start(tmp_path / "probe.yaml")
    probe.drain()
    await probe.finish()
    crashed = await ProbeProcess.start(tmp_path / "probe.yaml")
    crashed.kill()
    with pytest.raises(ProbeError, match="exit code -9"):
        await crashed.finish()
