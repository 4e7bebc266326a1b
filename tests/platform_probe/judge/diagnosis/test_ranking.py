"""How likely each mode is, from what was seen."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES, SIGNATURES
from fleet_wire.modes.facts import ESTIMATED, MARKS, EvidenceSource, Fact, shown_by
from fleet_wire.modes.mode import MISSED
from platform_probe.judge.diagnosis import ranking as module
from platform_probe.judge.diagnosis.ranking import (
    RULED_OUT,
    UNPROVEN,
    Ranking,
    Weights,
    read_weights,
    weights_by_signature,
    within_signatures,
)
from platform_probe.judge.weights import shipped_ranking, shipped_weights

ALL_TOLD = frozenset(EvidenceSource)


def seen(*facts: Fact) -> dict[Fact, str]:
    """Return facts as they are noted."""
    return dict.fromkeys(facts, "it was seen")


def test_what_a_signature_needs_names_its_mode() -> None:
    """By the signatures alone, before anything was learned."""
    ranking = Ranking(weights_by_signature())
    first = ranking.rank(seen(Fact.REFUSED_CAN_BUS, Fact.WAS_ONLINE, Fact.ALONE), ALL_TOLD)[0]
    assert first.mode == "can_bus_asleep_no_ack"
    assert first.weighed[0].fact == Fact.REFUSED_CAN_BUS


def test_scores_that_are_remembered_are_those_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen and who told both count, in whatever turn; and few cases are remembered."""
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    ranking = Ranking(shipped_weights())  # of its own: others have filled the shared one
    facts = (Fact.NOT_DELIVERED, Fact.WAS_OFFLINE)
    cases = [
        (these, told)
        for these in (facts, facts[:1])
        for told in (ALL_TOLD, frozenset[EvidenceSource]())
    ]
    for case in (*cases, *reversed(cases), *cases):
        assert ranking.scores(*case) == shipped_ranking().scores(*case)
        assert ranking._scores.cache_info().currsize <= 2


def test_a_source_that_was_not_there_says_nothing_by_its_silence() -> None:
    """Without the broker's log a mode does not lose by what that log has not said."""
    weights = Weights(
        version=1,
        made_by="a test",
        temperature=1.0,
        bias={},
        seen={"late_delivery_persistent_session": {"keepalive_exceeded": 2.0}},
        unseen={"late_delivery_persistent_session": {"keepalive_exceeded": -3.0}},
    )
    place = [*MODES].index("late_delivery_persistent_session")

    def score(source: EvidenceSource) -> float:
        return Ranking(weights).scores((), frozenset({source}))[place]

    assert score(EvidenceSource.BROKER_LOG) == score(EvidenceSource.PRESENCE) - 3.0


@pytest.mark.parametrize(("weight", "against"), [(0.5, -3.0), (2.5, -5.0), (9.0, -8.0)])
def test_a_mark_weighs_against_modes_that_do_not_explain_it(weight: float, against: float) -> None:
    """The more it speaks for one that does, within bounds; `unknown` keeps its score."""
    weights = weights_by_signature()
    weights.seen["network_sunset"]["technology_away"] = weight
    ranking = Ranking(weights)
    ranked = dict(
        zip(ranking.names, ranking.scores((Fact.TECHNOLOGY_AWAY,), frozenset()), strict=True)
    )
    before = dict(zip(ranking.names, ranking.scores((), frozenset()), strict=True))
    assert ranked["dns_failure"] - before["dns_failure"] == against
    assert ranked["network_sunset"] > before["network_sunset"]
    assert ranked["unknown"] == before["unknown"]


def test_a_mark_of_a_mode_that_is_left_out_makes_the_others_doubtful() -> None:
    """Nothing else explains that one technology is away, however much is as in an outage."""
    facts = (
        Fact.NOT_DELIVERED, Fact.WAS_OFFLINE, Fact.WILL_BEFORE, Fact.KEEPALIVE_EXCEEDED,
        Fact.STILL_AWAY, Fact.FAILS_AGAIN, Fact.SOME_FAIL, Fact.WILLS_IN_A_WAVE,
    )  # fmt: skip
    left_out = frozenset({"network_sunset"})

    def first(*more: Fact) -> str:
        ranked = shipped_ranking().rank(seen(*facts, *more), ALL_TOLD, excluded=left_out)
        return ranked[0].mode

    assert first() != "unknown"
    assert first(Fact.TECHNOLOGY_AWAY) == "unknown"


def test_each_mark_is_explained_by_some_mode() -> None:
    """Else it would make every mode doubtful."""
    listed = {fact for its in SIGNATURES.values() for fact in its.needs | its.may_show}
    assert listed >= MARKS


def test_a_mode_that_was_not_learned_is_ranked_by_its_signature() -> None:
    """Others keep what was learned of them."""
    learned = shipped_weights()
    slug = "can_bus_asleep_no_ack"
    for of_mode in (learned.bias, learned.seen, learned.unseen):
        of_mode.pop(slug, None)
    weights = read_weights(msgspec.json.encode(learned))
    by_signature = weights_by_signature()
    assert weights.bias[slug] == by_signature.bias[slug]
    assert weights.seen[slug] == by_signature.seen[slug] != shipped_weights().seen[slug]
    assert weights.unseen[slug] == by_signature.unseen[slug]
    assert weights.seen["ghost_gps"] == learned.seen["ghost_gps"]


