"""What the diagnosis saw, in French: all sentences that the code can write."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import platform_probe.judge.diagnosis
from fleet_wire.modes.facts import FACTS, Fact
from platform_probe.tell.support.telling import _FACTS as FACTS_OF_A_CAUSE
from platform_probe.texts.catalogue import sentences_of
from platform_probe.web.console.sentences import language_told, translate

DIAGNOSIS = Path(platform_probe.judge.diagnosis.__path__[0])
WRITERS = [
    *sorted(DIAGNOSIS.glob("seen_of_*.py")),
    DIAGNOSIS / "accounts.py",
    DIAGNOSIS / "neighbour_facts.py",
]
UNITS = ("s", "min")
"""What stands in a place for how long something took, behind the number."""


def pieces(path: Path) -> Iterator[str]:
    """Yield what a module writes of more than one word, without its docstrings."""
    tree = ast.parse(path.read_text())
    docs = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Constant) and id(one) not in docs:
            text = str(one.value).strip()
            if " " in text:
                yield text


@pytest.mark.parametrize("path", WRITERS, ids=lambda path: path.stem)
def test_each_piece_that_is_written_stands_in_a_sentence(path: Path) -> None:
    """Whoever writes another sentence of evidence tells it in French too."""
    known = "\n".join(
        one.replace("{long}", f"{{long}} {unit}") for one in sentences_of("fr") for unit in UNITS
    )
    assert [piece for piece in pieces(path) if piece not in known] == []


@pytest.mark.parametrize("fact", Fact)
def test_what_was_not_seen_is_told_in_french(fact: Fact) -> None:
    """Each fact, by what it means."""
    meaning = FACTS[fact].meaning
    assert translate("fr", meaning) != meaning
    assert translate("fr", f"Expected, but not observed: {meaning}") == (
        f"Attendu, mais pas observé : {translate('fr', meaning)}"
    )


@pytest.mark.parametrize(
    ("words", "value"),
    [*zip(
        FACTS_OF_A_CAUSE.values(),
        (
            "online", "asleep", "30 s", "last_will", "2 min 5 s", "12 s", "12.31", "True",
            "car-00017", "taken over (2), dropped (1)", "result (2), state (1)", "expired",
        ),
        strict=True,
    )],
)  # fmt: skip
def test_what_the_cause_was_concluded_from_is_told_in_french(words: str, value: str) -> None:
    """Each line of it."""
    assert language_told("fr", words.format(value)) == "fr"


@pytest.mark.parametrize(
    "sentence",
    [
        "the box refused, and did not say why",
        "the box failed: the car's own network did not answer (can_bus_no_ack)",
        (
            "the command was sent 12 s after the request; no earlier one was under way, and the car"
            " had not to be woken"
        ),
        "the box told that it had opened the car at 08:15:02, 40 s after the request",
        "the car's battery fell from 12.61 to 12.31 V since 23:10:00",
        "its signal fell from -81 to -109 dBm",
        "the box restarted at 08:15:02, 12 min before the request, and 48 s before that",
        "the car's position is 45 min old",
        (
            "the cars that have lost their connection had used 50331648 to 52428800 bytes of mobile"
            " data, and no other car so much"
        ),
        "told to lock, the car sprang open again at 08:00:00, 15 min before the request",
        "a door was opened at 08:15:02, by another unlock",
        "the car counted as connected",
        (
            "the car counted as not connected since 08:00:00, 15 min before the request; its"
            " connection had broken (last will)"
        ),
        (
            "the broker gave the box's connection up after a long silence at 08:15:02, 7 s after"
            " the request"
        ),
        "its connection broke 2.3 s after the command",
        "the car opened at 08:20:00, on the connection that it had all the time",
        "the command of 08:14:58 was under way, as far as the platform said",
        "no command was sent until it should have ended",
        "the car reports every 1.8e+03 s, and had not done so",
        (
            "the car reports every 60 s, and had not done so, last at 08:10:00, 302 s before the"
            " request"
        ),
        (
            "100 or more secure connections to the broker failed over a certificate (TLS) while the"
            " box was away, the last at 08:15:02"
        ),
        (
            "the box tries its connection after 60 s, and connected again at 08:15:02, 132 s after"
            " a regular report had failed to come"
        ),
        "at 08:16:00, only 2 of 300 cars had lost their connection",
        (
            "by 08:16:00, 0 of 100 cars of this operator and region had been heard of since, nor"
            " any of 120 of others there; elsewhere 70 of 80"
        ),
        (
            "by 08:16:00, of 60 boxes that lost their connection within two minutes 58 or more were"
            " back, and this one was not"
        ),
        "the account acc-1 named no booking",
        "the account was 210 km away 60 s before",
        "the platform said yes to the app (202) before it was known how it ended",
        "the platform turned the request down (409 other-problem)",
        "the platform turned the request down and said why (no-booking)",
        "the platform sent the app to another address (302)",
        (
            "the platform said that the phone is not signed in (401 unauthenticated); of 12"
            " requests for other cars just then 0 were told so"
        ),
        "the car opened, and the platform has not answered the app",
        (
            "the car opened, and the platform answered the app with an error that says nothing of"
            " its cause (500 internal-error)"
        ),
        "the platform itself sent the same command 2 times more",
        "others have named the booking b-17 too, for other cars",
    ],
)
def test_what_is_put_together_is_told_in_french(sentence: str) -> None:
    """Sentences that are written in parts."""
    assert language_told("fr", sentence) == "fr"


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            "an unlock of the car failed at 08:15:02, 8 s before the request (api_failed)",
            (
                "une ouverture de la voiture a échoué à 08:15:02, 8 s avant la demande (échec de la"
                " plateforme)"
            ),
        ),
        (
            (
                "by 08:16:00, 3 of 7 other unlocks of app version 7.3.0 within ten minutes had"
                " failed alike, elsewhere 0 of 80"
            ),
            (
                "à 08:16:00, 3 autres ouvertures sur 7 en dix minutes (application 7.3.0) avaient"
                " échoué de la même façon, ailleurs 0 sur 80"
            ),
        ),
        (
            (
                "by 08:16:00, 3 of 7 other unlocks of region and operator north/operator-a within"
                " ten minutes had failed, elsewhere 0 of 80"
            ),
            (
                "à 08:16:00, 3 autres ouvertures sur 7 en dix minutes (région et opérateur"
                " north/operator-a) avaient échoué, ailleurs 0 sur 80"
            ),
        ),
        (
            "still locked: the boot, the immobiliser",
            "encore verrouillé : le coffre, l'antidémarrage",
        ),
        (
            "the driver's door is locked; unlocked: the bonnet, Vehicle.Cabin.Door.Row3",
            (
                "la portière du conducteur est verrouillée ; déverrouillé : le capot,"
                " Vehicle.Cabin.Door.Row3"
            ),
        ),
        ("the boot is open", "ouvert : le coffre"),
        (
            "by 08:16:00, 0 of 400 cars of this operator and region had been heard of since",
            (
                "à 08:16:00, aucune des 400 voitures de cet opérateur et de cette région ne s'était"
                " manifestée depuis"
            ),
        ),
        ("the car was open for 8.0 s", "la voiture a été ouverte pendant 8,0 s"),
        ("the box refused: ignition_on", "le boîtier a refusé : ignition_on"),
        ("at the end the box was asleep", "à la fin, le boîtier était : en veille"),
    ],
)
def test_evidence_is_said_so(english: str, french: str) -> None:
    """With the words of the pages, and what boxes and platform say as it is."""
    assert translate("fr", english) == french
