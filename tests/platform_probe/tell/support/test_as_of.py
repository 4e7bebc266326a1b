"""What was known at a moment, and nothing of what came later."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from platform_probe.store.reading import Source, Span
from tests.helpers.consoles import incident_of, put_incidents
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.stores import (
    BEGIN_S,
    put_booking_end,
    put_lines,
    put_presence,
    put_unlocks,
    unlock,
)


def test_all_views_end_there(tmp_path: Path) -> None:
    """Also those of questions and sums; the newest moment is the one that was asked about."""
    failed = unlock(100, cause=Cause.BOX_OFFLINE, total_s=20.0)
    put_unlocks(tmp_path, [unlock(1), failed, unlock(400)])
    beliefs = [
        diagnosis_of(RankedMode("dns_failure", 0.9), revision=revision, at=BEGIN_S + at_s)
        for revision, at_s in ((1, 130.0), (2, 300.0))
    ]
    put_lines(tmp_path, "diagnoses", map(msgspec.json.encode, beliefs))
    put_incidents(tmp_path, [incident_of(at=BEGIN_S + 150.0)])
    put_presence(tmp_path, 320.0, "car-1", "online")
    put_booking_end(tmp_path, 500.0, car="car-1", booking="b")
    source = Source(tmp_path, as_of_s=BEGIN_S + 140.0)
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
