"""The weights of the diagnosis, as they are shipped: read once, at the start."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from platform_probe.judge.diagnosis.ranking import Ranking, Weights, read_weights

_PACKAGE = "platform_probe.judge.diagnosis"
_FILE = "weights.json"


def weights_file() -> Traversable:
    """Return the file of the weights that are shipped."""
    return files(_PACKAGE) / _FILE


def shipped_weights() -> Weights:
    """Return the weights that are shipped. Raises `ConfigError`."""
    return read_weights(weights_file().read_bytes())


@cache
def shipped_ranking() -> Ranking:
    """Return the ranking with these weights, the same each time. Raises `ConfigError`."""
    return Ranking(shipped_weights())
