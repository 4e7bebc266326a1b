"""docs/modes.md: every failure mode with what is said and done about it, and every fact."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_wire.contract.text import Text
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS
from fleet_wire.modes.lookalikes import WIRES, alike_on, number_of_classes
from fleet_wire.modes.mode import FailureMode, Layer
from tests.helpers.english import ENGLISH
from tests.helpers.markdown import code, table

INTRODUCTION = """\
# Failure modes

Written by `python -m tests.docs --renew` from `fleet_wire/modes`.

The monitor can name these ways in which a car does not open.
[How a diagnosis is made](diagnosis.md) says how it ranks them, and [faults](faults.md) how each \
is injected.
"""
SIGNATURES = """\
## Signatures

A signature says which facts separate a mode from others.
Needed facts must be seen where their source is there.
Facts that speak for it may be seen, and facts that rule it out cannot.
"""
TOLD_APART = """\
## Not told apart

If a source is missing, some modes look the same.
No remaining fact separates them, and a fact that separates one of them from a third mode \
separates the other too.
That follows from the signatures below, not from past mistakes.
Such modes count as one, and `diagnose` says so.

A success that shows only in a missing source looks like `nothing_wrong`.
With every source no modes look the same.
Some pairs then differ only in how often facts are seen.
"""


def page_of_modes() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for layer in Layer:
        modes = [mode for mode in MODES.values() if mode.layer is layer]
        parts.append(f"## {layer.value.capitalize()}\n")
        for mode in modes:
            parts += [
                f"### {code(mode.slug)}\n",
                table((f"No. {mode.number}", mode.title), _rows(mode)),
            ]
    alike = [
        (wire, str(number_of_classes(told)), ", ".join(map(code, sorted(slugs))), _said(why))
        for wire, told in WIRES.items()
        for slugs, why in alike_on(told) or ((frozenset[str](), None),)
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


def _rows(mode: FailureMode) -> Iterator[tuple[str, str]]:
    yield "What happens", mode.engineer
    yield "To the customer", mode.spoken
    yield "What support does", mode.now
    yield "Who acts", mode.acts
    if mode.mend:
        yield "What they do", mode.mend
    yield "Cause", "none: the unlock went well" if mode.cause is None else code(mode.cause)
    if mode.also:
        also = (code(cause) if cause else "none" for cause in mode.also)
        yield "Before all is known, or if less is seen", ", ".join(also)
    if mode.evidence:
        yield "Public reports", "; ".join(mode.evidence)


def _signature(mode: FailureMode) -> tuple[str, ...]:
    signature = mode.signature
    sets = (signature.needs, signature.speaks_for, signature.rules_out)
    return (code(mode.slug), *(", ".join(sorted(facts)) for facts in sets))


def _said(why: Text | None) -> str:
    return "" if why is None else ENGLISH.say(why)
