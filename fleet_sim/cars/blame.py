"""Attribution of what goes wrong for a while to faults."""

from __future__ import annotations

from fleet_sim.cars.failpoints import Culprit


class Blame:
    """The faults behind a box's broken connection, or behind what goes wrong for a customer.

    A box or a customer that none has touched has no blame.
    """

    __slots__ = ("_by", "on_trial_since_s")

    def __init__(self) -> None:
        self._by: dict[Culprit, tuple[str, float]] = {}
        """The cause and the start of each effect, until all is well again."""
        self.on_trial_since_s: float | None = None
        """When a connection has come back that the broker may have closed meanwhile."""

    def note(self, culprit: Culprit, what: str, now_s: float) -> None:
        """Note who did what to the connection."""
        self._by.setdefault(culprit, (what, now_s))

    def report(self, vehicle_id: str, until_s: float, *, customer_id: str | None = None) -> None:
        """Report the hit to each of them, from its start to `until_s`, and begin anew."""
        by, self._by = self._by, {}
        for culprit, (what, since_s) in by.items():
            during_s = since_s, max(since_s, until_s)
            culprit.hit(vehicle_id, what, during_s=during_s, customer_id=customer_id)
