"""Attribution of a broken connection to faults."""

from __future__ import annotations

from fleet_sim.cars.failpoints import Culprit


class Blame:
    """The faults behind one box's broken connection; a box that none has touched has no blame."""

    __slots__ = ("_by", "on_trial_since_s")

    def __init__(self) -> None:
        self._by: dict[Culprit, tuple[str, float]] = {}
        """The cause and the start of each effect on the connection, until it is whole again."""
        self.on_trial_since_s: float | None = None
        """When a connection has come back that the broker may have closed meanwhile."""

    def note(self, culprit: Culprit, what: str, now_s: float) -> None:
        """Note who did what to the connection."""
        self._by.setdefault(culprit, (what, now_s))

    def report(self, vehicle_id: str, until_s: float) -> None:
        """Report the hit to each of them, from its start to `until_s`, and begin anew."""
        by, self._by = self._by, {}
        for culprit, (what, since_s) in by.items():
            culprit.hit(vehicle_id, what, during_s=(since_s, max(since_s, until_s)))
