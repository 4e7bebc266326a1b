"""Modes that look alike for a while, and what is physically different about them."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG
from fleet_wire.contract.messages import (
    CarEvent,
    EventName,
    Telemetry,
    VehicleState,
)
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.path import never_ends_so
from platform_probe.judge.diagnosis.ranking import SURE
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.watched import HEARTBEAT, ONLINE, SENT, WILL, Watched

STATE = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.6, firmware="1", hardware="1",
    operator="a", region="north", technology="umts",
)  # fmt: skip
ALL_TOLD = frozenset(EvidenceSource)
MOST = 0.5
HARDLY = 0.1


def probability(mode: str, *facts: Fact) -> float:
    """Return how likely a mode is where these facts were seen, and every source was there."""
    ranked = shipped_ranking().rank(dict.fromkeys(facts, "it was seen"), ALL_TOLD)
    return next((one.probability for one in ranked if one.mode == mode), 0.0)


def town(watched: Watched) -> list[str]:
    """Let car-1 and ten more of one operator, region and technology connect; return the ten."""
    others = [f"car-{number}" for number in range(2, 12)]
    for each in ("car-1", *others):
        watched.at(1.0).presence(each, ONLINE, retained=True)
        watched.diagnosing.state(each, STATE, retained=True)
    return others


def test_a_platform_that_wakes_a_car_does_not_take_it_for_awake() -> None:
    """A wake request before the command rules a stale cache out."""
    silent = (Fact.NOT_DELIVERED, Fact.WAS_ASLEEP, Fact.FAILS_AGAIN, Fact.SOME_FAIL)
    assert probability("stale_online_cache", *silent, Fact.NOT_WOKEN) > MOST
    assert probability("stale_online_cache", *silent, Fact.WOKEN, Fact.WOKEN_AS_USUAL) < HARDLY


def test_a_network_that_was_switched_off_takes_one_technology() -> None:
    """Cars that stay away while others with such modems are there are without reception."""
    away = (
        Fact.NOT_DELIVERED, Fact.WAS_ONLINE, Fact.WILL_AFTER, Fact.KEEPALIVE_EXCEEDED,
        Fact.STILL_AWAY, Fact.FAILS_AGAIN, Fact.SOME_FAIL, Fact.WILLS_IN_A_WAVE,
        Fact.OTHERS_THERE_HEARD,
    )  # fmt: skip
    assert probability("network_sunset", *away, Fact.TECHNOLOGY_AWAY) > MOST
    assert probability("network_sunset", *away, Fact.TECHNOLOGY_WELL) < HARDLY


def test_an_operators_outage_ends_for_all_at_once() -> None:
    """Connections that died in a NAT are noticed one by one."""
    back = (
        Fact.NOT_DELIVERED, Fact.WAS_ONLINE, Fact.OPERATOR_FAILS, Fact.SOME_FAIL,
        Fact.BACK_IN_MINUTES, Fact.BACK_WITHOUT_WILL, Fact.NOTHING_AFTER_RETURN,
        Fact.BACK_WITHOUT_BOOT, Fact.REPLACED, Fact.REGION_FAILS, Fact.NONE_THERE_HEARD,
        Fact.MANY_CAME_BACK,
    )  # fmt: skip
    outage = probability("regional_carrier_outage", *back)
    assert outage > probability("half_open_tcp_nat", *back)
    assert outage > MOST / 2
    assert probability("regional_carrier_outage", *back, Fact.BACK_AFTER_OTHERS) < HARDLY


def test_who_calls_support_about_an_unlock_that_went_well_has_a_reason() -> None:
    """Else it would likely be one that only looks odd."""
    odd = (Fact.WENT_WELL, Fact.RELOCKED, Fact.WAS_ONLINE, Fact.OPENED_AGAIN)
    only_odd = probability(NOTHING_WRONG, *odd)
    assert only_odd > MOST / 2
    assert probability(NOTHING_WRONG, *odd, Fact.SUPPORT_CALLED) < only_odd / 4


def test_two_presses_of_one_fault_are_told_alike() -> None:
    """The surer one counts for both: its battery fell, and its will came between them."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for second, volts in ((205, 12.6), (210, 12.4), (215, 12.1)):
        watched.at(float(second)).telemetry("car-1", Telemetry(-80.0, volts, 1.0))
    watched.diagnosing.event("car-1", CarEvent(EventName.LOW_VOLTAGE))
    watched.at(236.0)
    first = watched.ended(Cause.BOX_SILENT, stages=SENT, attempt_id="first", source=Source.CUSTOMER)
    watched.diagnosing.handle_record(first)
    watched.at(260.0).presence("car-1", WILL, retained=False)
    watched.at(285.0)
    later = watched.ended(
        Cause.BOX_OFFLINE, stages=SENT, attempt_id="later", source=Source.CUSTOMER
    )
    watched.diagnosing.handle_record(later)
    watched.at(290.0)
    last = {one.attempt_id: one for one in watched.told}
    assert last["first"].facts != last["later"].facts
    alone = [
        shipped_ranking().rank(
            {Fact(fact.fact): fact.sentence for fact in one.facts},
            frozenset(map(EvidenceSource, one.told)),
        )[0]
        for one in last.values()
    ]
    surest = max(alone, key=lambda first: first.probability)
    assert surest.probability >= SURE
    assert alone[0].probability != alone[1].probability
    for one in last.values():
        assert one.first.mode == surest.mode
        assert one.first.probability >= SURE
    for settles_s in (600.0, 820.0, 880.0):  # the first one before the later one
        watched.at(settles_s)
    last = {one.attempt_id: one for one in watched.told}
    assert last["later"].first.mode == last["first"].first.mode