def test_weights_of_a_mode_that_there_is_not_are_refused() -> None:
    """A misspelt name would change nothing."""
    learned = shipped_weights()
    learned.bias["regional_carier_outage"] = -50.0
    with pytest.raises(
        ConfigError, match=r"bias\.regional_carier_outage: .* 'regional_carrier_outage'\?"
    ):
        read_weights(msgspec.json.encode(learned))


def test_weights_keep_to_the_signatures() -> None:
    """What is ruled out weighs against a mode, and so does each needed fact that is missing."""
    weights = within_signatures(shipped_weights())
    for slug, mode in MODES.items():
        signature = mode.signature
        assert all(weights.seen[slug][fact] < 0 for fact in signature.rules_out), slug
        assert all(weights.unseen[slug][fact] <= MISSED for fact in signature.needs), slug
        assert all(weight <= 0 for weight in weights.unseen[slug].values()), slug


def test_weights_of_another_form_are_refused() -> None:
    """With a word that says what is wrong."""
    weights = msgspec.structs.replace(weights_by_signature(), version=99)
    with pytest.raises(ConfigError, match="version 99"):
        Ranking(weights)
    with pytest.raises(ConfigError, match="weights"):
        read_weights(b"{}")
    strange = msgspec.structs.replace(
        weights_by_signature(), seen={"phone_side": {"no_such_fact": 1.0}}
    )
    with pytest.raises(ConfigError, match="no_such_fact"):
        Ranking(strange)


def test_what_could_not_be_seen_is_not_named() -> None:
    """Of an unlock that went well, without the platform's log."""
    weights = msgspec.structs.replace(
        weights_by_signature(), bias={"generic_500": 9.0, "nothing_wrong": 0.0}
    )
    told = frozenset({EvidenceSource.ATTEMPT, EvidenceSource.PRESENCE, EvidenceSource.STATE})
    ranked = Ranking(weights).rank(seen(Fact.WENT_WELL, Fact.WAS_ONLINE), told)
    assert ranked[0].mode == "nothing_wrong"
    assert "generic_500" not in {one.mode for one in ranked}
    assert Ranking(weights).rank(seen(Fact.NOT_DELIVERED), told)[0].mode == "generic_500"


def test_physics_holds_whatever_was_learned_before() -> None:
    """A weight that physics forbids does not count, until weights are learned anew."""
    learned = msgspec.structs.replace(
        shipped_weights(),
        seen={"stale_online_cache": {"was_online": 0.8, "many_fail": -0.3}},
        unseen={"stale_online_cache": {"not_woken": -1.0}},
    )
    held = within_signatures(learned)
    seen = held.seen["stale_online_cache"]
    assert (seen["was_online"], seen["many_fail"]) == (RULED_OUT, -0.3)
    assert held.unseen["stale_online_cache"] == {"not_woken": -1.0, "was_asleep": RULED_OUT}


def test_what_a_mode_lacks_many_small_facts_do_not_make_up_for() -> None:
    """Of a blocked SIM: that other lost cars had used as much, also where no heartbeat has come."""
    told, no_heartbeats = (
        frozenset({EvidenceSource.ATTEMPT, EvidenceSource.TELEMETRY}),
        frozenset({EvidenceSource.ATTEMPT}),
    )
    small = (Fact.SAID_YES, Fact.MANY_FAIL, Fact.SENT_AGAIN, Fact.ASKED_AGAIN)
    ranking = Ranking(
        Weights(
            version=1,
            made_by="a test",
            temperature=1.0,
            bias={},
            seen={"sim_suspended_datacap": {"lost_at_same_data": 2.0, **dict.fromkeys(small, 1.0)}},
            unseen={"sim_suspended_datacap": {"lost_at_same_data": -6.0}},
        )
    )
    place = [*MODES].index("sim_suspended_datacap")

    def score(*facts: Fact) -> float:
        return ranking.scores(facts, told)[place]

    assert score(Fact.NOT_DELIVERED, *small) == score(Fact.NOT_DELIVERED)
    needed = (Fact.NOT_DELIVERED, Fact.LOST_AT_SAME_DATA)
    assert score(*needed, *small) == score(*needed) + len(small)
    assert ranking.scores((Fact.NOT_DELIVERED, *small), no_heartbeats)[place] == -UNPROVEN


def test_what_a_mode_lacks_is_in_one_order_in_every_process() -> None:
    """Sets are not, and of facts that weigh the same the first are told."""
    within = within_signatures(weights_by_signature())
    for slug, mode in MODES.items():
        needed = [fact for fact in within.unseen[slug] if fact in mode.signature.needs]
        assert needed == sorted(needed)


def test_an_estimate_contradicts_nothing() -> None:
    """Counts of others speak against a mode, however strongly, and prove nothing."""
    for slug, mode in MODES.items():
        doubted = mode.signature.rules_out & ESTIMATED
        assert not doubted & {*mode.signature.contradicted_by(doubted, ())}, slug


def test_a_needed_fact_that_only_a_return_shows_is_awaited() -> None:
    """Until the box is heard of a command that will open the car late is like a garage."""
    mode = MODES["late_delivery_persistent_session"].signature
    facts = (Fact.NOT_DELIVERED, Fact.STILL_AWAY)
    everything = frozenset(EvidenceSource)
    before = shown_by(everything - {EvidenceSource.RETURN})
    assert not mode.contradicted_by(facts, before)
    assert mode.contradicted_by((Fact.NOT_DELIVERED,), shown_by(everything))
