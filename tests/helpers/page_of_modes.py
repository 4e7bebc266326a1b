"""docs/modes.md: every failure mode with what is said and done about it, and every fact."""

from __future__ import annotations

from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS
from fleet_wire.modes.lookalikes import WIRES, alike_on, number_of_classes
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

Where a source is missing some modes look the same: no fact that can be seen there parts them, and
what parts one of them from a third mode parts the other too. That follows from the signatures
below, not from mistakes that were made. Such modes count as one, and `diagnose` says so. What goes
well, and shows in a source alone that is missing, looks like `nothing_wrong`. With every source no
modes look the same; some pairs are then parted by how often facts are seen, and by no single one.
"""
HEAD = (
    "No.", "Mode", "What happens", "To the customer", "What support does", "Who acts",
    "What they do", "Cause",
)  # fmt: skip


def page_of_modes() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for layer in Layer:
        modes = [mode for mode in MODES.values() if mode.layer is layer]
        parts += [
            f"## {layer.value.capitalize()}\n",
            table(
                HEAD,
                [_row(mode) for mode in modes],
            ),
        ]
    alike = [
        (wire, str(number_of_classes(told)), ", ".join(map(code, sorted(slugs))), why)
        for wire, told in WIRES.items()
        for slugs, why in alike_on(told) or ((frozenset[str](), ""),)
    ]
    return "\n".join(
        [
            *parts,
            TOLD_APART,
            table(("What is missing", "Classes", "Look the same", "Why"), alike),
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
        mode.now,
        mode.acts,
        mode.mend or "",
        cause,
    )


def _signature(mode: FailureMode) -> tuple[str, ...]:
    signature = mode.signature
    sets = (signature.needs, signature.speaks_for, signature.rules_out)
    return (code(mode.slug), *(", ".join(sorted(facts)) for facts in sets))
