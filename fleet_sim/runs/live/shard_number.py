"""Which part of a fleet a process plays: K of N, as it is told, or as its pod is numbered."""

from __future__ import annotations

import re
import socket
from typing import Final

from fleet_wire.error_text import shortened
from fleet_wire.errors import ConfigError

OF_THE_POD: Final = "pod"
"""In place of K: the number of this pod."""
MAX_SHARDS: Final = 100_000
_POD: Final = re.compile(r".*-(\d{1,6})")
"""How Kubernetes calls the pods of a StatefulSet, and of an indexed Job: NAME-0, NAME-1, ..."""


def parse_shard(text: str) -> tuple[int, int]:
    """Return K and N of `K/N`, 1 <= K <= N, or of `pod/N` in a pod. Raises `ConfigError`."""
    number, _, total = text.partition("/")
    if _is_number(total) and 1 <= int(total) <= MAX_SHARDS:
        if number == OF_THE_POD:
            return _number_of_pod(int(total)), int(total)
        if _is_number(number) and 1 <= int(number) <= int(total):
            return int(number), int(total)
    expected = (
        f"expected K/N with 1 <= K <= N <= {MAX_SHARDS:,}, for example 2/4, or pod/4 in a pod of 4"
    )
    raise ConfigError([f"--shard {shortened(repr(text))}: {expected}"])


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_SHARDS))


def _number_of_pod(total: int) -> int:
    """Return which of `total` pods this is, from 1, by the end of the host's name."""
    host = socket.gethostname().partition(".")[0]
    found = _POD.fullmatch(host)
    asked_for = f"--shard {OF_THE_POD}/{total}"
    if found is None:
        problem = f"{asked_for}: this host is called {host!r}, and no pod of a StatefulSet or an"
        raise ConfigError([f"{problem} indexed Job, NAME-NUMBER; elsewhere say --shard K/N"])
    number = int(found[1]) + 1
    if number > total:
        problem = f"{asked_for}: pod {host} is number {number}: there are more pods than shards"
        raise ConfigError([f"{problem}; give all of them the number of pods that there are"])
    return number
