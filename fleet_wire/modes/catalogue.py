"""All modes. Which of them look the same where something is not told, `lookalikes.py` says."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules
from typing import Final

import msgspec

from fleet_wire import modes
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.entry_points import added_by_others
from fleet_wire.errors import ConfigError
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import (
    Actor,
    FailureMode,
    Signature,
    facts,
    on_any_wire,
    rule_out_other_reasons,
    wherever_it_stopped,
)

_WITHOUT: Final = frozenset({"alike", "catalogue", "lookalikes"})
"""Modules beside this one that read all modes."""


def _declared() -> Iterator[FailureMode]:
    """Yield the modes of each module beside this one, and of packages that add some."""
    for module in iter_modules(modes.__path__):
        if module.name not in _WITHOUT:
            yield from getattr(import_module(f"fleet_wire.modes.{module.name}"), "MODES", ())
    for _, added in added_by_others("unlockpath.modes"):
        yield from added.MODES


SHOWN_FILE: Final = "may_show.json"
"""The facts that incidents of each mode have shown; `python -m bench.score draw` writes it."""
_SHOWN: Final = msgspec.json.decode(
    (files(modes) / SHOWN_FILE).read_bytes(), type=dict[str, frozenset[Fact]]
)


def _complete(mode: FailureMode) -> FailureMode:
    signature = mode.signature
    may_show = signature.hallmarks | _SHOWN.get(mode.slug, frozenset()) - signature.rules_out
    with_learned = replace(mode, signature=replace(signature, may_show=may_show))
    return wherever_it_stopped(on_any_wire(rule_out_other_reasons(with_learned)))


def by_slug(declared: Iterable[FailureMode]) -> dict[str, FailureMode]:
    """Return modes by slug, in the order of their numbers.

    Raises `ConfigError` where two have one slug or one number.
    """
    found: dict[str, FailureMode] = {}
    numbers: dict[int, str] = {}
    for mode in sorted(declared, key=lambda mode: mode.number):
        other = mode.slug if mode.slug in found else numbers.get(mode.number)
        if other is not None:
            problem = f"mode '{mode.slug}' has the slug or number {mode.number} of '{other}'"
            raise ConfigError([f"{problem}: choose another"])
        found[mode.slug], numbers[mode.number] = _complete(mode), mode.slug
    return found


MODES: Final = by_slug(_declared())
"""Every mode by slug, in the order of their numbers."""

APP_RELEASE: Final = replace(
    MODES["phone_side"],
    customer="This version of our app has a defect. It is not your fault.",
    ask="Please update it if you can.",
    acts=Actor.APP_TEAM,
    now="Ask the customer to update the app, if there is a newer version. If that fails, open the"
    " car with the support tool.",
    mend="Withdraw the release, or fix it.",
)
"""How `phone_side` is told where one version of the app fails, and not one phone."""


def mode_told(slug: str | None, cohort: Container[str]) -> FailureMode | None:
    """Return the mode of this name, as it is told of what shares these traits; None: no mode."""
    is_of_release = slug == APP_RELEASE.slug and "app_version" in cohort
    return APP_RELEASE if is_of_release else MODES.get(slug or "")


SIGNATURES: Final[dict[str, Signature]] = {
    **{slug: mode.signature for slug, mode in MODES.items()},
    NOTHING_WRONG: Signature(
        needs=facts(Fact.WENT_WELL),
        rules_out=facts(Fact.SUPPORT_CALLED, Fact.ASKED_AFTER_RELOCK, Fact.HELD_UP)
        | facts(Fact.BACK_IN_MINUTES),
    ),
}
"""Facts that a successful unlock without any failure cannot show. A support call, a missed rental,
a platform that delays commands and a car that is back within minutes all have a reason."""

TITLES: Final[dict[str, str]] = {
    **{slug: mode.title for slug, mode in MODES.items()},
    UNKNOWN: "none of the known failure modes",
    NOTHING_WRONG: "nothing was wrong, it only looked odd",
}
"""The title of each possible first entry of a diagnosis, also of those that are no mode."""
