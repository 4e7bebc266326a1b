"""Several monitors on one broker that count every customer once.

All of them hear all, commands as well as answers. A hash decides which monitor counts a car's
unlocks: rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit
rates", 1998). When a monitor starts or stops, only its own cars change hands. A broker's own
sharing (`$share`, MQTT 5, section 4.8.2) would give a command that is sent again to another
monitor, which knows nothing of the first time.

Each announces itself by a retained message, again and again, which its last will takes back. A new
monitor only listens at first: it must know commands that may be sent again before it counts.

A monitor that does not get the platform's log cannot count its lines. So each says how long ago a
line has come to it, and where that differs by much, those share that have the log.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import quote

from fleet_wire.clock import Clock
from fleet_wire.links.link import Will

GONE: Final = b""
"""An empty payload takes a retained message back."""
ANNOUNCED_AT: Final = "probes"
"""First level of the topics at which monitors announce themselves, below that the group."""
LISTENING: Final = b"listening"
PRESENT: Final = b"present"
"""Behind it, where the platform's log comes to who says so, the seconds since its last line."""
LOOK_S: Final = 1.0
"""The time after connecting within which a monitor knows the others [E]; a listening one announces
itself as often.
"""
ANNOUNCED_EVERY_S: Final = 10.0
SILENT_S: Final = 35.0
"""The silence after which a monitor counts as gone, though no last will arrived: the broker was
away at the same time. Three announcements, and a half.
"""
BACK_S: Final = 12.0
"""The time in which all are back after the broker was away: they connect again after 10 s at most.
"""
STOPS_S: Final = 2.0
"""The time after its clients' wills in which a stopping broker closes its connections: mosquitto
sends all wills first (2.0, src/mosquitto.c).
"""
NO_LOG_S: Final = 300.0
"""The age of a monitor's newest log line, beyond another's, from which it does not get the log: no
collector delays lines so long [E].
"""
_NEVER_S: Final = -math.inf
_MOST_DIGITS: Final = 9
"""The digits of another's seconds: a larger number is nobody's age."""


class _OtherMonitor(NamedTuple):
    """Another monitor. Times are on the monotonic clock."""

    counts: bool
    """Whether it counts, or only listens as yet."""
    heard_s: float
    """When it announced itself last."""
    log_s: float
    """When the last line of the platform's log came to it, as it said then."""


