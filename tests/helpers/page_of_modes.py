"""docs/modes.md: every failure mode with what is said and done about it, and every fact."""

from __future__ import annotations

from fleet_wire.modes.catalogue import ALIKE, MODES
from fleet_wire.modes.facts import FACTS
from fleet_wire.modes.mode import FailureMode, Layer
from tests.helpers.markdown import code, table

INTRODUCTION = """\
# Failure modes

Written by `python -m tests.docs --renew` from `fleet_wire/modes`.

The sixty ways in which a car does not open that the monitor can name. [diagnosis.md](diagnosis.md)
says how it finds out which it was, [faults.md](faults.md) how each is injected.
"""
SIGNATURES = """\
## Signatures

Which facts tell a mode from others: those that it needs must be seen where their source is there,
those that speak for it may be, those that rule it out cannot be.
"""
TOLD_APART = """\
## Not told apart

Modes that no monitor can tell apart count as one.
"""
HEAD = ("No.", "Mode", "What happens", "To the customer", "Who acts", "What to do", "Cause")
NONE_ALIKE = "There are none: each has a fact that no other one shares with it.\n"


def page_of_modes() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for layer in Layer:
        modes = [mode for mode in MODES.values() if mode.layer is layer]
        parts += [
            f"## {layer.value.capitalize()}\n",
            table(
                (
                    "No.",
                    "Mode",
                    "What happens",
                    "To the customer",
                    "Who acts",
                    "What to do",
                    "Cause",
                ),
                [_row(mode) for mode in modes],
            ),
        ]
    alike = [(", ".join(map(code, sorted(slugs))), why) for slugs, why in ALIKE]
    return "\n".join(
        [
            *parts,
            TOLD_APART,
            table(("Modes", "Why"), alike) if alike else NONE_ALIKE,
            SIGNATURES,
            table(
                ("Mode", "Needs", "Speaks for it", "Rules it out"), map(_signature, MODES.values())
            ),
            "## Facts\n",
            table(
                ("Fact", "Told by", "Meaning"),
                [(code(fact), info.told, info.meaning) for fact, info in FACTS.items()],
            ),
        ]
    )


def _row(mode: FailureMode) -> tuple[str, ...]:
    cause = "none: the unlock went well" if mode.cause is None else code(mode.cause)
    return (
        str(mode.number),
        f"{code(mode.slug)}: {mode.title}",
        mode.engineer,
        mode.customer,
        mode.acts,
        mode.now,
        cause,
    )


def _signature(mode: FailureMode) -> tuple[str, ...]:
    signature = mode.signature
    sets = (signature.needs, signature.speaks_for, signature.rules_out)
    return (code(mode.slug), *(", ".join(sorted(facts)) for facts in sets))
