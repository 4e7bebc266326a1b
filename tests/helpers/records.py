"""Records as the tracker makes them, and a sink that keeps what it gets."""

from __future__ import annotations

from fleet_wire.contract.attempt import (
    Attempt,
    Complaint,
    Flag,
    Record,
    Source,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Cause, outcome_of
from tests.helpers.fake_clock import EPOCH_S

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
STRAY = StrayAnswer(
    kind=StrayKind.ORPHAN, vehicle_id="car-1", command_id="c9", phase="executed", at=1.0
)
COMPLAINT = Complaint(
    complaint_id="t1", at=1.0, scheduled_s=1.0, vehicle_id="car-1", shown="No connection"
)


def attempt_of(
    *,
    cause: Cause | None = None,
    source: Source = Source.PROBE,
    total_s: float = 2.5,
    region: str | None = "centre",
    firmware: str | None = "2.4.1",
    flags: tuple[Flag, ...] = (),
) -> Attempt:
    """Return an ended attempt."""
    return Attempt(
        attempt_id="a1",
        command_id="c1",
        vehicle_id="car-1",
        trace_id=TRACE_ID,
        source=source,
        started_at=EPOCH_S,
        scheduled_s=0.0,
        outcome=outcome_of(cause),
        cause=cause,
        total_s=total_s,
        stages={"intended": 0.0, "requested": 0.5, "published": total_s},
        hops_s={"requested": 0.5, "published": total_s - 0.5},
        flags=flags,
        region=region,
        firmware=firmware,
    )


class ListSink:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def emit(self, record: Record) -> None:
        """Keep the record."""
        self.records.append(record)
