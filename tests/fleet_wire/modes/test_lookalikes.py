"""Which modes look the same where a source is missing."""

from __future__ import annotations

from fleet_wire.contract.diagnosis import NOTHING_WRONG
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource
from fleet_wire.modes.lookalikes import (
    WIRES,
    AlikeClass,
    alike_on,
    class_of,
    number_of_classes,
    unseen_on,
)
from tests.helpers.english import ENGLISH

TWO_TOPICS = WIRES["two topics, both logs"]


def why_of(alike: AlikeClass) -> str:
    """Return what would part these modes, in English."""
    assert alike.why is not None
    return ENGLISH.say(alike.why)


def test_with_every_source_no_modes_look_the_same() -> None:
    """At least by what parts each from a third one."""
    assert alike_on(frozenset(EvidenceSource)) == ()
    assert number_of_classes(frozenset(EvidenceSource)) == len(MODES)


def test_a_mode_is_in_one_class_at_most() -> None:
    """One of them named counts as each, and each class says what would part its modes."""
    for told in WIRES.values():
        listed = [slug for one in alike_on(told) for slug in one.slugs]
        assert len(listed) == len(set(listed))
        assert set(listed) <= {*MODES, NOTHING_WRONG}
        for one in alike_on(told):
            assert why_of(one).endswith(".")
            assert all(class_of(slug, told) == one for slug in one.slugs)


def test_refusals_without_reasons_look_the_same() -> None:
    """On a wire that says no more than that the car refused."""
    alike = class_of("key_overrides_app", TWO_TOPICS)
    assert {"wrong_vehicle_state", "command_pin_lockout"} <= alike.slugs
    assert "reasons of boxes" in why_of(alike)
    assert "no_coverage_garage" not in alike.slugs


def test_before_its_return_a_garage_is_a_late_delivery() -> None:
    """Whether the box carries the command out when it is back nobody knows before that."""
    told = frozenset(EvidenceSource) - {EvidenceSource.RETURN}
    alike = class_of("no_coverage_garage", told)
    assert alike.slugs == {"no_coverage_garage", "late_delivery_persistent_session"}
    assert "the box's return" in why_of(alike)
    less = class_of("no_coverage_garage", TWO_TOPICS - {EvidenceSource.RETURN})
    assert {"late_delivery_persistent_session", "modem_search_drain"} <= less.slugs
    assert less.slugs.isdisjoint({"half_open_tcp_nat", "network_sunset", "inflight_stall"})


def test_what_no_source_shows_looks_like_nothing_wrong() -> None:
    """That an API answers with errors what went well is in the platform's log alone."""
    told = WIRES["no log of the platform"]
    alike = class_of("generic_500", told)
    assert "generic_500" in unseen_on(told)
    assert "insider_or_support_unlock" not in unseen_on(told)  # its command names no booking
    assert NOTHING_WRONG in alike.slugs
    assert "wrong_car_approached" not in alike.slugs
    assert why_of(alike) == "Only the platform's log would show that anything was wrong."


def test_fewer_sources_never_tell_more_modes_apart() -> None:
    """From what is not there nothing follows. What is no mode looks like itself alone."""
    numbers = [number_of_classes(told) for told in WIRES.values()]
    assert numbers[0] == max(numbers)
    assert numbers[-1] == min(numbers)
    assert class_of("unknown", TWO_TOPICS).slugs == {"unknown"}
