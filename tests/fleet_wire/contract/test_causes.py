"""The vocabulary of outcomes and causes."""

from __future__ import annotations

import re

import pytest

from fleet_wire.contract.causes import CAUSES, Cause, Outcome, Party, outcome_of


def test_every_cause_is_explained() -> None:
    """No cause without its meaning, none explained that is not one, in the same order."""
    assert list(CAUSES) == list(Cause)


def test_causes_fit_into_a_label() -> None:
    """A label has at most 20 values, plain names all of them."""
    assert len(Cause) <= 20
    assert all(re.fullmatch(r"[a-z_]{1,32}", cause.value) for cause in Cause)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_cause_is_a_sentence_for_support(cause: Cause) -> None:
    """One sentence, and names for the phase and the mechanism."""
    info = CAUSES[cause]
    assert info.explanation.endswith(".")
    assert info.explanation[0].isupper()
    assert len(info.explanation) <= 120
    assert re.fullmatch(r"[a-z_]+", info.phase)
    assert re.fullmatch(r"[a-z_]+", info.mechanism)


def test_causes_are_apart() -> None:
    """No two causes mean the same party, phase and mechanism."""
    meanings = {(info.party, info.phase, info.mechanism) for info in CAUSES.values()}
    assert len(meanings) == len(CAUSES)


def test_every_party_and_outcome_is_used() -> None:
    """The vocabulary has no word that nothing uses; `ok` alone has no cause."""
    assert {info.party for info in CAUSES.values()} == set(Party)
    assert {info.outcome for info in CAUSES.values()} == set(Outcome) - {Outcome.OK}


def test_outcome_of() -> None:
    """A cause fixes the outcome; without one it went well."""
    assert outcome_of(None) is Outcome.OK
    assert outcome_of(Cause.BOX_SILENT) is Outcome.UNKNOWN
    assert outcome_of(Cause.BOX_BUSY) is Outcome.REFUSED
    assert outcome_of(Cause.VEHICLE_FAILED) is Outcome.FAILED


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.value.endswith("_silent")])
def test_silence_is_never_failure(cause: Cause) -> None:
    """A timeout means that nobody knows: the door may have opened."""
    assert outcome_of(cause) is Outcome.UNKNOWN
