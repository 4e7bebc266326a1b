"""What an unlock cannot have failed of, as it was nowhere near: told by the way that it took."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import PlatformSide, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import UNKNOWN
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.path import not_on_its_way
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.records import attempt_of
from tests.helpers.watched import ONLINE, SENT, Watched

OF_THE_PLATFORM = {
    "phone_side", "app_gateway_outage", "planned_maintenance_window", "booking_window_race",
    "shared_sub_stuck_consumer", "stuck_in_progress", "ghost_gps", "impossible_travel",
}  # fmt: skip
OF_ANYBODY = {"ack_lost_executed", "ttl_too_long_rejected", "attack_replay", "acl_denied_silent"}


def named_of(cause: Cause, *, source: Source, api: bool = False) -> dict[str, float]:
    """Return what is said of the tenth of so many unlocks of ten cars, none of which opened."""
    watched = Watched()
    for number in range(10):
        car = f"car-{number}"
        watched.at(1.0).presence(car, ONLINE, retained=False)
    watched.at(100.0)
    for number in range(10):
        failed = watched.ended(
            cause,
            source=source,
            stages=SENT,
            vehicle_id=f"car-{number}",
            attempt_id=f"a{number}",
            **({"platform": PlatformSide(method="POST")} if api else {}),
        )
        watched.diagnosing.handle_record(failed)
    return {one.mode: one.probability for one in watched.told[-1].modes}


def test_an_unlock_of_our_own_that_never_came_to_a_car_fits_no_mode_of_one() -> None:
    """Nor one of the platform. Where an impossible mode explains best what was seen none does."""
    own = named_of(Cause.BROKER_UNREACHABLE, source=Source.PROBE)
    assert next(iter(own)) == UNKNOWN
    assert own[UNKNOWN] > 0.9
    of_brokers = {mode for mode in MODES if Cause.BROKER_UNREACHABLE in MODES[mode].causes}
    assert own.keys() & MODES.keys() <= of_brokers
    customers = named_of(Cause.NOT_PUBLISHED, source=Source.CUSTOMER)
    assert next(iter(customers)) in OF_THE_PLATFORM
    own = named_of(Cause.NOT_PUBLISHED, source=Source.PROBE)
    assert next(iter(own)) == UNKNOWN
    assert OF_THE_PLATFORM.isdisjoint(own)
    by_api = named_of(Cause.NOT_PUBLISHED, source=Source.PROBE, api=True)
    assert not OF_THE_PLATFORM.isdisjoint(by_api), "through a door it takes the way of a phone"


@pytest.mark.parametrize("cause", [*Cause])
def test_no_mode_is_named_of_which_no_unlock_ends_so(cause: Cause) -> None:
    """How an unlock ended was measured; what it is told to have failed of must fit."""
    for mode in named_of(cause, source=Source.CUSTOMER).keys() & MODES.keys():
        assert cause in MODES[mode].causes, mode


@pytest.mark.parametrize("cause", [None, Cause.BOX_SILENT, Cause.RESULT_LOST])
def test_what_lies_before_the_broker_is_not_on_the_way_of_our_own(cause: Cause | None) -> None:
    """What the box, the broker or the network does is."""
    impossible = not_on_its_way(attempt_of(cause=cause))
    assert impossible >= OF_THE_PLATFORM
    assert impossible.isdisjoint(OF_ANYBODY)
    assert not not_on_its_way(attempt_of(cause=cause, source=Source.CUSTOMER))


@pytest.mark.parametrize("cause", [Cause.BROKER_UNREACHABLE, Cause.NOT_PUBLISHED])
def test_what_never_came_to_the_broker_failed_of_no_car(cause: Cause) -> None:
    """Of one that nobody reaches it may have."""
    possible = MODES.keys() - not_on_its_way(attempt_of(cause=cause))
    assert possible == {"broker_auth_backend_down", "reconnect_storm", "tls_cert_expired"}


def test_others_of_its_car_name_nothing_that_is_impossible() -> None:
    """A customer may have failed of the app a moment before, and we did not."""
    ranking = shipped_ranking()
    seen = dict.fromkeys((Fact.NOTHING_PUBLISHED, Fact.MANY_FAIL, Fact.SAID_MAINTENANCE), "so")
    first = ranking.rank(seen, frozenset(EvidenceSource))[0].mode
    assert first == "planned_maintenance_window"
    without = ranking.scores((*seen,), frozenset(EvidenceSource), frozenset({first}))
    ranked = ranking.rank(seen, frozenset(EvidenceSource), [without], impossible=frozenset({first}))
    assert ranked[0].mode == UNKNOWN
    assert first not in {one.mode for one in ranked}
