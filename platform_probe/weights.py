"""The weights of the diagnosis, as they are shipped: read once, at the start."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from platform_probe.diagnosis.ranking import Ranking, read_weights, weights_by_signature

_PACKAGE = "platform_probe.diagnosis"
_FILE = "weights.json"


@cache
def shipped_ranking() -> Ranking:
    """Return the ranking with the weights that are shipped. Raises `ConfigError`."""
    file = files(_PACKAGE) / _FILE
    return Ranking(read_weights(file.read_bytes()) if file.is_file() else weights_by_signature())
