"""A judge that raises, and outlets that do: each costs one entry, or one judgement."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import Diagnosis
from platform_probe.journal.entries import Entry, MonitorStarted, RecordWritten, Tick
from platform_probe.judge.alerting import Alerting
from platform_probe.judge.diagnosis.diagnosing import Diagnosing
from platform_probe.judge.judge import Judge
from platform_probe.judge.weights import shipped_ranking
from platform_probe.judge_process.outlets import judge_of
from platform_probe.judge_process.process import SET_ASIDE_FILE, JudgeProcess
from platform_probe.judge_process.running import Outlet, RunningJudge
from platform_probe.outputs.sinks import DIAGNOSES_FILE
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.journals import put
from tests.helpers.records import attempt_of


def _judge() -> Judge:
    return judge_of(ProbeSettings(), shipped_ranking())


def _entries() -> list[Entry]:
    """Return two unlocks that failed, and one between them that makes a judge raise."""
    failed = attempt_of(cause=Cause.BOX_SILENT)
    records = [msgspec.structs.replace(failed, attempt_id=name) for name in ("a", "bad", "b")]
    return [
        MonitorStarted(0.0, 1_700_000_000.0),
        *(RecordWritten(20.0 + number, record) for number, record in enumerate(records)),
        Tick(60.0, 1_700_000_060.0),
    ]


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the diagnosis of one unlock raise."""
    take = Diagnosing.handle_record

    def raising(self: Diagnosing, record: Any) -> None:
        if getattr(record, "attempt_id", None) == "bad":
            raise ZeroDivisionError("a defect")
        take(self, record)

    monkeypatch.setattr(Diagnosing, "handle_record", raising)


def test_an_outlet_that_raises_starves_no_other() -> None:
    """Each error is told, by the outlet's name."""
    told: list[str] = []
    failed: list[str] = []

    def broken(_: object) -> None:
        raise OSError("full")

    def note(one: Diagnosis) -> None:
        told.append(one.attempt_id)

    running = RunningJudge(
        _judge(), {"broken": Outlet(diagnosis=broken), "whole": Outlet(diagnosis=note)},
        on_set_aside=lambda *_: None, on_outlet_error=lambda name, _: failed.append(name),
    )  # fmt: skip
    for entry in _entries():
        running.append(entry)
    assert told
    assert failed == ["broken"] * len(told)


@pytest.mark.usefixtures("poisoned")
async def test_what_was_set_aside_is_kept_counted_and_shown(tmp_path: Path) -> None:
    """In a file, with the entry as it stands in the journal, and in the judge's metrics.

    What comes after it is judged as if it had not been.
    """
    settings = ProbeSettings(out_dir=tmp_path)
    put(settings.journal_dir, *_entries())
    words: list[Any] = []
    with ExitStack() as stack:
        process = JudgeProcess(
            settings, journal=settings.journal_dir, say=words.append, stack=stack
        )
        assert await process._read_on()
        await process._commit()
        process.say_state()
        process._reader.close()
    (line,) = (tmp_path / SET_ASIDE_FILE).read_bytes().splitlines()
    aside = json.loads(line)
    assert aside["entry"] == "RecordWritten"
    assert '"attempt_id":"bad"' in aside["line"]
    assert "ZeroDivisionError: a defect" in json.dumps(aside)
    told = [json.loads(each) for each in (tmp_path / DIAGNOSES_FILE).read_bytes().splitlines()]
    assert {one["attempt_id"] for one in told} == {"a", "b"}
    families = {one.name: one for one in words[-1].families}
    assert families["unlockpath_judge_set_aside"].samples[0][2] == 1.0
    assert words[-1].judged_at == 60.0


async def test_a_judge_that_had_judged_nothing_is_no_past_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commit has no time: ticks for each second since 1970 would take the next one hours."""
    settings = ProbeSettings(out_dir=tmp_path)
    begins_s, tick = 1_800_000_000.0, Alerting.tick

    def tick_of_today(alerting: Alerting) -> None:
        if alerting.due_s < begins_s:
            raise TimeoutError(f"a tick of second {alerting.due_s}")
        tick(alerting)

    monkeypatch.setattr(Alerting, "tick", tick_of_today)
    for seconds in (0, 2):
        entries = (Tick(begins_s + one, begins_s + one) for one in range(seconds))
        put(settings.journal_dir, *entries)
        with ExitStack() as stack:
            process = JudgeProcess(
                settings, journal=settings.journal_dir, say=lambda _: None, stack=stack
            )
            assert await process._read_on() == bool(seconds)
            await process._commit()
            process._reader.close()
    assert process._files[SET_ASIDE_FILE].current_end().size == 0
