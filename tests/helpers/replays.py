"""Judges the journal of a run in virtual time anew, as the monitor of that run would have."""

from __future__ import annotations

from pathlib import Path

from platform_probe.judge.weights import shipped_ranking
from platform_probe.judge_process.outlets import judge_of
from platform_probe.judge_process.recordings import recording_at
from platform_probe.judge_process.replay import Replayed, replay
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE
from platform_probe.settings.monitor import ProbeSettings


def replay_run(run: Path, *, seed: int, out: Path | None = None) -> Replayed:
    """Judge the journal of a run anew, with the monitor's name: ids of incidents are made of it."""
    judge = judge_of(ProbeSettings(client_id=f"virtual/{seed}"), shipped_ranking())
    return replay(recording_at(run), judge, out=out)


def check_replay(run: Path, out: Path, *, seed: int) -> None:
    """Check that a replay gives the judgements of the run, to the byte."""
    replay_run(run, seed=seed, out=out)
    for name in (DIAGNOSES_FILE, INCIDENTS_FILE):
        assert (out / name).read_bytes() == (run / name).read_bytes(), name
