"""Unlocks whose diagnosis may still change, and when they are looked at again. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.modes.facts import Fact, Told


class Look(NamedTuple):
    """When an unlock is to be looked at again."""

    at_s: float
    number: int
    attempt_id: str


@dataclass(slots=True, eq=False)
class OpenUnlock:
    """An unlock whose diagnosis may still change."""

    record: Attempt
    """As its stages say; facts are seen of this one."""
    began_s: float
    named: Attempt | None = None
    """With its mode, and the cause that follows."""
    revision: int = 0
    late: dict[str, float] = field(default_factory=dict)
    basis: tuple[frozenset[Fact], frozenset[Told]] | None = None
    """Facts and sources of the last revision."""
    looks_at_s: float = 0.0
    kept: dict[Fact, str] = field(default_factory=dict)
    """What was seen at earlier looks and stays true."""
    called_s: float | None = None
    """When its customer called support."""
    last: Diagnosis | None = None
