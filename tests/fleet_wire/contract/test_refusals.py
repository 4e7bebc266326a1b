"""Tests of `fleet_wire.contract.refusals`."""

from __future__ import annotations

from fleet_wire.contract.messages import Reason
from fleet_wire.contract.problems import VEHICLE_REFUSED
from fleet_wire.contract.refusals import refused_because


def test_every_reason_has_a_sentence_of_its_own() -> None:
    """The type, the title and the status stay those of a car that refused."""
    for reason in Reason:
        problem = refused_because(reason.value)
        assert problem.sentence != VEHICLE_REFUSED.sentence, reason
        assert problem._replace(sentence=VEHICLE_REFUSED.sentence) == VEHICLE_REFUSED


def test_a_reason_that_the_contract_does_not_have_gets_the_usual_sentence() -> None:
    """So does a refusal without any."""
    assert refused_because("door_of_a_submarine") == VEHICLE_REFUSED
    assert refused_because(None) == VEHICLE_REFUSED
