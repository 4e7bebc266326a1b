"""The joiner: one record for each unlock, whatever of it came, and when."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_wire.contract.causes import Outcome
from fleet_wire.contract.platform_log import PlatformEvent
from platform_probe.measure.attempts import joiner as module
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.joined_record import attempt_id_of
from platform_probe.measure.attempts.log_time import STRANGE_LINES
from platform_probe.measure.attempts.platform_side import MAX_TOLD_OF, PlatformSide
from tests.helpers.join_bench import LATE_S, WAIT_S, JoinBench
from tests.helpers.tracker_bench import DEADLINE_S, LATE_WINDOW_S, check_arithmetic

OTHER_TRACE = "1" * 32


@pytest.mark.parametrize("seed", range(40))
def test_two_commands_of_one_trace_are_two_unlocks_in_whatever_order_the_log_comes(
    seed: int,
) -> None:
    """Somebody who presses twice, and whose app names one trace for both: each has its own times.

    With seed 0 the lines come as they are written, else late and in any order, some twice.
    """
    bench = JoinBench()
    lines: list[PlatformEvent] = []

    def line(step: str, number: int, **changes: Any) -> None:
        lines.append(bench.event(step, request_id=f"r{number}", **changes))
        if seed == 0:
            bench.joiner.take_event(lines[-1])

    line("requested", 1)
    bench.wait(0.1)
    line("requested", 2)
    for number in (1, 2):
        command_id = f"k{number}"
        bench.wait(0.1)
        line("published", number, command_id=command_id)
        bench.seen(command_id)
        line("accepted", number, command_id=command_id)
        bench.opens(command_id)
        line("ended", number, command_id=command_id, outcome="executed")
        line("answered", number, command_id=command_id, status=200)
    if seed:
        lines += lines[::3]
        Random(seed).shuffle(lines)  # noqa: S311
        for event in lines:
            bench.joiner.take_event(event)
    bench.wait(WAIT_S + DEADLINE_S + 1)
    first, second = sorted(bench.last().values(), key=lambda one: one.total_s)
    assert (first.command_id, second.command_id) == ("k1", "k2")
    assert (first.total_s, second.total_s) == (0.7, 1.2)
    for record in (first, second):
        check_arithmetic(record)
        assert record.platform
        assert (record.platform.requests, record.platform.status) == (1, 200)
        assert record.stages["api_answered"] == record.platform.ended_s == record.total_s


def test_a_phone_that_asks_without_end_does_not_make_records_without_end() -> None:
    """They are counted all the same, with what is new next."""
    bench = JoinBench()
    bench.requested()
    bench.answered(202, command_id="k1")
    bench.published()
    bench.seen()
    bench.accepted()
    bench.opens()
    bench.ended()
    for number in range(2 * MAX_TOLD_OF):
        bench.requested(request_id=f"again-{number}")
    assert len(bench.records) == MAX_TOLD_OF
    bench.published()
    bench.wait(DEADLINE_S + WAIT_S + 1)
    record = bench.records[-1]
    assert record.platform
    assert record.platform.requests == 2 * MAX_TOLD_OF + 1


def test_all_that_has_a_record_is_known_while_its_lines_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many: after a kill none is judged once more, and then they are forgotten as ever."""
    monkeypatch.setattr(module, "MAX_REVISABLE", 2)
    before = JoinBench()
    names = [
        {"request_id": f"r{number}", "trace_id": f"{number:032x}", "vehicle_id": f"car-{number}"}
        for number in range(6)
    ]
    for name in names:
        before.requested(**name)
        before.answered(403, "booking-of-another", **name)
    assert len(before.records) == len(names)
    bench = JoinBench()
    bench.joiner.is_catching_up = True
    bench.joiner.restore_for_reread(before.records)
    bench.joiner.take_up(before.records[-3:])
    bench.joiner.tick()
    for name in names:
        bench.requested(**name)
        bench.answered(403, "booking-of-another", **name)
    bench.joiner.caught_up()
    assert bench.records == []
    assert len(bench.joiner._judged) == 2


@given(st.randoms(use_true_random=False), st.integers(0, 8))
def test_the_order_in_which_all_comes_does_not_matter(order: Random, twice: int) -> None:
    """Lines and attempts in any order, some of them twice: the same records in the end."""
    told = observations(JoinBench())
    expected = judged(told)
    shuffled = told + [one for one in told[:twice] if isinstance(one, PlatformEvent)]
    order.shuffle(shuffled)
    assert judged(shuffled) == expected


@given(st.randoms(use_true_random=False), st.sampled_from(["d", None]))
def test_whatever_the_order_the_requests_of_a_key_are_one_unlock(
    order: Random, key: str | None
) -> None:
    """Also where each client has gone, and where the log knows no keys: the last lines say it."""
    told = left_observations(JoinBench(), key)
    order.shuffle(told)
    bench = JoinBench()
    for one in told:
        take(bench, one)
        bench.wait(order.choice([0.0, LATE_S]))
    bench.joiner.flush()
    (record,) = bench.last().values()
    assert (record.command_id, record.outcome) == ("k1", Outcome.OK)
    assert record.platform
    assert (record.platform.requests, record.platform.status) == (3, None)


