"""The clock of a box: its error, its time, and the checks that depend on it."""

from __future__ import annotations

from collections.abc import Sequence

from fleet_sim.cars.connection import ConnectedBox
from fleet_sim.cars.failpoints import CLOCK, Culprit

CERTIFICATES_BEGIN_UNIX_S = 1_577_836_800.0
"""2020-01-01: before this no certificate of a broker in use is valid yet [E]."""


class BoxClock:
    """A clock that is wrong by a few seconds, or by decades where it was without power.

    Faults may change its time at `failpoints.CLOCK`.
    """

    __slots__ = ("_box", "_error_s")

    def __init__(self, box: ConnectedBox) -> None:
        self._box = box
        self.synchronise()

    @property
    def own_unix_s(self) -> float:
        """Return what the clock shows now, in Unix seconds, without failpoint actions."""
        world = self._box.world  # asked for three times a command: no calls that can be spared
        return world.epoch_unix_s + world.clock_step.by_s + world.env.now + self._error_s

    @property
    def true_unix_s(self) -> float:
        """Return the time, in Unix seconds."""
        return self._box.world.unix_s_at(self._box.world.env.now)

    def believed_ms(self) -> int:
        """Return what the box believes the time to be, in Unix milliseconds from 1970 on."""
        unix_s = self.own_unix_s
        failpoints = self._box.failpoints
        if failpoints is not None:
            unix_s = failpoints.at(CLOCK, None, usual=unix_s)
        return int(unix_s * 1000) if unix_s > 0 else 0

    def trusts_certificates(self) -> tuple[bool, tuple[Culprit, ...]]:
        """Return whether it lets the box find the broker's certificate valid.

        And who has set it so that it says other than usual.
        """
        if not self._box.spec.parameters.needs_time_for_tls:
            return True, ()
        unix_s, changed_by = self._read_clock()
        trusts = unix_s >= CERTIFICATES_BEGIN_UNIX_S
        is_as_usual = trusts is (self.own_unix_s >= CERTIFICATES_BEGIN_UNIX_S)
        return trusts, () if is_as_usual else tuple(changed_by)

    def knows_the_time(self) -> bool:
        """Return whether certificates are valid at the time that it shows."""
        unix_s, _ = self._read_clock()
        return unix_s >= CERTIFICATES_BEGIN_UNIX_S

    def _read_clock(self) -> tuple[float, Sequence[Culprit]]:
        """Return its time in Unix seconds, and the faults that changed it; none gets a hit."""
        failpoints = self._box.failpoints
        if failpoints is None:
            return self.own_unix_s, ()
        return failpoints.fold(CLOCK, None, usual=self.own_unix_s)

    def lost_power(self) -> None:
        """Begin in 1970 again, where no battery of its own keeps the time."""
        if not self._box.spec.parameters.keeps_time:
            self._error_s = -self.true_unix_s

    def synchronise(self) -> None:
        """Set it by NITZ, NTP or GNSS: to within its usual error."""
        self._error_s = self._box.spec.parameters.clock_error.sample_s(self._box.stream)
