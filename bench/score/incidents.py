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
LEARNED_BESIDE: Final = (
    Loss.MAPPED_WIRE, Loss.PLATFORM_LOG, Loss.MAPPED_WIRE, Loss.PLATFORM_LOG, Loss.MAPPED_WIRE,
    Loss.NOTHING, Loss.BROKER_LOG,
)  # fmt: skip
"""Missing sources of training incidents, after those of `MIX`. Most modes look different without
them, and leaving out evidence cannot imitate them."""
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


def learned_loss_of(fault: str, number: int) -> Loss:
    """Return what the incident of this number lacks that weights are learned from."""
    if number < len(MIX):
        return loss_of(fault, number)
    return LEARNED_BESIDE[(number - len(MIX)) % len(LEARNED_BESIDE)]
