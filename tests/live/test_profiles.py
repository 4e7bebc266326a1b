"""Boxes and monitor as processes, in a fleet's own words: by flag, variable and setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Outcome
from tests.helpers.brokers import running_mosquitto
from tests.helpers.commands import SCENARIO, finish, run, start, write_scenario

pytestmark = [pytest.mark.long, pytest.mark.broker]


@pytest.mark.parametrize("way", ["flag", "variable", "setting"])
def test_cars_are_opened_in_a_fleets_own_words(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way leads both programs to the same file, and every unlock opens its car."""
    profile = tmp_path / "own.yaml"
    profile.write_text(TWO_TOPICS, "utf-8")
    text = SCENARIO.replace("count: 30", "count: 3")
    stages = [{"kind": "burst", "count": 4, "duration_s": 1}]
    config: dict[str, Any] = {"load": {"vehicles": ["car-00000", "car-00001"], "stages": stages}}
    flags = [f"--profile={profile}"] if way == "flag" else []
    if way == "variable":
        monkeypatch.setenv("FLEET_SIM_PROFILE", str(profile))
        monkeypatch.setenv("PLATFORM_PROBE_PROFILE", str(profile))
    if way == "setting":
        text = text.replace("fleet:", "fleet:\n  profile: own.yaml")
        config["profile"] = str(profile)
    (tmp_path / "probe.yaml").write_bytes(msgspec.json.encode(config))
    with running_mosquitto() as broker:
        address = f"--broker=mqtt://127.0.0.1:{broker.port}"
        scenario = write_scenario(tmp_path, text)
        with start("fleet_sim", "boxes", scenario, address, *flags) as boxes:
            assert boxes.stdout is not None
            assert any("serving" in line for line in boxes.stdout)
            code, _, stderr = run(
                "platform_probe", "run", f"--config={tmp_path / 'probe.yaml'}", address,
                "--exit-when-done", "--listen=127.0.0.1:0", f"--out={tmp_path / 'out'}", *flags,
            )  # fmt: skip
            boxes.terminate()
            finish(boxes)
    assert code == 0, stderr
    lines = (tmp_path / "out" / "attempts.jsonl").read_bytes().splitlines()
    attempts = [msgspec.json.decode(line, type=Attempt) for line in lines]
    assert [attempt.outcome for attempt in attempts] == [Outcome.OK] * 4
    assert "commands_never_expire" in stderr
