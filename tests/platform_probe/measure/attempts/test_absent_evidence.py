"""Fleets that do not have every message: what they do not send accuses nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet_wire.contract.attempt import Attempt, Stage
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Phase, PresenceReason, Reason, Result
from fleet_wire.contract.partial import PartialState, PartialTelemetry, ProvisionalResult
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.profile import CONTRACT, WireTraits
from platform_probe.cars.state import BoxPresence
from platform_probe.measure.attempts.evidence import FleetEvidence
from tests.helpers.tracker_bench import CAR, DEADLINE_S, TrackerBench, check_arithmetic

TWO_TOPICS = WireTraits(
    kinds=frozenset({TopicKind.COMMAND, TopicKind.RESULT}),
    phases=frozenset({Phase.EXECUTED, Phase.REFUSED}),
    reports_lock=False,
    names_last_command=False,
    retains_presence=False,
)
"""Commands and final answers, and nothing else."""
PARTS = replace(CONTRACT, names_last_command=False)
"""States that name no command, and come in parts."""
NO_RECEIPT = replace(CONTRACT, phases=TWO_TOPICS.phases)
"""Boxes that do not confirm."""


def bench_of(wire: WireTraits, *, is_watching: bool = False) -> TrackerBench:
    """Return a tracker of a fleet that has these messages."""
    return TrackerBench(evidence=FleetEvidence(wire=wire), is_watching=is_watching)


def ended(bench: TrackerBench) -> Attempt:
    """Return the one attempt, whose times add up."""
    attempt = bench.only()
    check_arithmetic(attempt)
    return attempt


def test_two_topics_give_times_and_a_good_end() -> None:
    """The unlock is over with the answer: nobody waits for a state that no car sends."""
    bench = bench_of(TWO_TOPICS)
    bench.send()
    bench.wait(2.0)
    bench.executed()
    attempt = ended(bench)
    assert attempt.outcome is Outcome.OK
    assert attempt.total_s == pytest.approx(2.0)
    assert [*attempt.stages] == [
        Stage.INTENDED,
        Stage.REQUESTED,
        Stage.PUBLISHED,
        Stage.BROKER_ACCEPTED,
        Stage.RESULT_RECEIVED,
    ]
    assert attempt.hops_s["result_received"] == pytest.approx(2.0)


def test_two_topics_give_the_refusal_in_the_boxs_own_words() -> None:
    """A status that is no success is a failure, and what it said is kept."""
    bench = bench_of(TWO_TOPICS)
    bench.send()
    answer = Result("c1", Phase.REFUSED, Reason.FAILED, detail="E_DOOR_17")
    bench.tracker.result(CAR, answer)
    attempt = ended(bench)
    assert (attempt.outcome, attempt.cause) == (Outcome.FAILED, Cause.VEHICLE_FAILED)
    assert attempt.reason == "failed: E_DOOR_17"


@pytest.mark.parametrize("is_watching", [False, True])
def test_two_topics_accuse_nobody_of_silence(*, is_watching: bool) -> None:
    """Without an answer nobody knows why: neither the network nor the box has said anything."""
    bench = bench_of(TWO_TOPICS, is_watching=is_watching)
    bench.send()
    bench.wait(DEADLINE_S)
    attempt = ended(bench)
    assert (attempt.outcome, attempt.cause) == (Outcome.UNKNOWN, Cause.UNCLASSIFIED)
    assert attempt.hops_s["result_received"] == pytest.approx(DEADLINE_S)
    assert Stage.BOX_RECEIVED.value not in attempt.hops_s


def test_a_box_that_reports_may_have_what_it_does_not_confirm() -> None:
    """Heartbeats go on: with a receipt in the fleet the downlink is lost, without nobody knows."""
    for wire, cause in ((CONTRACT, Cause.DOWNLINK_LOST), (NO_RECEIPT, Cause.UNCLASSIFIED)):
        bench = bench_of(wire)
        bench.presence()
        bench.send()
        bench.wait(10.0)
        bench.tracker.telemetry(CAR, PartialTelemetry())
        bench.wait(DEADLINE_S)
        assert ended(bench).cause is cause


def test_presence_still_says_what_it_says() -> None:
    """A box that is offline, or was silent while the broker believed in it, is what it was."""
    lost = PresenceReason.LAST_WILL
    for reason, cause in ((lost, Cause.BOX_OFFLINE), (None, Cause.BOX_SILENT)):
        bench = bench_of(NO_RECEIPT)
        bench.presence(reason)
        bench.wait(60.0)
        bench.send()
        bench.wait(DEADLINE_S)
        assert ended(bench).cause is cause


def test_presence_that_is_not_retained_may_have_been_missed() -> None:
    """A car that was never heard of is not without a box: its presence came before we did."""
    for retains, cause in ((True, Cause.BOX_OFFLINE), (False, Cause.UNCLASSIFIED)):
        bench = bench_of(replace(CONTRACT, retains_presence=retains))
        bench.send()
        bench.wait(DEADLINE_S)
        assert ended(bench).cause is cause


def test_states_in_parts_are_put_together() -> None:
    """Each message says one thing, and takes nothing away from what is known."""
    bench = bench_of(PARTS)
    for state in (
        PartialState(is_locked=True),
        PartialState(voltage_v=12.4),
        PartialState(firmware="3.3"),
        PartialState(operator="op"),
    ):
        bench.tracker.state(CAR, state)
    known = bench.evidence.state_of(CAR)
    assert (known.is_locked, known.voltage_v) == (True, 12.4)
    assert (known.labels.firmware, known.labels.operator, known.labels.region) == (
        "3.3",
        "op",
        None,
    )
    bench.tracker.telemetry(CAR, PartialTelemetry(signal_dbm=-90.0))
    assert known.voltage_v == 12.4
    assert bench.evidence.without_presence_or_state() == 0


def test_an_open_lock_without_a_command_is_that_of_the_open_unlock() -> None:
    """The car was locked, a command went out, and the car says that it is open."""
    bench = bench_of(replace(NO_RECEIPT, names_last_command=False))
    bench.tracker.state(CAR, PartialState(is_locked=True))
    bench.send()
    bench.wait(1.0)
    bench.tracker.state(CAR, PartialState(is_locked=False))
    bench.wait(1.0)
    bench.executed()
    attempt = ended(bench)
    assert attempt.outcome is Outcome.OK
    assert attempt.stages["state_changed"] == pytest.approx(1.0)


def test_a_car_that_was_open_says_nothing_new() -> None:
    """Its state is no answer to the command, and is not waited for after one."""
    bench = bench_of(PARTS)
    bench.tracker.state(CAR, PartialState(is_locked=False))
    bench.send()
    bench.received()
    bench.tracker.state(CAR, PartialState(is_locked=False))
    bench.executed()
    attempt = ended(bench)
    assert attempt.outcome is Outcome.OK
    assert "state_changed" not in attempt.stages


def test_a_car_that_never_says_it_is_open_is_doubted_where_others_do() -> None:
    """In a fleet that reports locks, a locked car that stays silent is not confirmed."""
    bench = bench_of(PARTS)
    bench.tracker.state(CAR, PartialState(is_locked=True))
    bench.send()
    bench.executed()
    bench.wait(DEADLINE_S)
    assert ended(bench).cause is Cause.DOOR_UNCONFIRMED


def test_a_provisional_status_ends_nothing() -> None:
    """What the platform says of a command is evidence; the box's word still decides."""
    bench = bench_of(TWO_TOPICS)
    bench.send()
    bench.wait(10.0)
    bench.tracker.provisional(ProvisionalResult("c1", "TIMED_OUT"))
    bench.tracker.provisional(ProvisionalResult("unknown", "TIMED_OUT"))
    assert bench.attempts == []
    bench.executed()
    assert ended(bench).outcome is Outcome.OK


def test_a_provisional_status_is_in_the_evidence_of_a_timeout() -> None:
    """Nobody heard the box: what the cloud said is all that there is."""
    bench = bench_of(TWO_TOPICS)
    bench.send()
    bench.tracker.provisional(ProvisionalResult("c1", "TIMED_OUT"))
    bench.wait(DEADLINE_S)
    attempt = ended(bench)
    assert attempt.evidence["provisional_status"] == "TIMED_OUT"
    assert bench.evidence.state_of(CAR).presence is not BoxPresence.ONLINE
