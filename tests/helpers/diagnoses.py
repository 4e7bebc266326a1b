"""Diagnoses for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.diagnosis import Diagnosis, FactSeen, RankedMode
from fleet_wire.modes.facts import EvidenceSource, Fact
from tests.helpers.stores import put_lines, put_unlocks


def put_believed(directory: Path, unlocks: Sequence[Attempt], mode: str, *facts: Fact) -> None:
    """Let a store have unlocks that are surely believed to be of a mode, and what was seen."""
    put_unlocks(directory, unlocks)
    believed = [
        diagnosis_of(
            RankedMode(mode, 0.95),
            attempt_id=unlock.attempt_id,
            vehicle_id=unlock.vehicle_id,
            facts=tuple(FactSeen(fact, "so it was") for fact in facts),
        )
        for unlock in unlocks
    ]
    put_lines(directory, "diagnoses", map(msgspec.json.encode, believed))


def diagnosis_of(*modes: RankedMode, **changes: Any) -> Diagnosis:
    """Return a diagnosis with these modes, of a customer's unlock that is not known to be open."""
    made: dict[str, Any] = {
        "attempt_id": "a1",
        "vehicle_id": "car-1",
        "source": Source.CUSTOMER,
        "revision": 1,
        "at": 1_790_000_020.0,
        "after_s": 20.0,
        "outcome": Outcome.UNKNOWN,
        "cause": Cause.RESULT_LOST,
        "modes": modes,
        "facts": (),
        "told": tuple(EvidenceSource),
    }
    return Diagnosis(**made | changes)
