"""Modes that look alike for a while, and what is physically different about them."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import CarEvent, EventName, Telemetry
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.path import never_ends_so
from platform_probe.judge.diagnosis.ranking import SURE
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.watched import ONLINE, SENT, WILL, Watched

ALL_TOLD = frozenset(EvidenceSource)


def test_two_presses_of_one_fault_are_told_alike() -> None:
    """The surer one counts for both: its battery fell, and its will came between them."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    for second, volts in ((205, 12.6), (210, 12.4), (215, 12.1)):
        beat = Telemetry(-80.0, volts, 1.0)
        watched.at(float(second)).on_message("car-1", beat, is_retained=False)
    watched.diagnosing.event("car-1", CarEvent(EventName.LOW_VOLTAGE))
    watched.at(236.0)
    first = watched.ended(Cause.BOX_SILENT, stages=SENT, attempt_id="first", source=Source.CUSTOMER)
    watched.diagnosing.handle_record(first)
    watched.at(260.0).presence("car-1", WILL, retained=False)
    watched.at(285.0)
    later = watched.ended(
        Cause.BOX_OFFLINE, stages=SENT, attempt_id="later", source=Source.CUSTOMER
    )
    watched.diagnosing.handle_record(later)
    watched.at(290.0)
    last = {one.attempt_id: one for one in watched.told}
    assert last["first"].facts != last["later"].facts
    alone = [
        shipped_ranking().rank(
            {Fact(fact.fact): fact.sentence for fact in one.facts},
            frozenset(map(EvidenceSource, one.told)),
        )[0]
        for one in last.values()
    ]
    surest = max(alone, key=lambda first: first.probability)
    assert surest.probability >= SURE
    assert alone[0].probability != alone[1].probability
    for one in last.values():
        assert one.first.mode == surest.mode
        assert one.first.probability >= SURE
    for settles_s in (600.0, 820.0, 880.0):  # the first one before the later one
        watched.at(settles_s)
    last = {one.attempt_id: one for one in watched.told}
    assert last["later"].first.mode == last["first"].first.mode


def test_who_is_not_sure_says_nothing_of_others() -> None:
    """Nor does a mode that was seen to be impossible for the other one."""
    ranking = shipped_ranking()
    seen = dict.fromkeys((Fact.NOT_DELIVERED, Fact.WAS_ONLINE), "it was seen")
    alone = ranking.rank(seen, ALL_TOLD)
    unsure = ranking.scores((Fact.NOT_DELIVERED, Fact.WAS_OFFLINE), ALL_TOLD)
    assert ranking.rank(seen, ALL_TOLD, [unsure]) == alone
    back = (Fact.WILL_BEFORE, Fact.WAS_OFFLINE, Fact.BACK_SOON, Fact.NOTHING_AFTER_RETURN)
    full = (Fact.NOT_DELIVERED, Fact.DROPPED_AT_BROKER, *back)
    dropped = ranking.scores(full, ALL_TOLD)
    assert ranking.rank(seen, ALL_TOLD, [dropped])[0].mode == "queue_full_drop"
    late = {**seen, Fact.CONFIRMED_LATE: "it was seen"}
    assert ranking.rank(late, ALL_TOLD, [dropped])[0].mode != "queue_full_drop"


@pytest.mark.parametrize(
    "changes",
    [{"cause": Cause.API_FAILED}, {"cause": Cause.BOX_OFFLINE, "is_after": "success"}],
)
def test_what_failed_otherwise_is_no_evidence(changes: dict[str, object]) -> None:
    """Another kind of failure, or an unlock that went well between, parts two presses."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.at(21.0)
    watched.diagnosing.handle_record(
        watched.ended(Cause.BOX_SILENT, stages=SENT, attempt_id="first")
    )
    if "is_after" in changes:
        watched.at(60.0)
        watched.diagnosing.handle_record(watched.ended(None, stages=SENT, attempt_id="well"))
    cause = changes["cause"]
    assert isinstance(cause, Cause)
    watched.at(100.0)
    later = watched.ended(cause, stages=SENT, attempt_id="later", source=Source.CUSTOMER)
    watched.diagnosing.handle_record(later)
    told = watched.told[-1]
    alone = shipped_ranking().rank(
        {Fact(one.fact): one.sentence for one in told.facts},
        frozenset(map(EvidenceSource, told.told)),
        excluded=never_ends_so(cause),
    )
    assert told.attempt_id == "later"
    assert told.modes == alone
