"""Several monitors on one broker that count every customer once.

All of them hear all, commands as well as answers; whose a car's unlocks are says a hash over those
that are there now (rendezvous hashing, Thaler and Ravishankar, "Using name-based mappings to
increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998): when one comes or goes, only
what was or becomes its own changes hands. A broker's own sharing (`$share`, MQTT 5, section 4.8.2)
would give a command that is sent again to another monitor, which knows nothing of the first time.

Each announces itself by a retained message, again and again, which its last will takes back. Who
comes to others only listens at first: it must know what may be sent again before it counts.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import quote

from fleet_wire.clock import Clock
from fleet_wire.links.announced import Announced

ANNOUNCED_AT: Final = "probes"
"""First level of the topics at which monitors announce themselves, below that the group."""
LISTENING: Final = b"listening"
PRESENT: Final = b"present"
LOOK_S: Final = 1.0
"""So long after it has connected a monitor knows who else is there [E]; whoever listens says so as
often."""
ANNOUNCED_EVERY_S: Final = 10.0
SILENT_S: Final = 35.0
"""Who has not announced itself for so long is gone, though no last will said so: the broker was
away at the same time. Three announcements, and a half."""
BACK_S: Final = 12.0
"""So soon all are back after the broker was away: they connect again after 10 s at most."""
STOPS_S: Final = 2.0
"""So soon after its clients' wills a broker that stops closes its connections: mosquitto sends all
wills first (2.0, src/mosquitto.c)."""


class _Other(NamedTuple):
    """Another monitor."""

    counts: bool
    """Whether it counts, or only listens as yet."""
    heard_s: float
    """When it announced itself last, on the monotonic clock."""


class Group(Announced):
    """Who shares the customers, as far as it is known; we ourselves always.

    Whoever comes to others that count already listens for `listens_s` before it does as well.
    """

    def __init__(self, name: str, client_id: str, *, clock: Clock, listens_s: float) -> None:
        super().__init__(f"{ANNOUNCED_AT}/{name}", quote(client_id, safe=""))
        self._clock = clock
        self._listens_s = listens_s
        self._others: dict[str, _Other] = {}
        self._left: dict[str, tuple[float, _Other]] = {}
        """Who was taken back, and when."""
        self._began_s = math.inf
        self._lost_s = math.inf
        """When the connection was lost, while there is none."""
        self.counts = False
        """Whether we do more than listen."""

    def begin_anew(self) -> None:
        """Take that there is a new connection: the broker tells now who else is there."""
        there, self._lost_s = self._there(), math.inf
        self._began_s, self.counts = self._clock.monotonic_s(), False
        heard_s = self._began_s - SILENT_S + BACK_S
        self._others = {member: one._replace(heard_s=heard_s) for member, one in there.items()}

    def lost(self) -> None:
        """Take that there is no connection: nobody can be heard, and who is there stays as it was.

        Else each would count what the log tells, where the broker is away for all of them. Whose
        last will came a moment ago has lost its connection as we have.
        """
        now_s = self._clock.monotonic_s()
        self._lost_s = min(self._lost_s, now_s)
        for member, (left_s, one) in self._left.items():
            if now_s - left_s < STOPS_S:
                self._others.setdefault(member, one)
        self._left.clear()

    def announcement(self) -> bytes:
        """Return what to say of ourselves now."""
        listened_s = self._clock.monotonic_s() - self._began_s
        if listened_s >= (LOOK_S if self._is_first() else self._listens_s):
            self.counts = True
        return PRESENT if self.counts else LISTENING

    def next_in_s(self) -> float:
        """Return after how long to announce ourselves again."""
        return ANNOUNCED_EVERY_S if self.counts else LOOK_S

    def take(self, topic: str, payload: bytes) -> bool:
        """Take a message of the group; return whether it is one."""
        if not topic.startswith(self._begin):
            return False
        member = topic.removeprefix(self._begin)
        if payload and member != self._name:
            self._others[member] = _Other(payload != LISTENING, self._clock.monotonic_s())
        elif one := self._others.pop(member, None):
            self._left[member] = self._clock.monotonic_s(), one
        return True

    def is_ours(self, key: str) -> bool:
        """Return whether what is known by `key` is ours to count: true for one of us.

        Where nobody counts as yet, all who listen do.
        """
        there = self._there()
        sharing = [member for member, other in there.items() if other.counts]
        if not sharing and not self.counts:
            sharing = [*there]
        if self.counts or self._is_first():
            sharing.append(self._name)
        return max(sharing, key=lambda member: (_weight(member, key), member)) == self._name

    def _is_first(self) -> bool:
        """Return whether nobody who counts was heard of by this connection."""
        there, since_s = self._there(), self._began_s
        return not any(one.counts and one.heard_s >= since_s for one in there.values())

    def _there(self) -> dict[str, _Other]:
        since_s = min(self._clock.monotonic_s(), self._lost_s) - SILENT_S
        return {member: one for member, one in self._others.items() if one.heard_s > since_s}


def _weight(member: str, key: str) -> bytes:
    return blake2b(f"{member}/{key}".encode(), digest_size=8).digest()