def test_who_is_not_sure_says_nothing_of_others() -> None:
    """Nor does a mode that was seen to be impossible for the other one."""
    ranking = shipped_ranking()
    seen = dict.fromkeys((Fact.NOT_DELIVERED, Fact.WAS_ONLINE), "it was seen")
    alone = ranking.rank(seen, ALL_TOLD)
    unsure = ranking.scores((Fact.NOT_DELIVERED, Fact.WAS_OFFLINE), ALL_TOLD)
    assert ranking.rank(seen, ALL_TOLD, [unsure]) == alone
    back = (Fact.WILL_BEFORE, Fact.WAS_OFFLINE, Fact.BACK_SOON, Fact.NOTHING_AFTER_RETURN)
    full = (Fact.NOT_DELIVERED, Fact.DROPPED_AT_BROKER, *back)
    dropped = ranking.scores(full, ALL_TOLD)
    assert ranking.rank(seen, ALL_TOLD, [dropped])[0].mode == "queue_full_drop"
    late = {**seen, Fact.CONFIRMED_LATE: "it was seen"}
    assert ranking.rank(late, ALL_TOLD, [dropped])[0].mode != "queue_full_drop"


@pytest.mark.parametrize(
    "changes",
    [{"cause": Cause.API_FAILED}, {"cause": Cause.BOX_OFFLINE, "is_after": "success"}],
)
def test_what_failed_otherwise_is_no_evidence(changes: dict[str, object]) -> None:
    """Another kind of failure, or an unlock that went well between, parts two presses."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.at(21.0)
    watched.diagnosing.handle_record(
        watched.ended(Cause.BOX_SILENT, stages=SENT, attempt_id="first")
    )
    if "is_after" in changes:
        watched.at(60.0)
        watched.diagnosing.handle_record(watched.ended(None, stages=SENT, attempt_id="well"))
    cause = changes["cause"]
    assert isinstance(cause, Cause)
    watched.at(100.0)
    later = watched.ended(cause, stages=SENT, attempt_id="later", source=Source.CUSTOMER)
    watched.diagnosing.handle_record(later)
    told = watched.told[-1]
    alone = shipped_ranking().rank(
        {Fact(one.fact): one.sentence for one in told.facts},
        frozenset(map(EvidenceSource, told.told)),
        excluded=never_ends_so(cause),
    )
    assert told.attempt_id == "later"
    assert told.modes == alone


@pytest.mark.parametrize(
    ("others", "is_taken_over"), [(Fact.FEW_AWAY, True), (Fact.MANY_AWAY, False)]
)
def test_no_name_is_taken_over_in_a_third_of_a_fleet_at_once(
    others: Fact, *, is_taken_over: bool
) -> None:
    """A proxy that closes every connection after two seconds gave no box a second one."""
    seen = (
        Fact.STATE_WITHOUT_RESULT, Fact.WAS_OFFLINE, Fact.WILL_BEFORE, Fact.FLAPPED,
        Fact.BACK_SOON, Fact.BACK_AFTER_WILL, Fact.BACK_WITHOUT_BOOT, Fact.MANY_CAME_BACK,
    )  # fmt: skip
    told = ALL_TOLD - {
        EvidenceSource.BROKER_LOG,
        EvidenceSource.PLATFORM,
        EvidenceSource.COMMAND_END,
    }
    ranked = shipped_ranking().rank(dict.fromkeys((*seen, others), "it was seen"), told)
    likely = {one.mode: one.probability for one in ranked}
    assert (likely.get("client_id_takeover", 0.0) > 0.6) is is_taken_over


EXPIRED = BrokerEvent(
    0.0, None, BrokerEventKind.TLS_ERROR, "error:0A000415:SSL routines::ssl/tls alert certificate"
    " expired",
)  # fmt: skip
EARLY = EXPIRED._replace(detail="error:0A000412:SSL routines::ssl/tls alert bad certificate")


def lost_with(broker_says: BrokerEventKind, *failed: BrokerEvent) -> Watched:
    """Let car-1 be lost in one way or another, handshakes of somebody fail, and an unlock of it."""
    watched = Watched()
    town(watched)
    watched.at(2.0).telemetry("car-1", HEARTBEAT)
    watched.at(10.0).broker_said(BrokerEvent(0.0, "car-1", broker_says))
    watched.diagnosing.presence("car-1", WILL, retained=False)
    for each in failed:
        watched.at(20.0).broker_said(each)
    watched.at(60.0)
    watched.diagnosing.handle_record(watched.ended(Cause.BOX_OFFLINE, stages=SENT))
    return watched


def test_a_certificate_that_has_expired_is_over_for_no_box_in_1970() -> None:
    """Who was lost by it has lost its connection, and not the time; who fell silent neither."""
    closed = lost_with(BrokerEventKind.CLOSED, EXPIRED)
    assert {"tls_failed", "tls_expired"} <= closed.facts()
    assert closed.told[-1].first.mode == "tls_cert_expired"
    silent = lost_with(BrokerEventKind.TIMED_OUT, EXPIRED)
    assert not {"tls_failed", "tls_expired"} & silent.facts()
    assert "tls" not in silent.told[-1].first.mode
    early = lost_with(BrokerEventKind.TIMED_OUT, EXPIRED, EARLY)
    assert "tls_expired" not in early.facts()
    assert early.told[-1].first.mode == "tls_not_yet_valid_clock1970"


def test_a_box_that_has_given_up_is_back_by_a_boot_and_has_not_lost_the_time() -> None:
    """It tries again then (chirpstack-gateway-bridge#210): its certificate had expired."""
    watched = lost_with(BrokerEventKind.CLOSED, EXPIRED)
    watched.at(300.0).event("car-1", CarEvent(EventName.BOOT, boots=2))
    watched.diagnosing.presence("car-1", ONLINE, retained=False)
    watched.at(320.0)
    assert "booted_after" in watched.facts()
    assert watched.told[-1].first.mode == "tls_cert_expired"


def test_a_handshake_that_failed_was_of_no_box_that_had_power_all_the_time() -> None:
    """It fell silent, and is back without a boot: others have lost the time."""
    watched = lost_with(BrokerEventKind.TIMED_OUT, EARLY)
    assert "tls_failed" in watched.facts()
    watched.at(120.0).presence("car-1", ONLINE, retained=False)
    watched.at(180.0)
    assert "back_without_boot" in watched.facts()
    assert "tls_failed" not in watched.facts()
