"""Sentences of the records in French: history of incidents, and who else has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from bench.detection.town import EPOCH_S
from bench.detection.watching import TurnedTime
from fleet_wire.contract.incident import (
    ActionKind,
    ChangeKind,
    Incident,
    IncidentAction,
    IncidentKind,
)
from platform_probe.diagnosis.cohorts.begin import Begin
from platform_probe.diagnosis.cohorts.find import Absence, Cohort, Trait
from platform_probe.diagnosis.cohorts.words import utc_clock
from platform_probe.incidents.incidents import QUIET_S, Incidents
from platform_probe.incidents.joining import UNSEEN_S
from platform_probe.incidents.maintenance import MaintenanceWindow
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source
from platform_probe.support.cohorts import Around, around_in_words
from platform_probe.support.fitting import Wanted
from platform_probe.support.looking_up import look_up_in
from platform_probe.support.timeline import timeline_of
from platform_probe.web.console.sentences import language_told, told
from platform_probe.web.console.texts import sentences_of
from tests.helpers.busy_store import make_busy_store
from tests.helpers.findings import finding

AT = EPOCH_S
NORTH = (Trait("firmware", "2.4.1"), Trait("region", "north"))
COHORT = Cohort(
    traits=NORTH, probability=0.97, attempts=36, failures=31, attempts_elsewhere=410,
    failures_elsewhere=2, begin=Begin(AT, AT - 60, AT + 30),
)  # fmt: skip
AROUND = Around(
    since=AT, attempts=446, failures=33, found=(COHORT,), ranked=(COHORT,), none_probability=0.0,
    absence=None, cars=(), same=((),), is_of_kind=True,
)  # fmt: skip


WINDOW = MaintenanceWindow(
    name="new antennas", since=EPOCH_S, until=EPOCH_S + 600.0, cohort={"region": "south"}
)


def places(text: str) -> set[str]:
    """Return the names of the places in a sentence."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_each_sentence_has_the_same_places() -> None:
    """What an English one names the French one says too."""
    texts = sentences_of("fr")
    assert [one for one, said in texts.items() if places(one) != places(said)] == []


class Lives:
    """Incidents in time that a test turns, and all that they told."""

    def __init__(self) -> None:
        self.time, self.revisions = TurnedTime(), list[Incident]()
        self.incidents = Incidents(
            clock=self.time, tell=self.revisions.append, words=utc_clock, name="test",
            windows=(WINDOW,),
        )  # fmt: skip

    def take(self, number: int = 1, **changes: Any) -> None:
        """Take a finding of now, a minute after the one before."""
        self.wait(60.0)
        self.incidents.take(finding(number, at=EPOCH_S + self.time.now_s, **changes))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.time.go_to(self.time.now_s + seconds)
        self.incidents.tick()

    def act(self, kind: ActionKind, reason: str | None = None) -> None:
        """Do something to the last incident."""
        its, at = self.revisions[-1].incident_id, EPOCH_S + self.time.now_s
        action = IncidentAction(incident_id=its, kind=kind, by="Ada", at=at, reason=reason)
        self.incidents.act(action)


def grown(lives: Lives) -> None:
    """Let cars be lost, then customers be hit, and people act."""
    lost: dict[str, Any] = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {}}
    nobody: frozenset[str] = frozenset()
    lives.take(1, **lost, failed=8, customers=nobody)
    lives.take(1, **lost, failed=20, customers=nobody, cars=frozenset(map(str, range(20))))
    lives.take(2)
    many = frozenset(map(str, range(30)))
    lives.take(2, since=EPOCH_S - 600.0, customers=many)
    lives.take(2, failed=30, customers=many)
    for kind in (ActionKind.ACKNOWLEDGE, ActionKind.MUTE, ActionKind.UNMUTE, ActionKind.CLOSE):
        lives.act(kind, "the operator knows" if kind is not ActionKind.UNMUTE else None)


