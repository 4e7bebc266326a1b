"""Several monitors on one broker that count every customer once.

The broker gives each command of a customer to one of them (`$share`, MQTT 5, section 4.8.2), and
what boxes say to all: the one that has the command knows its answers when they come. What never
came to the broker all of them read in the platform's log; whose it is to count says a hash over
those that are there now (rendezvous hashing, Thaler and Ravishankar, "Using name-based mappings to
increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998): when one comes or goes, only
what was or becomes its own changes hands. Each announces itself by a retained message, which its
last will takes back.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final
from urllib.parse import quote

from fleet_wire.links.announced import Announced

ANNOUNCED_AT: Final = "probes"
"""First level of the topics at which monitors announce themselves, below that the group."""
PRESENT: Final = b"present"


class Group(Announced):
    """Who shares the customers, as far as it is known; we ourselves always."""

    def __init__(self, name: str, client_id: str) -> None:
        super().__init__(f"{ANNOUNCED_AT}/{name}", quote(client_id, safe=""))
        self._members = {self._name}

    def __len__(self) -> int:
        """Return how many share, we among them."""
        return len(self._members)

    def take(self, topic: str, payload: bytes) -> bool:
        """Take a message of the group; return whether it is one."""
        if not topic.startswith(self._begin):
            return False
        member = topic.removeprefix(self._begin)
        if payload:
            self._members.add(member)
        elif member != self._name:
            self._members.discard(member)
        return True

    def is_ours(self, key: str) -> bool:
        """Return whether what is known by `key` is ours to count: true for one of us."""
        weights = {member: _weight(member, key) for member in self._members}
        return max(weights, key=lambda member: (weights[member], member)) == self._name


def _weight(member: str, key: str) -> bytes:
    return blake2b(f"{member}/{key}".encode(), digest_size=8).digest()
