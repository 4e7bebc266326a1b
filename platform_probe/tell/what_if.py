"""The result of a what-if: ranked mitigations, and how a thread tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec

from fleet_wire.contract.text import Text, Value
from platform_probe.texts.catalogue import has_text
from platform_probe.texts.speaking import Speaker

NOTHING: Final = "do_nothing"
MOST_TOLD: Final = 5
"""Mitigations that a thread names, besides doing nothing [E]."""


class Bounds(msgspec.Struct, frozen=True):
    """A mean with its bounds."""

    mean: float
    low: float
    high: float


class MitigationResult(msgspec.Struct, frozen=True):
    """One mitigation, as `--json` has it."""

    name: str
    title: str
    assumes: str
    lost: Bounds
    saved: Bounds
    waiting_s: float
    sms: float
    cost: float
    is_better: bool


class PlayedWorld(msgspec.Struct, frozen=True):
    """A failure mode that was played, and how likely it is."""

    mode: str
    weight: float


class WhatIfResult(msgspec.Struct, frozen=True):
    """The ranked mitigations, the best first."""

    seeds: int
    horizon_s: float
    worlds: list[PlayedWorld]
    mitigations: list[MitigationResult]

    @property
    def best(self) -> MitigationResult | None:
        """The best mitigation; None where none is better than doing nothing."""
        return next((each for each in self.mitigations if each.is_better), None)


class WhatIfPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to tell of a what-if in the incident's thread."""

    incident_id: str
    by: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    result: WhatIfResult


def what_if_lines(result: WhatIfResult, speaker: Speaker) -> Iterator[str]:
    """Yield the ranked mitigations as lines of a thread, the best ones and doing nothing."""

    def say(key: str, **values: Value) -> str:
        return speaker.say(Text(key=key, values=values))

    def told(one: MitigationResult, part: str) -> str:
        key = f"mitigation.{one.name}.{part}"
        return say(key) if has_text(key) else str(getattr(one, part))

    best = result.best
    if best is None:
        yield say("what_if.none_better")
    else:
        yield told(best, "title")
        yield f"{say('what_if.assumes')} {told(best, 'assumes')}"
    yield ""
    others = [one for one in result.mitigations if one.name != NOTHING][:MOST_TOLD]
    for one in result.mitigations:
        if one.name == NOTHING:
            yield say("slack.what_if_nothing", title=told(one, "title"), lost=one.lost.mean)
        elif one in others:
            low, high = one.saved.low, one.saved.high
            title = told(one, "title")
            yield say("slack.what_if_row", title=title, lost=one.lost.mean, low=low, high=high)
    yield ""
    yield say("what_if.interval")
    for world in result.worlds:
        yield say("slack.what_if_world", mode=world.mode, weight=world.weight)