def come_back(lives: Lives) -> None:
    """Let one be over, and come back, before it is taken for over and after; its mute ends."""
    lives.take(1)
    lives.act(ActionKind.MUTE)
    lives.take(1, is_over=True)
    lives.wait(UNSEEN_S)
    lives.take(1)
    lives.take(1, is_over=True)
    for _ in range(4):
        lives.wait(QUIET_S)
    lives.take(2)


def joined_and_split(lives: Lives) -> None:
    """Let two prove to be one, and another one be a part of it."""
    lives.take(1)
    lives.take(2, cohort={"region": "north"}, cars=frozenset({"car-90"}))
    lives.take(2, cohort={"operator": "operator-a"}, failed=20)
    lives.wait(60.0)
    apart = {"cohort": {"region": "east"}, "cars": frozenset({"car-91"})}
    lives.take(3, split_from=1, since=EPOCH_S - 90_000.0, **apart)


def expected(lives: Lives) -> None:
    """Let one be within a maintenance window, and outlast it."""
    lives.take(1, cohort={"region": "south"})
    lives.wait(900.0)
    lives.take(2, cohort={"region": "east"}, sure=0.5, cars=frozenset({"car-90"}))


def beyond(lives: Lives) -> None:
    """Let one reach beyond its window; let one end in it; let a part prove to be of another."""
    south, north = {"region": "south"}, {"region": "north"}
    lives.take(1, cohort=south)
    lives.take(1, cohort={})
    lives.wait(10.0)
    lives.take(1, cohort=south)
    lives.wait(10.0)
    lives.take(1, cohort={"operator": "operator-a"})
    lives.wait(10.0)
    lives.take(1, cohort=south, is_over=True)
    lives.wait(60.0)
    lives.wait(70.0)
    lives.wait(600.0)
    others = frozenset({"car-90"})
    lives.take(2, cohort=north, cars=others, kind=IncidentKind.CARS_LOST, what="cars_lost")
    lives.take(3, cohort={}, cars=others)
    lives.take(3, cohort={"region": "east"}, failed=30)
    lives.take(4, cohort=north, split_from=3)
    lives.wait(60.0)


def test_the_history_of_an_incident_is_told_in_french() -> None:
    """Whatever happens to one."""
    sentences: dict[str, ChangeKind] = {}
    for life in (grown, come_back, joined_and_split, expected, beyond):
        lives = Lives()
        life(lives)
        sentences |= {one.sentence: one.kind for each in lives.revisions for one in each.changes}
    assert [one for one in sentences if told("fr", one) == one] == []
    assert set(ChangeKind) - set(sentences.values()) == set()
    for one in ("reaches beyond", "seen lately", "another incident: "):
        assert any(one in each for each in sentences)


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            (
                "critical: 343 of 400 cars lost (86 %), 0.1 % expected; elsewhere 0 of 400;"
                " more than 99.9 % sure that this is no chance"
            ),
            (
                "critique : 343 voitures sur 400 perdues (86 %), 0,1 % attendus ; ailleurs 0 sur"
                " 400 ; sûr à plus de 99,9 % que ce n'est pas un hasard"
            ),
        ),
        (
            (
                "it is now believed to be: Port: the broker holds messages to the car back; before:"
                " Boxes report and hear nothing"
            ),
            (
                "on pense maintenant à : Port\u00a0: le broker retient les messages pour la"
                " voiture ; avant : Les boîtiers émettent et n'entendent rien"
            ),
        ),
        (
            "now critical: Port: boxes silent, 55 of 60 cars lost (92 %), 0.1 % expected",
            (
                "maintenant critique : Port\u00a0: boîtiers muets, 55 voitures sur 60"
                " perdues (92 %), 0,1 % attendus"
            ),
        ),
        (
            (
                "now critical: Port: boxes silent; doors open after their customer was told no,"
                " 5 of 40 hit (12 %), 0.1 % expected"
            ),
            (
                "maintenant critique : Port\u00a0: boîtiers muets ; des portières"
                " s'ouvrent après un refus annoncé au client, 5 sur 40 touchés (12 %), 0,1 %"
                " attendus"
            ),
        ),
        ("amelie closes it: failed", "amelie le clôt : failed"),  # what people say stays
        ("jo looks after it: asked for in Slack", "jo s'en occupe : demandé dans Slack"),
        (
            "somebody in Slack mutes it until 08:15: asked for in Slack",
            "quelqu'un dans Slack le met en sourdine jusqu'à 08:15 : demandé dans Slack",
        ),
    ],
)
def test_numbers_and_names_are_put_in(english: str, french: str) -> None:
    """Numbers as the language writes them, names and reasons as they are."""
    assert told("fr", english) == french
    assert (language_told("fr", english), language_told("en", english)) == ("fr", "en")


