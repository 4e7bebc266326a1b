"""Diagnoses for tests."""

from __future__ import annotations

from typing import Any

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.diagnosis import Diagnosis, RankedMode
from fleet_wire.modes.facts import Told


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
        "told": tuple(Told),
    }
    return Diagnosis(**made | changes)
