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


def test_a_cause_fixes_the_outcome() -> None:
    """Without one it went well. A timeout means that nobody knows: the door may have opened."""
    assert outcome_of(None) is Outcome.OK
    silent = [cause for cause in Cause if cause.value.endswith("_silent")]
    assert {outcome_of(cause) for cause in silent} == {Outcome.UNKNOWN}
