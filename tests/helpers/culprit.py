"""Somebody who acts on cars in a test, and remembers what that changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Seen(NamedTuple):
    """One hit: what, on which command, and for a connection from when until when."""

    what: str
    command_id: str | None = None
    during_s: tuple[float, float] | None = None


@dataclass(eq=False)
class Suspect:
    """Implements `fleet_sim.cars.failpoints.Culprit`."""

    hits: list[Seen] = field(default_factory=list)
    cars: set[str] = field(default_factory=set)
    """Who was hit."""

    def hit(
        self,
        vehicle_id: str,
        what: str,
        *,
        command_id: str | None = None,
        during_s: tuple[float, float] | None = None,
        customer_id: str | None = None,  # noqa: ARG002 - the form of a culprit
    ) -> None:
        """Remember it."""
        self.cars.add(vehicle_id)
        self.hits.append(Seen(what, command_id, during_s))
