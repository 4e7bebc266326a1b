"""The colours of outcomes and causes, the same in every plot and table."""

from __future__ import annotations

from itertools import cycle

from fleet_wire.contract.causes import CAUSES, Outcome, Party

OUTCOME_COLOURS: dict[str, str] = {
    Outcome.OK: "#0b9e77",
    Outcome.REFUSED: "#e3a008",
    Outcome.FAILED: "#d1481f",
    Outcome.UNKNOWN: "#8460d0",
}
"""After Okabe and Ito (Color Universal Design, 2008): apart for every common kind of sight."""

_PARTY_SHADES: dict[Party, tuple[str, ...]] = {
    Party.PLATFORM: ("#1f6fb2", "#5aa2dd", "#a3cdf0"),
    Party.BROKER: ("#7a5230", "#ad8357", "#d6bb98"),
    Party.NETWORK: ("#6a45c2", "#9a7be0", "#c3aef2", "#4a2d8f"),
    Party.BOX: ("#e08e0b", "#f4b740", "#b86e00", "#f8d78c", "#8a5200"),
    Party.VEHICLE: ("#c8401a", "#e9825f", "#8f2a0d"),
    Party.PROBE: ("#6b7680",),
    Party.NOBODY_KNOWS: ("#a4adb5",),
}


def _cause_colours() -> dict[str, str]:
    shades = {party: cycle(colours) for party, colours in _PARTY_SHADES.items()}
    return {cause: next(shades[info.party]) for cause, info in CAUSES.items()}


CAUSE_COLOURS = _cause_colours()
"""One hue a party, one shade a cause: whose fault it was shows first."""
