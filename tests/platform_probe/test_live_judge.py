"""A real monitor whose judge is stopped or killed: nothing that is measured changes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec
import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.diagnosis import Diagnosis
from platform_probe.outputs.sinks import DIAGNOSES_FILE
from tests.helpers.live_fleet import failing_load
from tests.helpers.running_probe import RunningProbe, running_probe
from tests.helpers.waiting import eventually, eventually_answers, whole_lines

pytestmark = pytest.mark.broker


def diagnosed(probe: RunningProbe) -> list[Diagnosis]:
    """Return the diagnoses on disk."""
    written_lines = whole_lines(probe.records.with_name(DIAGNOSES_FILE))
    return [msgspec.json.decode(each, type=Diagnosis) for each in written_lines]


async def test_a_judge_that_is_stopped_or_killed_disturbs_no_measurement(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """Unlocks are written and counted, pages answer, and the lag is shown; then it catches up."""
    async with running_probe(
        tmp_path, mosquitto.address, load=failing_load(50, rate_per_s=10)
    ) as probe:
        await probe.ready()
        await eventually(lambda: diagnosed(probe))
        judge = probe.child("judge_process")
        assert judge is not None
        os.kill(judge, signal.SIGSTOP)
        before = len(probe.measured())
        await eventually(lambda: len(probe.measured()) > before + 50)
        assert (await probe.get("/healthz"))[0] == 200
        counted = sum((await probe.series("unlocks_total")).values())
        assert counted > before

        async def is_behind() -> bool:
            """Return whether the page says that the judge is behind."""
            return (await probe.series("judge_lag_seconds"))[()] > 5.0

        await eventually_answers(is_behind)
        os.kill(judge, signal.SIGKILL)
        await eventually(lambda: probe.child("judge_process") not in (None, judge))
        missed = {one.attempt_id for one in probe.measured()[before : before + 50]}
        await eventually(lambda: missed <= {one.attempt_id for one in diagnosed(probe)})
        probe.process.send_signal(signal.SIGTERM)
        assert await probe.exit_code() == 0
    revisions = [(one.attempt_id, one.revision) for one in diagnosed(probe)]
    assert len(revisions) == len(set(revisions))
    assert "judge_ended" in probe.log_file.read_text()
