"""`platform-probe label` and `calibrate`: what people say of unlocks, and what follows."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.label import Label
from platform_probe.__main__ import main
from platform_probe.commands.calibrate import NO_BETTER
from platform_probe.judge.diagnosis.calibration import LEAST_LABELS, read_either
from platform_probe.judge.weights import shipped_weights
from platform_probe.store.reading import Source
from platform_probe.store.writer import held_by_monitor
from platform_probe.tell.labels import labelled_unlocks as labels_in
from tests.helpers.busy_store import make_busy_store
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.labelled_fleet import labelled_unlocks, make_labelled_store
from tests.helpers.records import attempt_of
from tests.helpers.stores import selected


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store in which everything has happened once; each label is withdrawn again."""
    return make_busy_store(tmp_path_factory.mktemp("busy") / "store")


def told(*words: object) -> Result:
    """Run the monitor's command."""
    return CliRunner().invoke(main, [*map(str, words)])


def test_records_of_a_run_take_labels_too(tmp_path: Path) -> None:
    """They lie beside the unlocks, where `calibrate` and the console read them."""
    (tmp_path / "attempts.jsonl").write_bytes(msgspec.json.encode(attempt_of()) + b"\n")
    line = msgspec.json.encode(diagnosis_of(RankedMode("phone_side", 0.9)))
    believed = line.replace(b'"a1"', msgspec.json.encode(attempt_of().attempt_id))
    (tmp_path / "diagnoses.jsonl").write_bytes(believed + b"\n")
    done = told("label", attempt_of().attempt_id, "unknown", "--by", "jo", "--run", tmp_path)
    assert done.exit_code == 0, done.output
    (label,) = (tmp_path / "labels.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(label, type=Label).mode == "unknown"
    ((found,),) = selected(tmp_path, "SELECT label FROM labelled")
    assert found == "unknown"


def test_a_store_of_a_monitor_needs_that_monitor(store: Path, tmp_path: Path) -> None:
    """Without a token, or where nobody answers, it says which setting is missing."""
    words = ("label", "attempt-33", "phone_side", "--by", "jo", "--store", store)
    token = tmp_path / "token"
    token.write_text("secret")
    with held_by_monitor(store):
        unknown = told(*words)
        away = told(*words, "--token-file", token, "--monitor", "http://127.0.0.1:9")
    assert (unknown.exit_code, away.exit_code) == (2, 2)
    assert "messages.actions_token_file" in unknown.output
    assert "No monitor answers at http://127.0.0.1:9" in away.output


def test_a_store_gives_the_facts_that_were_labelled(tmp_path: Path) -> None:
    """With the modes that the unlock's cause excludes: the fit ranks as the judge did."""
    store = make_labelled_store(tmp_path / "store", 20)
    made = {one.attempt_id: one for one in labelled_unlocks(1, 20)}
    for one in labels_in(Source(store), None):
        assert (one.label, one.told) == (made[one.attempt_id].label, made[one.attempt_id].told)
        assert set(one.seen) == set(made[one.attempt_id].seen)
        assert one.excluded == made[one.attempt_id].excluded


def test_calibrate_writes_what_settings_and_replays_read(tmp_path: Path) -> None:
    """It reports both on labels that the fit has not seen, and what was written is better."""
    store = make_labelled_store(tmp_path / "store", 120)
    out = tmp_path / "calibration.json"
    done = told("calibrate", store, "--out", out, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["before"]["labels"] == found["after"]["labels"] == 120
    assert found["after"]["right"] > found["before"]["right"] + 0.1
    assert found["after"]["error"] < found["before"]["error"] / 2
    assert read_either(out.read_bytes(), shipped_weights()) != shipped_weights()
    config = tmp_path / "probe.yaml"
    config.write_text(f"weights: {out}\n")
    assert str(out) in told("config", "--config", config).output
    text = told("calibrate", store, "--out", out).output
    assert "120 labels of unlocks from Thu 1 Jan 2026" in text
    assert "120 labels are few: 200 make these figures reliable" in text
    assert f"set `weights: {out}` in the monitor's settings" in text


def test_too_few_labels_are_refused(tmp_path: Path) -> None:
    """It says how many there are, how many it takes, and how to find unlocks to label."""
    store = make_labelled_store(tmp_path / "store", LEAST_LABELS)
    gone = labelled_unlocks(1, 1)[0].attempt_id
    told("label", gone, "--withdraw", "--by", "jo", "--store", store)
    done = told("calibrate", store, "--out", tmp_path / "out.json")
    assert done.exit_code == 2
    assert f"{LEAST_LABELS - 1} labels of diagnosed unlocks are too few" in done.output
    assert f"{LEAST_LABELS} are the least" in done.output
    assert "query to-label" in done.output
    assert not (tmp_path / "out.json").exists()


def test_labels_that_teach_nothing_write_nothing(tmp_path: Path) -> None:
    """Of one incident, however long: held out together, nothing is left to learn from."""
    store = make_labelled_store(tmp_path / "store", LEAST_LABELS, is_one_incident=True)
    done = told("calibrate", store, "--out", tmp_path / "out.json")
    assert done.exit_code == NO_BETTER
    assert "nothing is written" in done.output
    assert not (tmp_path / "out.json").exists()
