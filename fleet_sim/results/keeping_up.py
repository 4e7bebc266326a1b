"""Which parts of a run stood still or came too late: what they were asked for then tells little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fleet_sim.results import readable

LEAST_S: Final = 1.0
"""A probe that stood still for less in all has changed no conclusion."""


def could_not_keep_up(summary: Mapping[str, Any]) -> list[str]:
    """Return which parts could not keep up, and by how much; empty where all could."""
    probe = summary["probe"]
    still_s, dropped = probe.get("stood_still_s") or 0.0, probe.get("dropped") or 0
    of_probe = [f"silent for {readable.duration(still_s)}"] if still_s >= LEAST_S else []
    of_probe += [f"{readable.number_of(dropped, 'start')} dropped"] if dropped else []
    said = [*(summary["boxes"].get("silent_processes") or ())]
    return [*said, f"the probe: {', '.join(of_probe)}"] if of_probe else said
