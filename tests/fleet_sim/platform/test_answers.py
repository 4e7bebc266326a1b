"""What requests are answered."""

from __future__ import annotations

from fleet_sim.platform.answers import of_problem, too_many, within_trace
from fleet_sim.platform.operations import Answer
from fleet_wire.contract.problems import BOOKING_OF_ANOTHER

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_problem_names_its_trace() -> None:
    """Support finds a refused request in the log, also where the app sent no trace of its own."""
    answer = within_trace(of_problem(BOOKING_OF_ANOTHER), TRACE)
    assert answer.body == {**BOOKING_OF_ANOTHER.body(), "trace_id": TRACE}
    assert answer.problem is BOOKING_OF_ANOTHER
    assert within_trace(too_many(2.0), TRACE).retry_after_s == 2.0


def test_what_went_well_is_left_as_it_is() -> None:
    """Its body says what it says."""
    answer = Answer(status=200, body={"state": "executed"})
    assert within_trace(answer, TRACE) is answer
