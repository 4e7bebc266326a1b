"""Cases of a score, as a test makes them."""

from __future__ import annotations

from bench.score.cases import LabelledCase, TimedDiagnosis
from fleet_wire.modes.facts import EvidenceSource

CAN, KEY = "can_bus_asleep_no_ack", "key_overrides_app"


def case_of(
    label: str, *named: tuple[str, float], incident: str = "one", cause: str = "vehicle_failed"
) -> LabelledCase:
    """Return a case in which these were named, in this order, at both moments."""
    said = TimedDiagnosis(
        after_s=20.0, cause=cause, modes=named, facts=(), told=tuple(EvidenceSource)
    )
    return LabelledCase(
        incident=incident,
        seed=1,
        loss="nothing",
        labels=tuple(label.split("+")),
        attempt_id="a",
        outcome="failed",
        cause=cause,
        furthest="published",
        deviates="box_received",
        first=said,
        last=said,
    )
