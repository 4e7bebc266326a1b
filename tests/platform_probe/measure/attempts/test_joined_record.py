"""The record of an unlock by what MQTT and the platform's log tell, made by hand of both."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from fleet_wire.contract import attempt as contract
from fleet_wire.contract.attempt import UNREAD, Flag, Origin, Source, Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Phase
from fleet_wire.profiles.profile import WireTraits
from platform_probe.cars.state import UNKNOWN_LABELS
from platform_probe.measure.attempts.ended_attempt import EndedAttempt, Judgement
from platform_probe.measure.attempts.joined_record import (
    Clocks,
    attempt_id_of,
    joined_record,
    record_of_mqtt,
)
from platform_probe.measure.attempts.platform_side import PlatformSide
from platform_probe.measure.attempts.start import Start
from tests.helpers.records import TRACE_ID
from tests.helpers.tracker_bench import CAR

SEEN_S = 100.0
CLOCKS = Clocks(
    offset_s=-1_000.0, uncertainty_s=None, unix_offset_s=-1_000.0, load_began_s=SEEN_S - 10.0
)
FIRST = Judgement("", 1)
ASKED = contract.PlatformSide(method="POST", endpoint="/open", status=202)
WITHOUT_RECEIPTS = WireTraits(phases=frozenset({Phase.EXECUTED, Phase.REFUSED}))


def ended(
    reached: dict[Stage, float], source: Source = Source.CUSTOMER, **changes: Any
) -> EndedAttempt:
    """Return an attempt that began when it was seen, and reached stages so long after that."""
    start = Start(
        attempt_id="a1",
        command_id="k1",
        vehicle_id=CAR,
        trace_id=TRACE_ID,
        source=source,
        intended_s=SEEN_S,
        through_api=source is Source.PROBE,
    )
    reached_s = {Stage.INTENDED: SEEN_S, Stage.REQUESTED: SEEN_S}
    reached_s |= {stage: SEEN_S + after_s for stage, after_s in reached.items()}
    attempt = EndedAttempt(
        start,
        reached_s,
        started_at=SEEN_S + 1_000.0,
        scheduled_s=10.0,
        ended_s=max(reached_s.values()),
        cause=None,
        reason=None,
        flags=(),
        evidence={},
        result=None,
        asked=ASKED if source is Source.PROBE else UNSET,
        build=UNKNOWN_LABELS,
    )
    return msgspec.structs.replace(attempt, **changes)


def side(**after_s: Any) -> PlatformSide:
    """Return what the log says; times are seconds after the command was seen."""
    times = {
        name: at + SEEN_S + 1_000.0
        for name, at in after_s.items()
        if name.endswith("_at") and isinstance(at, float)
    }
    return PlatformSide(request_ids=("r1",), trace_id=TRACE_ID, **{**after_s, **times})


def test_our_own_unlock_through_an_api_begins_when_we_meant_it_to() -> None:
    """Its request and its answer we timed ourselves; what the platform's clock has before is 0."""
    attempt = ended({Stage.API_ANSWERED: 0.3, Stage.STATE_CHANGED: 1.0}, Source.PROBE)
    record = joined_record(
        attempt,
        side(requested_at=-0.5, answered_at=0.25, published_at=-0.1, accepted_at=0.2),
        CLOCKS,
        name=FIRST,
    )
    assert record.stages == {
        "intended": 0.0, "requested": 0.0, "api_answered": 0.3, "published": 0.0,
        "broker_accepted": 0.2, "state_changed": 1.0,
    }  # fmt: skip
    assert (record.started_at, record.scheduled_s) == (SEEN_S + 1_000.0, 10.0)


def test_an_answer_that_we_did_not_wait_for_is_when_the_platform_gave_it() -> None:
    """The door had opened before."""
    attempt = ended({Stage.STATE_CHANGED: 1.0}, Source.PROBE)
    record = joined_record(attempt, side(answered_at=0.25), CLOCKS, name=FIRST)
    assert record.stages["api_answered"] == 0.25
    assert record.platform
    assert record.platform.hops_across == ("api_answered", "state_changed")


