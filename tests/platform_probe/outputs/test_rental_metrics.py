"""How much is remembered of rentals; `counts.txt` says what is counted of them."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause
from platform_probe.outputs import rental_metrics
from platform_probe.outputs.rental_metrics import RentalMetrics
from tests.helpers.records import attempt_of


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is counted as it stands."""
    monkeypatch.setattr(rental_metrics, "MAX_TROUBLED", 2)
    monkeypatch.setattr(rental_metrics, "MAX_BEGUN", 2)
    rentals = RentalMetrics(CollectorRegistry())
    failed = attempt_of(cause=Cause.BOX_OFFLINE, source=Source.CUSTOMER)
    for number in range(5):
        rentals.count(msgspec.structs.replace(failed, booking_id=f"b{number}"))
    labels = {"opened": "no", "known": "no", "called": "no"}
    value = rentals.registry.get_sample_value
    assert value("unlockpath_rentals_failed_total", labels) == 3
    assert len(rentals._has_begun) == 2
