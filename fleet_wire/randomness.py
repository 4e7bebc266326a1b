"""Randomness that is handed in, split by name, and the same on every machine.

A stream is a keyed hash of (seed, name, draw number): it holds one key and one integer, costs
about a microsecond a draw, and two streams never influence each other, in whatever order they are
used. Adding a car, a fault or an unlock therefore changes no other car's draws.

The hash is BLAKE2b (RFC 7693) with its key parameter as the stream's key.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from statistics import NormalDist
from typing import Self

import msgspec

_NORMAL = NormalDist()
_SCALE = 2.0**-53


class RandomStream(msgspec.Struct, gc=False):
    """Draws numbered from 0. Equal seeds and names give equal draws, everywhere.

    A struct without garbage collection, since each car has five: that saves 16 bytes each.
    """

    _key: bytes
    _count: int = 0

    @classmethod
    def named(cls, seed: int, name: str) -> Self:
        """Return the stream of this name, before its first draw."""
        return cls(blake2b(f"{seed}/{name}".encode(), digest_size=16).digest())

    def uniform(self) -> float:
        """Return the next draw, 0 <= u < 1, with 53 random bits."""
        count = self._count
        self._count = count + 1
        digest = blake2b(count.to_bytes(8, "little"), digest_size=8, key=self._key).digest()
        return (int.from_bytes(digest, "little") >> 11) * _SCALE

    def constant(self) -> float:
        """Return the stream's own number, 0 <= u < 1: always the same one, and no draw."""
        return (int.from_bytes(self._key[:8], "little") >> 11) * _SCALE

    def between(self, low: float, high: float) -> float:
        """Return a uniform draw, low <= x < high."""
        return low + (high - low) * self.uniform()

    def index(self, size: int) -> int:
        """Return a uniform index, 0 <= i < size."""
        return int(self.uniform() * size)

    def exponential(self, mean: float) -> float:
        """Return an exponential draw with this mean."""
        return -mean * math.log1p(-self.uniform())

    def normal(self) -> float:
        """Return a standard normal draw, by inversion, so that one draw takes one number."""
        return _NORMAL.inv_cdf(max(self.uniform(), _SCALE))
