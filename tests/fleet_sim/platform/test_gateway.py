"""Tests of `fleet_sim.platform.gateway`: sentences, digests and defects.

`gateway.txt` has what a phone asks, and what it is answered.
"""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.platform.operations import Operation
from fleet_wire.contract import problems
from fleet_wire.contract.platform_log import PlatformStep
from tests.helpers.platform_bench import CAR, PlatformBench


@pytest.fixture
def bench() -> PlatformBench:
    """Return a platform and two cars that take no time."""
    return PlatformBench()


@pytest.mark.parametrize("operation", [Operation.LOCK, Operation.EXTEND, Operation.END])
def test_who_did_not_ask_to_open_is_told_nothing_of_it(
    bench: PlatformBench, operation: Operation
) -> None:
    """Sentences are read out as they stand."""
    booking_id = bench.book()
    asked: dict[str, Any] = {"booking_id": booking_id, "ends_at": bench.now + 9_000}
    another = bench.answer(operation, customer="bert", **asked)
    assert another.problem is problems.BOOKING_OF_ANOTHER
    bench.answer(Operation.END, booking_id=booking_id)
    told = [another, bench.answer(operation, **asked)]
    assert [answer for answer in told if "open" in answer.body.get("detail", "")] == []


@pytest.mark.parametrize(
    ("operation", "asked", "problem"),
    [
        (Operation.BOOK, {"customer": "bert", "vehicle_id": CAR}, problems.VEHICLE_TAKEN),
        (Operation.BOOK, {"vehicle_id": CAR}, problems.VEHICLE_TAKEN_BY_SELF),
        (Operation.LOCK, {"booking_id": "b1", "vehicle_id": "car-1"}, problems.VEHICLE_NOT_BOOKED),
        (Operation.VEHICLE_STATE, {"vehicle_id": "car-1"}, problems.VEHICLE_WITHOUT_BOOKING),
    ],
)
def test_problems_of_one_type_have_sentences_of_their_own(
    bench: PlatformBench, operation: Operation, asked: dict[str, Any], problem: problems.ProblemType
) -> None:
    """A customer reads what was wrong with the own request."""
    booking_id = bench.book()
    if "booking_id" in asked:
        asked = {**asked, "booking_id": booking_id}
    answer = bench.answer(operation, ends_at=bench.now + 60, **asked)
    assert answer.problem is problem
    assert answer.status == answer.body["status"] == problem.status
    assert answer.body["detail"] == problem.sentence


def test_requests_of_a_key_have_its_digest_in_common(bench: PlatformBench) -> None:
    """And others have not: of another customer, with another key, or without one."""
    for customer, key in (
        ("anna", "k"),
        ("anna", "k"),
        ("bert", "k"),
        ("anna", "l"),
        ("anna", None),
    ):
        bench.answer(Operation.UNLOCK, customer=customer, booking_id="b", idempotency_key=key)
    digests = [event.key_digest for event in bench.log if event.event is PlatformStep.ANSWERED]
    assert digests[0] == digests[1]
    assert digests[-1] is None
    assert len(set(digests)) == 4
    bench.answer(Operation.VEHICLE_STATE, vehicle_id=CAR, idempotency_key="k")
    assert bench.log[-1].key_digest is None  # it changes nothing: a key means nothing there


def test_a_defect_of_ours_is_an_internal_error(
    bench: PlatformBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, answered, and nobody else is hurt."""
    booking_id = bench.book()

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(bench.platform.service, "send", fail)
        (answer,) = bench.ask(Operation.UNLOCK, booking_id=booking_id)
    assert answer.problem is problems.INTERNAL_ERROR
    assert bench.world.defects.count == 1
    bench.world.defects.count = 0
    assert bench.unlock(booking_id).status == 200
