"""The brokers among which the cars of a fleet are spread.

A car's broker follows from its id and the number of brokers alone. Every process with the same
list, in the same order, looks for a car at the same broker.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from fleet_wire.error_text import shortened
from fleet_wire.errors import ConfigError
from fleet_wire.links.link import BrokerAddress

_MULTIPLIER: Final = 2862933555777941757
"""The multiplier of the generator in "A Fast, Minimal Memory, Consistent Hash Algorithm" (Lamping,
Veach 2014)."""
_BITS_64: Final = (1 << 64) - 1
_RANGE: Final = re.compile(r"\{([0-9]+)\.\.([0-9]+)\}")
_MOST_DIGITS: Final = 4
"""Most digits of a number in a range."""


@dataclass(frozen=True, slots=True)
class Brokers:
    """The brokers among which a fleet's cars are spread: at least one, each once."""

    addresses: tuple[BrokerAddress, ...]

    @classmethod
    def parse(cls, urls: str) -> Brokers:
        """Return the brokers of one URL, or of several with commas between.

        `mqtt://broker-{0..9}.broker:1883` is short for ten of them, as a shell writes it. Raises
        `ConfigError` for an invalid address, for a duplicate, and for a list that mixes brokers
        with and without TLS.
        """
        addresses = tuple(
            BrokerAddress.parse(url)
            for part in urls.split(",")
            for url in _expand_range(part.strip())
        )
        for number, address in enumerate(addresses):
            if address in addresses[:number]:
                raise ConfigError([f"broker {address}: stands in the list twice"])
            if address.is_tls != addresses[0].is_tls:
                first = addresses[0]
                raise ConfigError([f"brokers {first} and {address}: TLS for all of them, or none"])
        return cls(addresses)

    @property
    def first(self) -> BrokerAddress:
        """The first of them."""
        return self.addresses[0]

    @property
    def is_tls(self) -> bool:
        """Whether their connections are encrypted."""
        return self.first.is_tls

    @property
    def is_loopback(self) -> bool:
        """Whether all of them are on this machine."""
        return all(address.is_loopback for address in self.addresses)

    def of_car(self, vehicle_id: str) -> BrokerAddress:
        """Return the broker of a car."""
        return self.addresses[broker_of(vehicle_id, len(self.addresses))]

    def with_password(self, password: str | None) -> Brokers:
        """Return the same with a password, where there is one besides their own."""
        if password is None:
            return self
        return Brokers(tuple(replace(each, password=password) for each in self.addresses))

    def urls(self) -> str:
        """Return what `parse` takes, without passwords and queries."""
        return ",".join(map(str, self.addresses))

    def urls_with_secrets(self) -> str:
        """Return what `parse` takes: for the client that is to connect, and no log."""
        return ",".join(each.with_secrets() for each in self.addresses)

    def __str__(self) -> str:
        """Return them for people."""
        if len(self.addresses) == 1:
            return str(self.first)
        return f"{len(self.addresses)} brokers, {self.first} to {self.addresses[-1]}"


def _expand_range(url: str) -> Iterator[str]:
    """Yield the URLs that a range stands for; one without a range is itself."""
    found = _RANGE.search(url)
    if found is None:
        yield url
        return
    if max(map(len, found.groups())) > _MOST_DIGITS:
        most = "9" * _MOST_DIGITS
        raise ConfigError([f"broker {shortened(found[0])}: too long a range: it may go to {most}"])
    first, last = map(int, found.groups())
    if first > last:
        raise ConfigError([f"broker {found[0]}: expected {{{last}..{first}}}"])
    for number in range(first, last + 1):
        yield f"{url[: found.start()]}{number}{url[found.end() :]}"


def broker_of(vehicle_id: str, brokers: int) -> int:
    """Return the index of a car's broker in a list of `brokers`.

    A broker added at the end receives an equal share of cars from each other one. No car moves
    between the old brokers: jump consistent hash, see `_MULTIPLIER`.
    """
    if brokers == 1:
        return 0
    key = int.from_bytes(blake2b(vehicle_id.encode(), digest_size=8).digest(), "big")
    place, following = -1, 0
    while following < brokers:
        place = following
        key = (key * _MULTIPLIER + 1) & _BITS_64
        following = int((place + 1) * ((1 << 31) / ((key >> 33) + 1)))
    return place