@pytest.mark.parametrize(
    ("told", "method", "endpoint", "status"),
    [
        ({}, "POST", "/open", 202),
        ({"method": "PUT", "endpoint": "/v2/open", "status": 200}, "PUT", "/v2/open", 200),
    ],
)
def test_what_we_asked_stands_where_the_log_does_not_say_it(
    told: dict[str, Any], method: str, endpoint: str, status: int
) -> None:
    """The log's own word comes first; all else is the log's."""
    attempt = ended({Stage.STATE_CHANGED: 1.0}, Source.PROBE)
    record = joined_record(
        attempt, side(published_at=0.1, account_id="anna", **told), CLOCKS, name=FIRST
    )
    assert record.platform
    assert (record.platform.method, record.platform.endpoint) == (method, endpoint)
    assert (record.platform.status, record.platform.account_id) == (status, "anna")


def test_our_own_request_that_led_to_nothing_waited_for_its_answer() -> None:
    """By either way of making the record."""
    attempt = ended({}, Source.PROBE, ended_s=SEEN_S + 20.0, cause=Cause.API_FAILED)
    for record in (
        joined_record(attempt, side(requested_at=0.1), CLOCKS, name=FIRST),
        record_of_mqtt(attempt, name=FIRST),
    ):
        assert record.hops_s == {"requested": 0.0, "api_answered": 20.0}


@pytest.mark.parametrize(
    ("reason", "cause"), [(UNREAD, None), ("it said otherwise", Cause.UNCLASSIFIED)]
)
def test_what_could_not_be_read_on_mqtt_ends_as_the_platform_says(
    reason: str, cause: Cause | None
) -> None:
    """It has read the answer."""
    attempt = ended({}, cause=Cause.UNCLASSIFIED, reason=reason, ended_s=SEEN_S + 20.0)
    told = side(ended_at=3.0, outcome="executed")
    assert joined_record(attempt, told, CLOCKS, name=FIRST).cause is cause


def test_boxes_without_receipts_are_waited_for_until_their_result() -> None:
    """As the wire says, joined or not."""
    attempt = ended({Stage.BROKER_ACCEPTED: 0.5}, ended_s=SEEN_S + 20.0, cause=Cause.UNCLASSIFIED)
    for record in (
        joined_record(attempt, side(requested_at=0.0), CLOCKS, name=FIRST, wire=WITHOUT_RECEIPTS),
        record_of_mqtt(attempt, name=FIRST, wire=WITHOUT_RECEIPTS),
    ):
        assert record.hops_s["result_received"] == 19.5


def test_what_mqtt_alone_told_keeps_its_flags_and_what_we_asked() -> None:
    """And says that the platform's log is missing."""
    attempt = ended({Stage.STATE_CHANGED: 1.0}, Source.PROBE, flags=(Flag.DUPLICATE,))
    record = record_of_mqtt(attempt, name=FIRST)
    assert (record.flags, record.platform) == ((Flag.DUPLICATE,), ASKED)
    assert record.sources_missing == (Origin.PLATFORM,)


def test_all_that_the_log_tells_stands_in_the_record() -> None:
    """With the car that was asked for only where the command went to another one."""
    attempt = ended({Stage.STATE_CHANGED: 1.0})
    told = side(
        requested_at=-0.5, answered_at=0.2, published_at=0.0, woken_at=-0.25, ended_at=1.5,
        sent_at=(0.0, 1.0), status=202, endpoint="/open", method="POST", app_version="5.1",
        api_release="2026.11", account_id="anna", vehicle_id="another", outcome="executed",
        distance_m=40.0, position=(48.1, 11.6),
    )  # fmt: skip
    record = joined_record(attempt, told, CLOCKS, name=FIRST)
    assert record.flags == (Flag.WOKEN,)
    assert record.platform == contract.PlatformSide(
        requests=1, sent_again=1, status=202, endpoint="/open", method="POST", app_version="5.1",
        api_release="2026.11", account_id="anna", vehicle_id="another", distance_m=40.0,
        position=(48.1, 11.6), woken_s=0.25, ended_s=2.0, outcome="executed", clock_ahead_s=0.0,
        hops_across=("state_changed",),
    )  # fmt: skip


def test_a_request_has_the_same_id_wherever_it_is_read() -> None:
    """And another one than the next: like all ids of attempts 32 digits."""
    one, other = PlatformSide(request_ids=("r1",)), PlatformSide(request_ids=("r2",))
    assert attempt_id_of(one) == attempt_id_of(PlatformSide(request_ids=("r1", "r2")))
    assert attempt_id_of(one) != attempt_id_of(other)
    assert len(attempt_id_of(one)) == 32
