"""The prior of the weights: what was believed before the incidents were drawn.

`prior.json` declares it. Its part `earlier` is what an earlier program learned from 1,342 incidents
of the usual draw. Its part `by_hand` was set by hand on fleets that others made, and goes over it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from platform_probe.judge.diagnosis.ranking import FORM, read_weights, within_signatures

PRIOR: Final = Path(__file__).with_name("prior.json")
_PARTS: Final = ("bias", "seen", "unseen")


def read_prior() -> dict[str, Any]:
    """Return the prior as weights: what signatures allow of it. Raises `ConfigError`."""
    declared = msgspec.json.decode(PRIOR.read_bytes())
    weights: dict[str, Any] = {part: declared["earlier"][part] for part in _PARTS}
    weights["bias"] |= declared["by_hand"]["bias"]
    for part in _PARTS[1:]:
        for mode, its in declared["by_hand"][part].items():
            weights[part].setdefault(mode, {}).update(its)
    text = {"version": FORM, "made_by": str(PRIOR), "temperature": 1.0, **weights}
    held = within_signatures(read_weights(msgspec.json.encode(text)))
    return {part: msgspec.to_builtins(getattr(held, part)) for part in _PARTS}
