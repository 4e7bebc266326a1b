"""Incidents to be diagnosed: scenarios drawn by seed, for every fault that there is.

A fault is in the score by existing; its `drawing` says how. Training incidents come from seeds
below `HELD_OUT_SEEDS` and from its ranges themselves. Scoring incidents come from seeds above, and
from ranges that are a quarter wider at both ends.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fleet_sim.faults import FAULTS
from fleet_wire.modes.catalogue import MODES
from fleet_wire.randomness import RandomStream

HELD_OUT_SEEDS: Final = 1_000
"""Incidents with this seed or a higher one were never tuned with."""
WIDER: Final = 0.25


class Loss(StrEnum):
    """Evidence that a monitor may lack."""

    NOTHING = "nothing"
    HEARTBEATS = "heartbeats"
    PLATFORM_LOG = "platform_log"
    BROKER_LOG = "broker_log"
    MAPPED_WIRE = "mapped_wire"
    """Two topics: a command and its answer, of another form than the contract's."""


MIX: Final = (
    Loss.NOTHING, Loss.HEARTBEATS, Loss.NOTHING, Loss.PLATFORM_LOG,
    Loss.NOTHING, Loss.BROKER_LOG, Loss.NOTHING, Loss.MAPPED_WIRE,
)  # fmt: skip
"""Missing sources of the incidents, in turn; half of the incidents miss none [E]."""
LEARNED_USUAL: Final = range(4)
LEARNED_WIDE: Final = range(2, 4)
LEARNED_ROWS: Final = 40
"""Seeds of the incidents to tune with: of each fault as usual and drawn widely, and of those with
several faults in a row."""
IN_A_ROW: Final = 4
"""Faults of an incident in which one comes after the other."""
WIDE_MIX: Final = (
    Loss.NOTHING, Loss.MAPPED_WIRE, Loss.NOTHING, Loss.PLATFORM_LOG,
    Loss.MAPPED_WIRE, Loss.NOTHING, Loss.BROKER_LOG,
)  # fmt: skip
"""Missing sources of widely drawn incidents, in turn. Some of their fleets have no heartbeats."""
MAPPED_WIRE: Final = "two-topics.yaml"
"""File beside the scenario that has `TWO_TOPICS`."""
TWO_TOPICS: Final = """
command:
  topic: v1/{vehicle_id}/cmd
  fields:
    command_id: /id
    action: { at: /op, values: { OPEN: unlock, CLOSE: lock } }
result:
  topic: v1/{vehicle_id}/ack
  fields:
    command_id: /id
    phase: { at: /status, values: { OK: executed }, otherwise: refused }
    reason: { at: /status, otherwise: failed }
"""
"""A wire that says nothing but a command and its answer: no presence, state or heartbeat."""


class Incident(NamedTuple):
    """What is injected, by which seed, and what evidence is lost."""

    faults: tuple[str, ...]
    """None of them: a healthy fleet."""
    seed: int
    loss: Loss = Loss.NOTHING
    is_short: bool = False
    """A test's incident: the smallest fleet, observed for a part of the ten minutes."""
    is_wide: bool = False
    """Of other lengths, severities, fleets and wires than the usual draw; several faults come one
    after the other."""
    outlasts: bool = False
    """Its faults last as long as the monitor watches."""
    is_of_many: bool = False
    """To be noticed: there are customers, and faults that would strike single cars one by one
    strike all of a group at once."""

    @property
    def is_held_out(self) -> bool:
        """Whether nobody has tuned with it."""
        return self.seed >= HELD_OUT_SEEDS


OLD_MODEMS: Final = ("gsm", "umts")
CHATTY_HEARTBEAT_S: Final = 3.0
REGIONS: Final = ("north", "south", "east")
OPERATORS: Final = ("operator-a", "operator-b")
FIRMWARES: Final = ("2.4.1", "2.5.0")
HARDWARES: Final = ("tcu-2", "tcu-3")
VALUES: Final = {
    "region": REGIONS,
    "operator": OPERATORS,
    "firmware": FIRMWARES,
    "hardware": HARDWARES,
}


def scored_faults() -> tuple[str, ...]:
    """Return the faults that are modes of the catalogue, in its order."""
    return tuple(slug for slug in MODES if slug in FAULTS)


def loss_of(fault: str, number: int) -> Loss:
    """Return what the incident of this number lacks: faults next to each other other things.

    So a run with one incident of each fault holds every loss, and one with eight each fault with
    every loss.
    """
    return MIX[([*MODES].index(fault) + 3 * number) % len(MIX)]


def drawn_rows(number: int, first_seed: int) -> list[Incident]:
    """Return incidents with several faults, one after the other, whatever sources they lack."""
    stream = RandomStream.named(first_seed, "score/in a row")
    names = [
        name
        for name in scored_faults()
        if not (FAULTS[name].drawing.needs_old_modems or FAULTS[name].drawing.needs_talkers)
    ]
    found = []
    for each in range(number):
        left = [*names]
        faults = tuple(left.pop(stream.index(len(left))) for _ in range(IN_A_ROW))
        loss = WIDE_MIX[each % len(WIDE_MIX)]
        found.append(Incident(faults, first_seed + each, loss, is_wide=True))
    return found


def wide_incident(fault: str, number: int) -> Incident:
    """Return the widely drawn incident of this number, which may lack a source."""
    loss = WIDE_MIX[([*MODES].index(fault) + number) % len(WIDE_MIX)]
    return Incident((fault,), number, loss, is_wide=True)


def learned_incidents() -> list[Incident]:
    """Return the incidents that weights are learned from."""
    names = scored_faults()
    return [
        *(Incident((), number) for number in LEARNED_USUAL),
        *(Incident((), number, is_wide=True) for number in LEARNED_WIDE),
        *(
            Incident((name,), number, loss_of(name, number))
            for number in LEARNED_USUAL
            for name in names
        ),
        *(wide_incident(name, number) for number in LEARNED_WIDE for name in names),
        *drawn_rows(LEARNED_ROWS, 0),
    ]


def other_incidents(number: int, first_seed: int) -> dict[str, list[Incident]]:
    """Return incidents of other kinds than the usual ones, by kind."""
    stream = RandomStream.named(first_seed, "score/others")
    names = scored_faults()
    drawn = [names[stream.index(len(names))] for _ in range(number)]
    seeds = range(first_seed, first_seed + number)
    return {
        "outlasting": [
            Incident((name,), seed, outlasts=True) for name, seed in zip(drawn, seeds, strict=True)
        ],
        "widely drawn": [
            Incident((name,), seed, is_wide=True) for name, seed in zip(drawn, seeds, strict=True)
        ],
        "in a row": drawn_rows(max(number // IN_A_ROW, 1), first_seed),
        "mapped wires": [
            Incident((name,), seed, Loss.MAPPED_WIRE, is_wide=True)
            for name, seed in zip(drawn, seeds, strict=True)
        ],
    }
