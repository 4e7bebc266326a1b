"""What support reads of a run, whatever its cars speak: no defect, and what the cars have said."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bench.score.incidents import TWO_TOPICS
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.contract.topics import TopicKind
from platform_probe.journal.entries import CarMessage
from platform_probe.journal.reader import entries_in
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.consoles import Visitor, served
from tests.helpers.english import ENGLISH
from tests.helpers.judged_runs import judge_into_store
from tests.helpers.stores import KeptOpen, kept, selected
from tests.helpers.virtual_runs import run_virtually


class State(NamedTuple):
    """What a car said of its lock, door and battery; None: nothing."""

    vehicle_id: str
    is_locked: bool | None
    is_open: bool | None
    voltage_v: float | None


class StoredRun(NamedTuple):
    """What has become of one."""

    store: Path
    states: list[State]
    """Each state that the monitor heard, as its profile read it, in order."""


MAPPED = "mine.yaml"
LOCK_ALONE = """
state:
  topic: v1/{vehicle_id}/lock
  payload: text
  retain: true
  fields: { is_locked: { at: text, values: { "1": true, "0": false } } }
"""
FEW_FIELDS = TWO_TOPICS.replace(": /id", ": { at: /id, number: true }") + LOCK_ALONE
"""Ids are numbers, a state says the lock alone, and a command does not say when it was sent."""
IN_TEST_ALL = ("ovms", "saic")
WIRES = (
    "native",
    "aws-iot",
    MAPPED,
    *(pytest.param(one, marks=pytest.mark.long) for one in IN_TEST_ALL),
)
SCENARIO = """
description: Cars that do not answer, refuse, and open late, whatever they speak.
seed: 5
fleet:
  profile: {wire}
  groups:
    - {{ name: city, count: 20, region: city, operator: operator-a }}
    - {{ name: valley, count: 10, region: valley, operator: operator-a }}
customers:
  stages: [{{ kind: poisson, rate_per_s: 0.5, duration_s: 30 }}]
  walk: {{ base_s: 5, spread_s: 10 }}
  drive: {{ base_s: 20, spread_s: 20 }}
faults:
  - name: can_bus_asleep_no_ack
    target: {{ region: city }}
    window: {{ start_s: 5 }}
    parameters: {{ probability: 0.25 }}
  - name: no_coverage_garage
    target: {{ region: valley }}
    window: {{ start_s: 5, end_s: 30 }}
"""


FIRST_AND_LAST = (
    "SELECT min(started_at) - INTERVAL 1 HOUR, max(started_at) + INTERVAL 1 HOUR FROM attempts"
)
ONE_OF_EACH_CAUSE = "SELECT max(attempt_id) FROM attempts WHERE cause IS NOT NULL GROUP BY cause"
ITS_IDS = "SELECT vehicle_id, command_id FROM attempts WHERE attempt_id = '{}'"
OK = 200
SAYS_NO_STATE = "aws-iot"
LOCK_WORD = {True: "locked", False: "unlocked"}


@pytest.fixture(scope="module", params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    """Return what the cars speak."""
    return str(request.param)


@pytest.fixture(scope="module")
def run(wire: str, tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    """Return a run on this wire, whose store is in lines that are not packed yet."""
    place = tmp_path_factory.mktemp("wire")
    (place / MAPPED).write_text(FEW_FIELDS)
    scenario = place / "scenario.yaml"
    scenario.write_text(SCENARIO.format(wire=wire))
    loaded, directory = load_scenario(scenario), place / "run"
    run_virtually(loaded, directory, seed=loaded.seed or 0, journal=True)
    judge_into_store(directory, directory / "monitor", directory / "store")
    states = [
        State(entry.vehicle_id, said.is_locked, said.is_open, said.voltage_v)
        for entry in entries_in(directory / "journal")
        if isinstance(entry, CarMessage) and entry.kind is TopicKind.STATE
        for said in [entry.message]
    ]
    return StoredRun(directory / "store", states)


@pytest.fixture(scope="module")
def packed(run: StoredRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of its store that the keeper has packed."""
    packed = Path(shutil.copytree(run.store, tmp_path_factory.mktemp("packed") / "store"))
    assert kept(packed).rows
    return packed


@pytest.fixture(scope="module")
def failed(run: StoredRun) -> list[str]:
    """Return the ids of all unlocks that failed: there are some of each kind."""
    causes = "SELECT count(DISTINCT cause) FROM attempts"
    assert selected(run.store, causes)[0][0] >= 2
    found = "SELECT attempt_id FROM attempts WHERE cause IS NOT NULL ORDER BY ALL"
    return [row[0] for row in selected(run.store, found)]


def locks_told(found: dict[str, Any]) -> list[str]:
    """Return how the lock has changed, as a case tells it."""
    told = (re.fullmatch(r"reports: ((?:un)?locked)\b.*", one["what"]) for one in found["timeline"])
    return in_turn(match[1] for match in told if match is not None)


def in_turn(locks: Iterable[str | None]) -> list[str]:
    """Return how a lock has changed."""
    return [lock for lock, _ in groupby(lock for lock in locks if lock is not None)]


def test_state_is_kept_as_it_was_said(run: StoredRun, wire: str, packed: Path) -> None:
    """Of each message: lock, door and voltage, and nothing where it says nothing; packed too."""
    states = (
        "SELECT vehicle_id, is_locked, is_open, round(voltage_v::DOUBLE, 3) FROM observations"
        " WHERE kind = 'state' ORDER BY ALL"
    )
    said = selected(run.store, states)
    assert bool(said) is (wire != SAYS_NO_STATE)
    assert Counter(said) == Counter(
        one._replace(voltage_v=one.voltage_v and round(one.voltage_v, 3)) for one in run.states
    )
    assert selected(packed, states) == said


def test_every_failed_unlock_is_diagnosed(run: StoredRun, packed: Path, failed: list[str]) -> None:
    """Its car's lock is told as the car has said it; the API's name of a command finds it."""
    with closing(KeptOpen(packed)) as source:  # each command reads the store anew
        newest_s = source.newest_s()

        def diagnosed(wanted: UnlockQuery) -> dict[str, Any]:
            """Return what `platform-probe diagnose` says as JSON, and tells in words."""
            case = look_up(source, wanted, newest_s)
            assert text_of(case, ENGLISH)
            return json_of(case, ENGLISH)

        for attempt_id in failed:
            found = diagnosed(UnlockQuery(attempt=attempt_id))
            its = (one.is_locked for one in run.states if one.vehicle_id == found["vehicle_id"])
            said = (None if is_locked is None else LOCK_WORD[is_locked] for is_locked in its)
            assert locks_told(found) == in_turn(said)
        api_id = found["attempt"]["command_id"].rpartition("/")[2]
        assert diagnosed(UnlockQuery(command=api_id))["attempt"] == found["attempt"]


def test_console_shows_failed_unlocks(packed: Path, tmp_path: Path) -> None:
    """One of each cause, its car and the pages of roles; the API's name of a command finds it."""
    with served(packed, tmp_path / "audit.jsonl") as url:
        visitor = Visitor(url)
        for (attempt_id,) in selected(packed, ONE_OF_EACH_CAUSE):
            assert visitor.get(f"/unlock/{attempt_id}").status == OK
        car, command_id = selected(packed, ITS_IDS.format(attempt_id))[0]
        for path in ("/", f"/car/{car}", "/fleet", "/oncall", "/support"):
            assert visitor.get(path).status == OK
        api_id = command_id.rpartition("/")[2]
        assert visitor.get(f"/search?q={api_id}").location == f"/unlock/{attempt_id}"