@pytest.mark.parametrize(
    "around",
    [
        AROUND,
        replace(AROUND, is_of_kind=False, found=(replace(COHORT, begin=None),)),
        replace(AROUND, found=(COHORT, replace(COHORT, probability=0.3)), same=((), (NORTH[:1],))),
        replace(AROUND, found=(replace(COHORT, begin=Begin(AT, AT, AT)),)),
        *(
            replace(AROUND, found=(), same=(), absence=absence, cars=("car-1", "car-2"))
            for absence in Absence
        ),
    ],
)
def test_who_else_has_it_is_told_in_french(around: Around) -> None:
    """Each cohort and what nobody can tell from it, or that there is none."""
    said = told("fr", around_in_words(around, utc_clock))
    assert not {"failures", "attempts", "elsewhere", "it began", "no cohort"} & {
        word for word in ("failures", "attempts", "elsewhere", "it began", "no cohort")
        if word in said
    }  # fmt: skip
    assert "depuis 23:59" in said or "depuis 00:00" in said
    assert "%)" not in said or "que ce groupe soit en cause est" in said  # of what it is so sure


def test_what_happened_is_told_in_french(tmp_path: Path) -> None:
    """Every line of every unlock, and who did it."""
    make_busy_store(tmp_path)
    source = Source(tmp_path)

    def lines(duck: Duck) -> set[str]:
        ids = [row[0] for row in duck.run("SELECT attempt_id FROM attempts")]
        cases = (look_up_in(duck, source, Wanted(attempt=one), AT) for one in ids)
        return {text for case in cases for one in timeline_of(case) for text in (one.who, one.what)}

    found = source.read(lines)
    assert {one for one in found if told("fr", one) == one} <= {"broker"}
    assert len(found) > 20


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            "unknown: box_offline; the box did not confirm the command",
            "issue inconnue : boîtier hors ligne ; le boîtier n'a pas confirmé la commande",
        ),
        ("asks to open the car (app 7.3.0, 3 times)", "demande d'ouvrir la voiture (application"),
        (
            "another customer asks to open it too: it opened after 2.9 s",
            "un autre client demande aussi à l'ouvrir : elle s'est ouverte après 2,9 s",
        ),
        (
            "takes unlock no. 2 for refused (busy) (another customer)",
            "compte « ouvrir n° 2 » comme refused (busy) (un autre client)",
        ),
        (
            "calls support; the app had shown: No connection (another customer)",
            "appelle le support ; l'application avait affiché : No connection (un autre client)",
        ),
        ("reports: locked, door open, 12.4 V", "signale : verrouillée, portière ouverte, 12,4 V"),
        (
            "last regular report before, signal -81 dBm, 12.4 V",
            "dernier message régulier avant, signal -81 dBm, 12,4 V",
        ),
        (
            "answers late: executed: the car has OPENED, too late",
            "répond en retard : executed : la",
        ),
    ],
)
def test_lines_of_what_happened(english: str, french: str) -> None:
    """With the words of the pages for causes, and the names of apps and answers as they are."""
    assert told("fr", english).startswith(french)


def test_what_is_not_known_stays_as_it_is() -> None:
    """A sentence of another version, or one that somebody made very long."""
    for text in ("something new happened", "it is back. And something new", "it is back " * 1_000):
        assert told("fr", text) == text
