"""What was known at a moment, and nothing of what came later."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.incident import IncidentState
from fleet_wire.errors import ConfigError
from platform_probe.store.reading import Source, Span
from platform_probe.tell.support.fitting import UnlockQuery
from platform_probe.tell.support.looking_up import look_up
from platform_probe.tell.support.telling import text_of
from platform_probe.tell.support.telling_programs import json_of
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.english import ENGLISH
from tests.helpers.stores import (
    BEGIN_S,
    kept,
    opened_late,
    put_booking_end,
    put_lines,
    put_presence,
    put_unlocks,
    unlock,
)

FAILED = unlock(100, car="car-1", cause=Cause.BOX_OFFLINE, total_s=20.0, booking_id="b")
"""It ends at second 120."""


@pytest.fixture(scope="module", params=["lines", pytest.param("packed", marks=pytest.mark.long)])
def made(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return a store in which more becomes known of an unlock, minute by minute."""
    directory = tmp_path_factory.mktemp(request.param)
    put_unlocks(directory, [unlock(1), FAILED, unlock(400, car="car-1", booking_id="b")])
    beliefs = {130.0: "no_coverage_garage", 300.0: "regional_carrier_outage"}
    diagnoses = (
        diagnosis_of(
            RankedMode(mode, 0.9),
            attempt_id=FAILED.attempt_id,
            vehicle_id="car-1",
            revision=revision,
            at=BEGIN_S + at_s,
        )
        for revision, (at_s, mode) in enumerate(beliefs.items(), start=1)
    )
    put_lines(directory, "diagnoses", map(msgspec.json.encode, diagnoses))
    opened: dict[str, Any] = {"opened_at": BEGIN_S + 150.0, "examples": (FAILED.attempt_id,)}
    ended = {**opened, "state": IncidentState.RESOLVED, "ended_at": BEGIN_S + 350.0}
    put_incidents(
        directory,
        [
            incident_of(**opened, at=BEGIN_S + 150.0),
            incident_of(**ended, at=BEGIN_S + 350.0, revision=2),
        ],
    )
    put_presence(directory, 320.0, "car-1", "online")
    put_lines(directory, "stray_answers", [opened_late(FAILED, 225.0)])
    put_booking_end(directory, 500.0, car="car-1", booking="b")
    if request.param == "packed":
        kept(directory)
    return directory


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """Return a copy of that store."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


def told(store: Path, second: float, **wanted: Any) -> tuple[dict[str, Any], str]:
    """Return what is told as of a second."""
    source = Source(store, as_of_s=BEGIN_S + second)
    case = look_up(source, UnlockQuery(**wanted or {"vehicle": "car-1"}), source.newest_s())
    return json_of(case, ENGLISH), text_of(case, ENGLISH)


@pytest.mark.parametrize(
    ("second", "mode", "incidents", "opened_later", "others"),
    [
        (125.0, None, [], False, 0),
        (140.0, "no_coverage_garage", [], False, 0),
        (200.0, "no_coverage_garage", ["open"], False, 0),
        (310.0, "regional_carrier_outage", ["open"], False, 0),
        (360.0, "regional_carrier_outage", ["resolved"], True, 0),
        (450.0, "regional_carrier_outage", ["resolved"], True, 1),
    ],
)
def test_it_is_told_as_it_was_known_then(
    store: Path,
    second: float,
    mode: str | None,
    incidents: list[str],
    opened_later: bool,  # noqa: FBT001 - a parameter of the test
    others: int,
) -> None:
    """Beliefs, incidents, late answers and later unlocks come as time goes on."""
    found, text = told(store, second)
    diagnosis = found["diagnosis"]
    assert (None if diagnosis is None else diagnosis["mode"]) == mode
    assert [one["state"] for one in found["incidents"]] == incidents
    assert found["opened_later"] is opened_later
    assert len(found["others"]) == others
    assert found["booking_ended_at"] is None
    assert found["is_as_of"]
    assert text.startswith("As of Thu 1 Jan 2026 00:0")
    assert "more may become known" not in text


def test_what_was_asked_for_and_has_not_ended_is_under_way(store: Path) -> None:
    """By the platform's log; but not of a request that is minutes old."""
    line = {"event": "requested", "at": BEGIN_S + 100.0, "request_id": "r", "operation": "unlock"}
    put_lines(store, "platform_events", [msgspec.json.encode(line | {"vehicle_id": "car-9"})])
    _, text = told(store, 110.0, vehicle="car-9")
    assert "It was asked to open at 00:01:40, and that is still under way." in text
    assert "under way" not in told(store, 200.0, vehicle="car-9")[1]


@pytest.mark.parametrize("written", [FAILED.attempt_id, FAILED.attempt_id.upper()])
def test_an_unlock_that_is_under_way_is_answered_for_as_its_car(store: Path, written: str) -> None:
    """Whoever has its id from later: it had begun by then."""
    line = {"event": "requested", "at": BEGIN_S + 100.0, "request_id": "r", "operation": "unlock"}
    line |= {"vehicle_id": "car-1", "trace_id": FAILED.trace_id}
    put_lines(store, "platform_events", [msgspec.json.encode(line)])
    found, text = told(store, 110.0, attempt=written)
    assert (found["vehicle_id"], found["attempt"]) == ("car-1", None)
    assert "It was asked to open at 00:01:40, and that is still under way." in text


def test_what_had_not_ended_was_not_known(store: Path) -> None:
    """Nothing is told of it: neither how it ends, nor that nobody had asked."""
    found, text = told(store, 110.0)
    assert found["attempt"] is None
    assert "None had ended by then. An unlock that was still under way is not shown." in text
    assert "No request to open it reached" not in text
    with pytest.raises(ConfigError, match="'attempt-100' was not known yet at that time"):
        told(store, 90.0, attempt=FAILED.attempt_id)
    with pytest.raises(ConfigError, match="No car 'car-x'"):
        told(store, 110.0, vehicle="car-x")


def test_all_views_end_there(store: Path) -> None:
    """Also those of questions and sums; the newest moment is the one that was asked about."""
    source = Source(store, as_of_s=BEGIN_S + 140.0)
    counts = source.read(
        lambda duck: duck.run(
            "SELECT (SELECT count(*) FROM attempts), (SELECT sum(unlocks) FROM attempt_sums),"
            " (SELECT count(*) FROM diagnoses), (SELECT count(*) FROM incidents),"
            " (SELECT count(*) FROM observations), (SELECT count(*) FROM platform_events)"
        )
    )
    assert counts[0] == (2, 2, 1, 0, 0, 0)
    assert source.newest_s() == BEGIN_S + 140.0
    assert source.recorded() == Span(BEGIN_S + 1.0, BEGIN_S + 140.0)
