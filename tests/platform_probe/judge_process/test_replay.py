"""A journal judged anew: by the judge that judged it, and by another one."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import UNKNOWN
from fleet_wire.contract.label import Label
from fleet_wire.contract.topics import TopicKind
from platform_probe.__main__ import main
from platform_probe.commands.judge import DIFFERS
from platform_probe.journal.codec import line_of
from platform_probe.journal.entries import RecordWritten, UnlockLabelled
from platform_probe.journal.reader import entries_in
from platform_probe.journal.segments import COMPLETE, segment_path
from platform_probe.judge.weights import shipped_weights
from platform_probe.judge_process import process as judge_process
from platform_probe.judge_process import recordings
from platform_probe.judge_process.recordings import StoreRecording
from platform_probe.judge_process.replay import MESSAGES_FILE
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE
from platform_probe.settings.monitor import ProbeSettings, StoreSettings
from platform_probe.store import journal as store_journal
from platform_probe.store.bucket import note_bucket
from platform_probe.store.keeper import keep
from platform_probe.store.layout import AWAY, JOURNAL
from platform_probe.store.limits import BucketSettings, Limits
from tests.helpers.judged_runs import ALWAYS_DAYS, judge_into_store, judge_to_its_end
from tests.helpers.s3_server import KEY, SECRET, running_s3_server
from tests.helpers.stores import selected
from tests.helpers.virtual_runs import SCENARIOS, run_virtually

SCENARIO = "carrier_outage"
SEED = 7
LEAD_S = 5.0
"""Shorter than in use: the run has a minute."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a run that wrote a journal."""
    directory = tmp_path_factory.mktemp("replay") / "run"
    run_virtually(load_scenario(SCENARIOS[SCENARIO]), directory, seed=SEED, journal=True)
    return directory


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return settings with the name of the run's monitor: ids of incidents are made of it."""
    path = tmp_path / "probe.yaml"
    path.write_text(f"client_id: virtual/{SEED}\n")
    return path


def judged_anew(directory: Path, config: Path, out: Path) -> str:
    """Judge a journal anew with the same judge, and return what the command says."""
    words = ["judge", "--config", str(config), "--replay", str(directory), "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code in (0, DIFFERS), done.output
    return done.stdout


def test_labels_change_no_judgement(run: Path, config: Path, tmp_path: Path) -> None:
    """The same judge says the same to the byte, as the run did, which never read the journal.

    Labels are measurements of people: a judge believes them only by the calibration of its weights.
    They reach the store, each once.
    """
    labelled, store = tmp_path / "labelled", tmp_path / "store"
    (labelled / "journal").mkdir(parents=True)
    lines, labels = [], 0
    for entry in entries_in(run / "journal"):
        lines.append(line_of(entry))
        if isinstance(entry, RecordWritten) and isinstance(entry.record, Attempt):
            record = entry.record
            label = Label(
                attempt_id=record.attempt_id, vehicle_id=record.vehicle_id, mode="phone_side",
                started_at=record.started_at, by="jo", at=entry.at + labels,
            )  # fmt: skip
            lines.append(line_of(UnlockLabelled(entry.at, label)))
            labels += 1
    segment_path(labelled / "journal", 1, COMPLETE).write_bytes(b"".join(lines))
    outs = tmp_path / "without", tmp_path / "with"
    assert judged_anew(run, config, outs[0]).count("as they were") == 2
    judged_anew(labelled, config, outs[1])
    for name in (DIAGNOSES_FILE, INCIDENTS_FILE, MESSAGES_FILE):
        without, with_labels = ((out / name).read_bytes() for out in outs)
        assert without == with_labels
        assert without
        assert name == MESSAGES_FILE or without == (run / name).read_bytes()
    bodies = [json.loads(line) for line in (outs[0] / MESSAGES_FILE).read_bytes().splitlines()]
    assert "incident.opened" in {body["type"] for body in bodies}
    settings = ProbeSettings(out_dir=tmp_path / "out", store=StoreSettings(directory=store))
    for _ in range(2):
        judge_to_its_end(settings, labelled / "journal")
    ((found,),) = selected(store, "SELECT count(*) FROM labels")
    assert found == labels > 100


def test_other_weights_are_compared(run: Path, config: Path, tmp_path: Path) -> None:
    """Weights that believe in nothing: each mode that changes is told, with an unlock of it."""
    shipped = shipped_weights()
    none: dict[str, dict[str, float]] = {slug: {} for slug in shipped.seen}
    blind = msgspec.structs.replace(
        shipped, seen=none, unseen=none, bias={**dict.fromkeys(shipped.bias, -50.0), UNKNOWN: 50.0}
    )
    weights = tmp_path / "weights.json"
    weights.write_bytes(msgspec.json.encode(blind))
    done = CliRunner().invoke(
        main,
        ["judge", "--config", str(config), "--replay", str(run), "--weights", str(weights),
         "--json"],
    )  # fmt: skip
    assert done.exit_code == DIFFERS, done.output
    found = json.loads(done.stdout)
    assert {one["after"] for one in found["modes"]} == {UNKNOWN}
    assert sum(one["number"] for one in found["modes"]) <= found["unlocks"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--replay", "nothing"], "no journal here"),
        (["--replay", "RUN", "--weights", "nothing"], "--weights nothing: No such file"),
        (["--replay", "RUN", "--out", "RUN"], "is there already"),
        (["--since", "2h"], "--since goes with --replay STORE"),
    ],
)
def test_mistakes_are_told(run: Path, arguments: list[str], said: str) -> None:
    """With what to do, and exit code 2."""
    given = [str(run) if each == "RUN" else each for each in arguments]
    done = CliRunner().invoke(main, ["judge", *given])
    assert done.exit_code == 2
    assert said in done.output


