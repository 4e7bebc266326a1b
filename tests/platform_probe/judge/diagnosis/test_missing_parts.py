"""A source may be there, and a part of it missing: nothing follows from that part."""

from __future__ import annotations

from math import inf

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import UNKNOWN
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource, Fact
from platform_probe.judge.diagnosis.neighbours import WAVE_S, Neighbours
from platform_probe.judge.diagnosis.path import never_ends_so
from platform_probe.judge.weights import shipped_ranking

ALL = frozenset(EvidenceSource)


def test_boxes_that_the_broker_gave_up_for_their_silence_were_not_cut_off() -> None:
    """The keepalives of cars in a garage may end together; a broken connection needs none."""
    neighbours = Neighbours()
    for number in range(6):
        neighbours.will(100.0 + number / 10, after_command=False)
        neighbours.will(100.0 + WAVE_S * 3 + number / 10, after_command=False)
        neighbours.timed_out(100.0 + number / 10)
    assert neighbours.wills_at_once(100.0) == 6
    assert neighbours.cut_at_once(100.0) == 0
    assert neighbours.cut_at_once(100.0 + WAVE_S * 3) == 6


def test_an_unlock_that_nothing_explains_has_the_reason_of_the_one_that_it_waited_for() -> None:
    """However sure it is that it fits no mode."""
    ranking = shipped_ranking()
    seen = dict.fromkeys(
        (Fact.WENT_WELL, Fact.SENT_LATE, Fact.BACK_AFTER_WILL, Fact.KEEPALIVE_EXCEEDED), "so"
    )
    assert ranking.rank(seen, ALL)[0].mode == UNKNOWN
    refused = ranking.scores((Fact.REFUSED_CAN_BUS, Fact.WAS_ONLINE, Fact.ALONE), ALL)
    assert ranking.rank(seen, ALL, [refused])[0].mode == "can_bus_asleep_no_ack"


def test_a_platform_that_calls_the_car_silent_may_know_it_away() -> None:
    """It sends nothing then, and answers with an error."""
    assert "no_coverage_garage" in never_ends_so(Cause.API_FAILED)
    silent = {Fact.SAID_SILENT}
    assert "no_coverage_garage" not in never_ends_so(Cause.API_FAILED, silent)
    talks = {*silent, Fact.TALKS_WHILE_OFFLINE}
    assert "no_coverage_garage" in never_ends_so(Cause.API_FAILED, talks)


def test_a_blocked_sim_is_possible_where_boxes_do_not_report_their_use_of_data() -> None:
    """Other cars' use would show it, but this wire has no such field."""
    seen = (Fact.NOT_DELIVERED, Fact.WAS_OFFLINE, Fact.WILL_BEFORE)
    heartbeats = frozenset({EvidenceSource.ATTEMPT, EvidenceSource.TELEMETRY})
    place = [*MODES].index("sim_suspended_datacap")
    score = shipped_ranking().scores(seen, heartbeats)[place]
    assert score > -inf
    reporting = heartbeats | {EvidenceSource.DATA_USED}
    assert shipped_ranking().scores(seen, reporting)[place] == -inf
