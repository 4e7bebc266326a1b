"""What a diagnosis believes; `telling.txt` has it in words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from fleet_wire.contract.diagnosis import NOTHING_WRONG, FactSeen, RankedMode
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.tell.support.believed import (
    Revision,
    sentence_of,
)
from platform_probe.texts.speaking import Speaker


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
    modes = (RankedMode("generic_500", 0.4),)
    one = Revision(at_s=0.0, after_s=20.0, modes=modes, facts=(), told=there)
    assert NOTHING_WRONG in one.likeliest_class.slugs
    assert "impossible_travel" in one.likeliest_class.slugs
    assert not {NOTHING_WRONG, "impossible_travel"} & {*one.looks_like}