class Group:
    """The known monitors that share the customers; we ourselves always.

    A monitor that joins others listens for `listens_s` before it counts. A monitor that
    `reads_log`, a file, has the platform's log at all times; else it has it when lines arrive.
    """

    def __init__(
        self,
        name: str,
        client_id: str,
        *,
        clock: Clock,
        listens_s: float,
        reads_log: bool = False,
    ) -> None:
        self._begin = f"{ANNOUNCED_AT}/{name}/"
        self._name = quote(client_id, safe="")
        self._clock = clock
        self._listens_s = listens_s
        self._others: dict[str, _OtherMonitor] = {}
        self._left: dict[str, tuple[float, _OtherMonitor]] = {}
        """Withdrawn monitors, and when."""
        self._began_s = math.inf
        self._lost_s = math.inf
        """When the connection was lost, while there is none."""
        self._reads_log = reads_log
        self._line_s = _NEVER_S
        """When a line of the platform's log came to us last."""
        self._said_line_s = _NEVER_S
        """The same as the others know it: all have to share by the same."""
        self.counts = False
        """Whether we do more than listen."""

    @property
    def topic(self) -> str:
        """Return the topic of our announcement."""
        return self._begin + self._name

    @property
    def topic_filter(self) -> str:
        """Return the topic filter for all announcements."""
        return f"{self._begin}+"

    @property
    def will(self) -> Will:
        """Return the will that clears our announcement when the connection is lost."""
        return Will(self.topic, GONE)

    def begin_anew(self) -> None:
        """Handle a new connection: the broker reports now which monitors exist."""
        there, lost_s = self._there(), self._lost_s
        self._lost_s = math.inf
        self._began_s, self.counts = self._clock.monotonic_s(), False
        heard_s = self._began_s - SILENT_S + BACK_S
        away_s = max(self._began_s - lost_s, 0.0)  # nobody could say meanwhile that lines came
        self._said_line_s += away_s
        self._others = {
            member: one._replace(heard_s=heard_s, log_s=one.log_s + away_s)
            for member, one in there.items()
        }

    def on_connection_lost(self) -> None:
        """Handle the loss of the connection: nobody can be heard, and the known monitors stay.

        Else each would count what the log tells, where the broker is away for all of them. A
        monitor whose last will arrived a moment ago has lost its connection as we have.
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
        if not self.counts:
            return LISTENING
        now_s = self._clock.monotonic_s()
        self._said_line_s = now_s if self._reads_log else self._line_s
        if self._said_line_s == _NEVER_S:
            return PRESENT
        return b"%b %d" % (PRESENT, now_s - self._said_line_s)

    def line_came(self) -> None:
        """Handle a line of the platform's log."""
        self._line_s = self._clock.monotonic_s()

    @property
    def stands_by(self) -> bool:
        """Whether we count nothing, as the platform's log comes to others and not to us.

        A new monitor may only have seen no line yet.
        """
        newest_s = max([one.log_s for one in self._there().values()], default=_NEVER_S)
        is_told = newest_s > self._began_s + ANNOUNCED_EVERY_S
        return is_told and self.counts and self._name not in self._sharing()

    def next_in_s(self) -> float:
        """Return after how long to announce ourselves again."""
        return ANNOUNCED_EVERY_S if self.counts else LOOK_S

    def handle_message(self, topic: str, payload: bytes) -> bool:
        """Handle a message of the group; return whether it is one."""
        if not topic.startswith(self._begin):
            return False
        member = topic.removeprefix(self._begin)
        if payload and member != self._name:
            now_s = self._clock.monotonic_s()
            self._others[member] = _OtherMonitor(
                payload != LISTENING, now_s, now_s - _age_s(payload)
            )
        elif one := self._others.pop(member, None):
            self._left[member] = self._clock.monotonic_s(), one
        return True

    def is_ours(self, key: str) -> bool:
        """Return whether what is known by `key` is ours to count: true for one of us."""
        sharing = self._sharing()
        return max(sharing, key=lambda member: (_weight(member, key), member)) == self._name

    def _sharing(self) -> list[str]:
        """Return who counts, at least one of us.

        If nobody counts as yet, all listeners do. If some get the platform's log, they alone count:
        only they can count unlocks that never reached the broker.
        """
        there = self._there()
        log_s = {member: other.log_s for member, other in there.items() if other.counts}
        if not log_s and not self.counts:
            log_s = {member: other.log_s for member, other in there.items()}
        if self.counts or self._is_first():
            log_s[self._name] = self._said_line_s
        since_s = max(log_s.values()) - NO_LOG_S
        return [member for member, newest_s in log_s.items() if newest_s >= since_s]

    def _is_first(self) -> bool:
        """Return whether nobody who counts was heard of by this connection."""
        there, since_s = self._there(), self._began_s
        return not any(one.counts and one.heard_s >= since_s for one in there.values())

    def _there(self) -> dict[str, _OtherMonitor]:
        since_s = min(self._clock.monotonic_s(), self._lost_s) - SILENT_S
        return {member: one for member, one in self._others.items() if one.heard_s > since_s}


def _age_s(word: bytes) -> float:
    """Return how long ago a line of the platform's log came to who says this; infinity: never."""
    age = word.rpartition(b" ")[2]
    return float(age) if age.isdigit() and len(age) <= _MOST_DIGITS else math.inf


def _weight(member: str, key: str) -> bytes:
    return blake2b(f"{member}/{key}".encode(), digest_size=8).digest()