def left_observations(bench: JoinBench, key: str | None) -> list[PlatformEvent | EndedAttempt]:
    """Return what happens where a phone asks three times with a key, and waits for nothing."""
    told: list[PlatformEvent | EndedAttempt] = []
    bench.behind.tracker.to_join = told.append
    names = [
        {"request_id": f"r{number}", "trace_id": f"{number:032}", "key_digest": key}
        for number in range(3)
    ]
    for name in names:
        told.append(bench.event("requested", **name))
        bench.wait(0.25)
        told.append(bench.event("hung_up", **name))
    told.append(bench.event("published", request_id="r0", trace_id="0" * 32, command_id="k1"))
    bench.seen(trace_id="0" * 32)
    bench.opens()
    told.append(bench.event("ended", request_id="r0", command_id="k1", outcome="executed"))
    told += [bench.event("unheard", status=200, command_id="k1", **name) for name in names]
    return told


def observations(bench: JoinBench) -> list[PlatformEvent | EndedAttempt]:
    """Return what happens at one car: refused, opened after a retry, seen on MQTT alone."""
    told: list[PlatformEvent | EndedAttempt] = []
    bench.behind.tracker.to_join = told.append
    refused = {"request_id": "r0", "trace_id": OTHER_TRACE}
    told += [bench.event("requested", **refused), bench.event("answered", status=403, **refused)]
    bench.wait(1.0)
    told.append(bench.event("requested"))
    bench.wait(1.0)
    told.append(bench.event("requested", request_id="r2"))
    told.append(bench.event("published", command_id="k1"))
    bench.seen()
    told.append(bench.event("accepted", command_id="k1"))
    bench.opens()
    told.append(bench.event("ended", command_id="k1", outcome="executed"))
    told.append(bench.event("answered", command_id="k1", status=200, request_id="r2"))
    bench.wait(1.0)
    bench.seen("k2", trace_id="3" * 32)
    bench.opens("k2")
    return told


def take(bench: JoinBench, one: PlatformEvent | EndedAttempt) -> None:
    """Let a line come, or the end of an attempt on MQTT."""
    if isinstance(one, PlatformEvent):
        bench.joiner.take_event(one)
    else:
        bench.joiner.take_attempt(one)


def judged(told: list[PlatformEvent | EndedAttempt]) -> list[tuple[object, ...]]:
    """Return what counts of the records in the end, but for their ids and the clocks' offset."""
    bench = JoinBench()
    for one in told:
        take(bench, one)
    bench.joiner.flush()
    on_mqtt = sum(isinstance(one, EndedAttempt) for one in told)
    assert on_mqtt + bench.joiner.counts.only_platform == len(bench.last())
    return sorted(
        (record.command_id or "", str(record.cause), tuple(record.stages), record.sources_missing)
        for record in bench.last().values()
    )


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is judged where too many wait, and forgotten where too many were judged."""
    monkeypatch.setattr(module, "MAX_WAITING", 3)
    monkeypatch.setattr(module, "MAX_REVISABLE", 2)
    bench = JoinBench()
    for number in range(6):
        bench.requested(request_id=f"r{number}", trace_id=f"{number:032}", vehicle_id=f"v{number}")
        bench.joiner.tick()
    assert len(bench.joiner) == 3
    assert [record.vehicle_id for record in bench.records] == ["v0", "v1", "v2"]
    bench.requested(request_id="r0", trace_id="0" * 32, vehicle_id="v0")
    bench.joiner.flush()
    assert [record.revision for record in bench.records] == [1] * 7


def test_the_queue_does_not_grow_with_what_is_judged() -> None:
    """Entries of unlocks that were judged early are taken out."""
    bench = JoinBench()
    for number in range(5_000):
        name = {"request_id": f"r{number}", "trace_id": f"{number:032}"}
        bench.requested(**name)
        bench.answered(403, **name)
    assert len(bench.records) == 5_000
    assert len(bench.joiner._due) <= 2 * module._STALE


def test_a_clock_that_was_set_is_followed_after_a_while() -> None:
    """Where nothing else comes for a minute, that is the time now."""
    bench = JoinBench()
    bench.requested()
    bench.answered(403)
    bench.ahead_s = -86_400.0
    for number in range(STRANGE_LINES + 10):
        bench.requested(request_id=f"s{number}", trace_id=f"{number + 9:032}", operation="lock")
        bench.wait(1.0)
    bench.requested(request_id="r2", trace_id=OTHER_TRACE)
    bench.answered(403, request_id="r2", trace_id=OTHER_TRACE)
    assert len(bench.records) == 2
    assert bench.records[1].started_at == pytest.approx(bench.behind.clock.wall_s)


def test_a_request_has_the_same_id_wherever_it_is_read() -> None:
    """And another one than the next: like all ids of attempts 32 digits."""
    one, other = PlatformSide(request_ids=("r1",)), PlatformSide(request_ids=("r2",))
    assert attempt_id_of(one) == attempt_id_of(PlatformSide(request_ids=("r1", "r2")))
    assert attempt_id_of(one) != attempt_id_of(other)
    assert len(attempt_id_of(one)) == 32


def test_nothing_is_kept_of_what_is_forgotten() -> None:
    """Neither its requests, nor their traces and keys."""
    bench = JoinBench()
    bench.requested(key_digest="d")
    bench.answered(404, "booking-unknown", key_digest="d")
    bench.wait(WAIT_S + LATE_WINDOW_S + 1)
    index = bench.joiner._index
    kept = (index._by_request, index._by_trace, index._by_key, bench.joiner._judged)
    assert not any(kept)
