"""What failures do to rentals, as it is counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import Attempt, PlatformSide, Source
from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.incident import Incident, IncidentKind
from platform_probe.outputs import rental_metrics
from platform_probe.outputs.rental_metrics import FOLLOWED_S, RentalMetrics
from tests.helpers.consoles import incident_of
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.records import COMPLAINT, attempt_of


@pytest.fixture
def rentals() -> RentalMetrics:
    """Return metrics in a registry of their own."""
    return RentalMetrics(CollectorRegistry())


def unlock(booking: str | None, at_s: float, cause: Cause | None = None, **changes: Any) -> Attempt:
    """Return a customer's unlock of a booking, that ends after 20 s."""
    made = attempt_of(cause=cause, source=Source.CUSTOMER, total_s=20.0)
    changed = {"booking_id": booking, "started_at": EPOCH_S + at_s, "outcome": outcome_of(cause)}
    return msgspec.structs.replace(made, **{**changed, **changes})


def call(booking: str, *attempts: str) -> Any:
    """Return a call to support about a booking."""
    return msgspec.structs.replace(COMPLAINT, booking_id=booking, attempts=attempts)


def incident(kind: IncidentKind = IncidentKind.FAILURES, **cohort: str) -> Incident:
    """Return an open incident of those who have this in common."""
    return incident_of(kind=kind, cohort=cohort)


def counted(rentals: RentalMetrics) -> dict[str, float]:
    """Return what is not 0: the name and the labels, without those that are no."""
    return {
        " ".join(
            [sample.name.removeprefix("unlockpath_").removesuffix("_total")]
            + [label for label, value in sorted(sample.labels.items()) if value == "yes"]
        ): sample.value
        for family in rentals.registry.collect()
        for sample in family.samples
        if sample.value
    }


def half_an_hour_later(rentals: RentalMetrics) -> dict[str, float]:
    """Return what is counted when another booking has begun, which is left out."""
    rentals.count(unlock("the clock", 10 * FOLLOWED_S))
    found = counted(rentals)
    found["rentals_begun"] -= 1
    return {name: value for name, value in found.items() if value}


def test_a_rental_begins_once(rentals: RentalMetrics) -> None:
    """With the first unlock that opens; what the customer unlocks on the way is none."""
    for at_s in (0, 60, 9_000):
        rentals.count(unlock("b1", at_s))
    rentals.count(unlock("b1", 9_100, Cause.BOX_OFFLINE))

    assert half_an_hour_later(rentals) == {"rentals_begun": 1}


def test_one_that_opens_later_has_lost_minutes(rentals: RentalMetrics) -> None:
    """From the first try to the open door."""
    rentals.count(unlock("b1", 0, Cause.BOX_OFFLINE))
    rentals.count(unlock("b1", 60, Cause.BOX_ASLEEP))
    rentals.count(unlock("b1", 280))
    assert counted(rentals) == {"rentals_begun after_failure": 1}

    assert half_an_hour_later(rentals) == {
        "rentals_begun after_failure": 1, "rentals_failed opened": 1, "rental_lost_seconds": 300,
    }  # fmt: skip


def test_one_that_never_opens_is_lost(rentals: RentalMetrics) -> None:
    """What it does after half an hour is no beginning any more."""
    rentals.count(unlock("b1", 0, Cause.BOX_OFFLINE))
    rentals.count(unlock("b1", 100, Cause.BOX_OFFLINE))
    rentals.count(unlock("b1", 2 * FOLLOWED_S))

    assert half_an_hour_later(rentals) == {"rentals_failed": 1, "rental_lost_seconds": 120}


def test_what_tells_nothing_of_a_rental_is_not_counted(rentals: RentalMetrics) -> None:
    """Unlocks of our own, without a booking, and those that the platform refused."""
    rentals.count(unlock("b1", 0, Cause.BOX_OFFLINE, source=Source.PROBE))
    rentals.count(unlock(None, 0, Cause.BOX_OFFLINE))
    rentals.count(unlock("b1", 0, Cause.API_REFUSED))

    assert half_an_hour_later(rentals) == {}


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        (("fail",), ""),
        (("fail", "call"), " called"),
        (("fail", "found"), " known"),
        (("found", "fail"), " known"),
        (("fail", "found", "call"), " called known"),
        (("found", "fail", "call"), " called known"),
        (("fail", "call", "found"), " called"),
        (("found", "over", "fail"), ""),
        (("fail", "found", "over"), " known"),
    ],
)
def test_it_is_told_who_knew_before_the_call(
    rentals: RentalMetrics, order: tuple[str, ...], ends: str
) -> None:
    """An incident that is found after the customer has called was not known before."""
    steps = {
        "fail": lambda: rentals.count(unlock("b1", 0, Cause.BOX_OFFLINE)),
        "call": lambda: rentals.count_call(call("b1", "a1")),
        "found": lambda: rentals.note_incidents([incident(region="centre")]),
        "over": lambda: rentals.note_incidents([]),
    }
    for step in order:
        steps[step]()

    assert f"rentals_failed{ends}" in half_an_hour_later(rentals)


@pytest.mark.parametrize(
    ("found", "is_known"),
    [
        (incident(), True),
        (incident(region="centre", firmware="2.4.1"), True),
        (incident(region="north"), False),
        (incident(api_release="1.2.0"), True),
        (incident(api_release="9"), False),
        (incident(weather="rain"), False),
        (incident(IncidentKind.SUSPICIOUS), False),
        (incident(IncidentKind.MONITOR_BLIND), False),
    ],
)
def test_an_incident_covers_its_cohort(
    rentals: RentalMetrics, found: Incident, *, is_known: bool
) -> None:
    """Whoever shares all that those hit have in common, and knows of unlocks at all."""
    rentals.note_incidents([found])
    side = PlatformSide(api_release="1.2.0")
    rentals.count(unlock("b1", 0, Cause.BOX_OFFLINE, platform=side))

    assert ("rentals_failed known" in half_an_hour_later(rentals)) is is_known


def test_calls_are_counted(rentals: RentalMetrics) -> None:
    """Also those before which nothing was seen."""
    rentals.count_call(call("b1", "a1"))
    rentals.count_call(call("b2"))

    assert counted(rentals) == {"support_calls unlock_seen": 1, "support_calls": 1}


def test_memory_is_bounded(rentals: RentalMetrics, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is counted as it stands."""
    monkeypatch.setattr(rental_metrics, "MAX_TROUBLED", 2)
    monkeypatch.setattr(rental_metrics, "MAX_BEGUN", 2)
    for number in range(5):
        rentals.count(unlock(f"b{number}", number, Cause.BOX_OFFLINE))

    assert counted(rentals)["rentals_failed"] == 3
    assert len(rentals._has_begun) == 2