@pytest.fixture(scope="module")
def monitor(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a monitor with a store, which judged the journal of the run."""
    directory = tmp_path_factory.mktemp("monitor")
    out, store = directory / "out", directory / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge_process, "EVERY_S", LEAD_S)
        patch.setattr(judge_process, "COMMIT_EVERY_S", 0.0)
        patch.setattr(store_journal, "CARS_EVERY_S", LEAD_S)
        judge_into_store(run, out, store)
    always_s = ALWAYS_DAYS * 86_400
    journal = str(out / "journal")
    keep(
        store,
        Limits(max_age_s=always_s, max_bytes=2**50, journal=journal, journal_max_age_s=always_s),
    )
    return directory


def replayed(directory: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of a replay, and its findings."""
    done = CliRunner().invoke(main, ["judge", "--replay", str(directory), "--json", *options])
    assert done.exit_code in (0, DIFFERS), done.output
    return done.exit_code, json.loads(done.stdout)


def test_a_store_is_replayed_as_it_was_judged(monitor: Path) -> None:
    """All entries are there, and none twice, without the monitor's journal."""
    entries = sum(1 for _ in entries_in(monitor / "out" / "journal"))
    code, found = replayed(monitor / "store")
    assert code == 0, found
    assert (found["entries"], found["missed_segments"], found["unreadable"]) == (entries, 0, 0)
    assert found["unlocks"] > 10


@pytest.mark.s3
def test_a_store_of_which_all_is_in_a_bucket_is_replayed_as_it_was_judged(
    monitor: Path, tmp_path: Path
) -> None:
    """The journal and the tables are fetched, and the same is found as where they are here."""
    here = replayed(monitor / "store")
    store = tmp_path / "store"
    shutil.copytree(monitor / "store", store)
    with running_s3_server(tmp_path) as server:
        server.make_bucket("old")
        key_file = tmp_path / "key"
        key_file.write_text(f"{KEY}\n{SECRET}\n")
        note_bucket(
            store,
            BucketSettings(
                bucket="old", endpoint=server.endpoint, key_file=str(key_file), after_s=-60.0
            ),
        )
        report = keep(store, Limits(max_age_s=1e12, max_bytes=2**50, journal_max_age_s=1e12))
        assert report.bucket_error is None
        assert {path.suffix for path in (store / JOURNAL).iterdir()} == {AWAY}
        assert replayed(store) == here


def test_a_replay_of_a_later_time_begins_with_what_cars_had_said(
    monitor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of a month costs that hour and its lead, and most unlocks are judged as then."""
    monkeypatch.setattr(recordings, "LEAD_S", LEAD_S)
    _, whole = replayed(monitor / "store")
    (incident, *_) = (monitor / "out" / INCIDENTS_FILE).read_bytes().splitlines()
    since = json.loads(incident)["opened_at"] - 1.0
    recording = StoreRecording(monitor / "store")
    said = [*recording.cars(since)]
    first = next(iter(recording.entries(since)))
    assert {each.kind for each in said} == {TopicKind.PRESENCE, TopicKind.STATE}
    assert whole["since"] + LEAD_S < first.at <= since - LEAD_S
    moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
    _, found = replayed(monitor / "store", "--since", moment)
    assert 0 < found["entries"] < whole["entries"]
    assert abs(found["since"] - since) <= 1.0
    assert sum(one["number"] for one in found["modes"]) < found["unlocks"] / 2
