"""What a diagnosis believes, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from fleet_wire.contract.diagnosis import NOTHING_WRONG, FactSeen, RankedMode, Weighed
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import FACTS, EvidenceSource, Fact
from platform_probe.tell.support.believed import (
    Revision,
    reasons,
    sentence_of,
)
from platform_probe.texts.speaking import Speaker
from tests.helpers.english import ENGLISH

SEEN = FactSeen(Fact.NOT_DELIVERED, "the broker took the command, and the box was silent")
WEIGHED = (
    Weighed(Fact.NOT_DELIVERED, 2.0),
    Weighed(Fact.ALONE, 0.05),
    Weighed(Fact.MANY_AWAY, -1.0, is_seen=False),
)


def revision(after_s: float, mode: str, probability: float) -> Revision:
    """Return what was believed so long after the request."""
    modes = (
        RankedMode(mode, probability, WEIGHED),
        RankedMode("modem_search_drain", 0.02),
        RankedMode("dns_failure", 0.019),
        RankedMode("phone_side", 0.09),
    )
    told = frozenset(EvidenceSource)
    return Revision(at_s=1e9 + after_s, after_s=after_s, modes=modes, facts=(SEEN,), told=told)


def test_reasons_are_sentences() -> None:
    """For and against; what was not seen is said so, and what hardly counts is left out."""
    one = revision(20.0, "no_coverage_garage", 0.8)
    assert reasons(one, ENGLISH, is_for=True) == [SEEN.sentence]
    (against,) = reasons(one, ENGLISH, is_for=False)
    assert against == f"Expected, but not observed: {FACTS[Fact.MANY_AWAY].meaning}"


def test_reasons_are_what_the_signature_lists() -> None:
    """What only goes with a mode explains nothing; and an unlock comes only so far."""
    weighed = (
        Weighed(Fact.SUPPORT_CALLED, 0.9),
        Weighed(Fact.NOT_DELIVERED, 0.8),
        Weighed(Fact.SAID_YES, -0.9),
        Weighed(Fact.SILENT_AFTER_RECEIPT, -0.8, is_seen=False),
    )
    facts = tuple(FactSeen(one.fact, one.fact) for one in weighed if one.is_seen)
    first = RankedMode("no_coverage_garage", 0.8, weighed)
    one = replace(revision(20.0, first.mode, 0.8), modes=(first,), facts=facts)
    assert reasons(one, ENGLISH, is_for=True) == [Fact.NOT_DELIVERED]
    assert reasons(one, ENGLISH, is_for=False) == []
    weaker = replace(one, modes=(replace_weighed(first, weighed[:1]),))
    assert reasons(weaker, ENGLISH, is_for=True) == [Fact.SUPPORT_CALLED]


@pytest.mark.parametrize(
    ("seen", "not_seen"),
    [
        (Fact.ANOTHER_CAR_ASKED, Fact.ANSWERED_BY_ANOTHER),
        (Fact.WENT_WELL, Fact.ANSWERED_BY_ANOTHER),
        (Fact.ALL_OF_OPERATOR_AWAY, Fact.REGION_AWAY),
        (Fact.ALL_OF_OPERATOR_AWAY, Fact.OPERATOR_AWAY),
        (Fact.MANY_AWAY, Fact.REGION_AWAY),
    ],
)
def test_what_was_seen_in_another_way_is_not_missed(seen: Fact, not_seen: Fact) -> None:
    """That the log names another car says that another car got the command.

    And that 80 of 80 cars of an operator in a region are lost, that those of the region are.
    """
    weighed = (Weighed(seen, 2.0), Weighed(not_seen, -0.8, is_seen=False))
    one = replace(
        revision(20.0, "wrong_vin_mapping", 0.9),
        modes=(RankedMode("wrong_vin_mapping", 0.9, weighed),),
        facts=(FactSeen(seen, "it was seen"),),
    )
    missed = f"Expected, but not observed: {FACTS[not_seen].meaning}"
    is_missed = seen not in (Fact.ANOTHER_CAR_ASKED, Fact.ALL_OF_OPERATOR_AWAY)
    assert reasons(one, ENGLISH, is_for=False) == ([missed] if is_missed else [])


def replace_weighed(mode: RankedMode, weighed: tuple[Weighed, ...]) -> RankedMode:
    """Return a mode of which other facts were weighed."""
    return RankedMode(mode.mode, mode.probability, weighed)


def test_times_in_sentences_are_of_the_zone() -> None:
    """A record keeps moments; what an older monitor wrote is shown as it is."""
    at = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    lost = Text(key="seen.will_after", values={"at": at, "ago": 4.0})
    berlin = Speaker("fr", ZoneInfo("Europe/Berlin"))
    said = "le broker a annoncé que sa connexion s'est rompue (last will) à 01:00:00, 4 s après la"
    assert sentence_of(FactSeen(Fact.WILL_AFTER, "", lost), berlin) == f"{said} demande"
    old = "the broker told that its connection broke (last will) at 00:00:00, 4 s after the request"
    assert sentence_of(FactSeen(Fact.WILL_AFTER, old), berlin) == old


def test_what_looks_the_same_is_neither_impossible_nor_an_accusation() -> None:
    """Nor nothing, where the unlock has failed."""
    there = frozenset({EvidenceSource.ATTEMPT, EvidenceSource.RECEIPTS})
    one = replace(revision(20.0, "generic_500", 0.4), told=there, facts=())
    assert NOTHING_WRONG in one.likeliest_class.slugs
    assert "impossible_travel" in one.likeliest_class.slugs
    assert not {NOTHING_WRONG, "impossible_travel"} & {*one.looks_like}
