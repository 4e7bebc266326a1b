"""The catalogue of modes: complete, sound, and the same list as that of the faults."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module

import pytest

from fleet_sim.faults import FAULTS
from fleet_wire.contract.causes import Cause
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import APP_RELEASE, MODES, by_slug
from fleet_wire.modes.facts import FACTS, Fact
from fleet_wire.modes.mode import NAMED_REASONS

MOST_LETTERS = 60


def test_modes_are_numbered_from_one() -> None:
    """None is missing, and none is there twice."""
    assert [mode.number for mode in MODES.values()] == [*range(1, len(MODES) + 1)]


@pytest.mark.parametrize(
    ("slug", "number"), [("ack_lost_executed", 9_999), ("a_new_one", 32)], ids=["slug", "number"]
)
def test_two_modes_of_one_slug_or_number_are_refused(slug: str, number: int) -> None:
    """The error names both."""
    mode = MODES["ack_lost_executed"]
    with pytest.raises(ConfigError, match=f"'{slug}' has .* 'ack_lost_executed'"):
        by_slug([mode, replace(mode, slug=slug, number=number)])


def test_a_mode_and_its_fault_stand_in_modules_of_one_name() -> None:
    """`modes/box.py` says what everybody knows, and `faults/box.py` what the simulator does."""
    for slug, mode in MODES.items():
        fault = FAULTS[slug]
        assert fault.mode is mode
        module = import_module(f"fleet_wire.modes.{fault.__module__.rpartition('.')[2]}")
        assert slug in [each.slug for each in module.MODES]


def test_a_signature_does_not_contradict_itself() -> None:
    """It cannot show what rules it out, by its nature or otherwise, and each may show something."""
    for slug, mode in MODES.items():
        signature = mode.signature
        its_own = signature.needs | signature.may_show
        assert its_own, slug
        assert signature.hallmarks <= its_own, slug
        assert signature.rules_out, slug
        assert not its_own & signature.rules_out, slug


def test_sentences_are_sentences() -> None:
    """Each can be read aloud, and what mends a car is true in messages of 72 cars too."""
    for mode in (*MODES.values(), APP_RELEASE):
        assert re.search(r"\bthis (car|box|SIM)\b", mode.mend or "") is None
        for sentence in filter(None, (mode.engineer, mode.customer, mode.ask, mode.now, mode.mend)):
            assert sentence[0].isupper(), sentence
            assert sentence.endswith("."), sentence
            assert len(sentence) < 200, sentence


def test_titles_are_short_and_tell_modes_apart() -> None:
    """They stand in tables and lists, where a slug says nothing to support."""
    titles = [mode.title for mode in MODES.values()]
    assert len(set(titles)) == len(titles)
    for title in titles:
        assert "_" not in title
        assert not title.endswith(".")
        assert len(title) <= MOST_LETTERS


def test_every_fact_has_a_meaning_and_tells_something() -> None:
    """A fact that no signature lists would be noted for nobody."""
    assert set(FACTS) == set(Fact)
    listed = {
        fact
        for mode in MODES.values()
        for fact in (mode.signature.needs | mode.signature.may_show | mode.signature.rules_out)
    }
    context = {Fact.NEVER_PRESENT, Fact.BROKER_UNREACHABLE, Fact.REFUSED_MALFORMED}
    assert set(Fact) - listed <= context


def test_a_reason_that_somebody_names_is_the_reason() -> None:
    """Each mode has it for its own, or is ruled out by it."""
    for slug, mode in MODES.items():
        signature = mode.signature
        its_own = signature.needs | signature.may_show
        assert signature.rules_out & NAMED_REASONS == NAMED_REASONS - its_own, slug


@pytest.mark.parametrize(
    ("slug", "seen", "is_possible"),
    [
        ("stuck_in_progress", {Fact.NOTHING_PUBLISHED, Fact.SAID_NO}, False),
        ("stuck_in_progress", {Fact.NOTHING_PUBLISHED, Fact.SAID_NO, Fact.SAID_BUSY}, True),
        ("stuck_in_progress", {Fact.WENT_WELL, Fact.EXECUTED_AGAIN}, False),
        ("stuck_in_progress", {Fact.NOTHING_PUBLISHED, Fact.NEVER_SENT}, True),
        ("shared_sub_stuck_consumer", {Fact.PLATFORM_MISSED_IT, Fact.NO_DOOR_OPENED}, True),
    ],
)
def test_physics_alone_contradicts_a_mode(slug: str, seen: set[Fact], *, is_possible: bool) -> None:
    """An earlier request shows itself; a customer who drives already opens no door."""
    contradicted = MODES[slug].signature.contradicted_by(seen, frozenset(FACTS))
    assert (not contradicted) == is_possible


def test_a_car_in_use_refuses_what_staff_asks_of_it() -> None:
    """That its driver is on the road says nothing of who asked."""
    assert Cause.VEHICLE_STATE in MODES["insider_or_support_unlock"].causes
