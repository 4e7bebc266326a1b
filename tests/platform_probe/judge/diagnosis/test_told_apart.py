"""Modes that look alike for a while, and what is physically different about them."""

from __future__ import annotations

from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.path import never_ends_so
from platform_probe.judge.diagnosis.ranking import SURE
from platform_probe.judge.weights import shipped_ranking
from tests.helpers.watched import ONLINE, SENT, Watched

ALL_TOLD = frozenset(EvidenceSource)


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


def test_who_has_evidence_against_what_another_unlock_failed_of_keeps_a_doubt() -> None:
    """Its car may be away for another reason by now. It still is the likeliest."""
    ranking = shipped_ranking()
    away = (Fact.OPERATOR_AWAY, Fact.ALL_OF_OPERATOR_AWAY, Fact.NONE_THERE_HEARD)
    back = (Fact.BACK_AFTER_WILL, Fact.KEEPALIVE_EXCEEDED, Fact.OTHERS_OVERDUE)
    outage = ranking.scores((Fact.NOT_DELIVERED, *away, *back), ALL_TOLD)
    seen = (Fact.NOT_DELIVERED, Fact.WAS_OFFLINE)
    for against, is_sure in (((), True), ((Fact.FEW_AWAY,), False)):
        first = ranking.rank((*seen, *against), ALL_TOLD, [outage])[0]
        assert (first.mode, first.probability >= SURE) == ("regional_carrier_outage", is_sure)


def test_what_failed_otherwise_is_no_evidence() -> None:
    """Another kind of failure parts two presses."""
    watched = Watched()
    watched.at(1.0).presence("car-1", ONLINE, retained=False)
    watched.at(21.0).handle_record(watched.ended(Cause.BOX_SILENT, stages=SENT))
    watched.at(100.0).handle_record(
        watched.ended(Cause.API_FAILED, stages=SENT, attempt_id="later", source=Source.CUSTOMER)
    )
    told = watched.told[-1]
    alone = shipped_ranking().rank(
        {Fact(one.fact): one.sentence for one in told.facts},
        frozenset(map(EvidenceSource, told.told)),
        excluded=never_ends_so(Cause.API_FAILED),
    )
    assert (told.attempt_id, told.modes) == ("later", alone)
