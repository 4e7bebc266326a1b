"""The vocabulary of outcomes and causes."""

from __future__ import annotations

import re

from fleet_wire.contract.causes import CAUSES, Cause, Outcome, Party, outcome_of


def test_causes_are_few_plain_names_each_with_its_meaning() -> None:
    """A label has at most 20 values; no two causes mean the same, and no word is unused."""
    assert list(CAUSES) == list(Cause)
    assert len(Cause) <= 20
    assert len({(each.party, each.phase, each.mechanism) for each in CAUSES.values()}) == len(Cause)
    assert {each.party for each in CAUSES.values()} == set(Party)
    assert {each.outcome for each in CAUSES.values()} == set(Outcome) - {Outcome.OK}
    for cause, info in CAUSES.items():
        assert re.fullmatch(r"[A-Z].{0,118}\.", info.explanation), "a sentence for support"
        for name in (cause.value, info.phase, info.mechanism):
            assert re.fullmatch(r"[a-z_]{1,32}", name)


def test_outcome_of() -> None:
    """A cause fixes the outcome; without one it went well."""
    assert outcome_of(None) is Outcome.OK
    assert outcome_of(Cause.BOX_SILENT) is Outcome.UNKNOWN
    assert outcome_of(Cause.BOX_BUSY) is Outcome.REFUSED
    assert outcome_of(Cause.VEHICLE_FAILED) is Outcome.FAILED


def test_silence_is_never_failure() -> None:
    """A timeout means that nobody knows: the door may have opened."""
    silent = [cause for cause in Cause if cause.value.endswith("_silent")]
    assert {outcome_of(cause) for cause in silent} == {Outcome.UNKNOWN}
