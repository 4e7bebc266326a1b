"""Somebody who acts on cars in a test, and remembers what that changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Seen(NamedTuple):
    """One hit: what, on which command or customer, and what lasts from when until when."""

    what: str
    command_id: str | None = None
    during_s: tuple[float, float] | None = None
    customer_id: str | None = None


@dataclass(eq=False)
class Suspect:
    """Implements `fleet_sim.cars.failpoints.Culprit`."""

    hits: list[Seen] = field(default_factory=list)

    def hit(
        self,
        vehicle_id: str,  # noqa: ARG002 - Culprit's form
        what: str,
        *,
        command_id: str | None = None,
        during_s: tuple[float, float] | None = None,
        customer_id: str | None = None,
    ) -> None:
        """Remember it."""
        self.hits.append(Seen(what, command_id, during_s, customer_id))
