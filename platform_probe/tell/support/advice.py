"""What to say and do about an unlock, by the decision table of `advice.toml`. No I/O beyond it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.contract.text import Text
from fleet_wire.modes.facts import Fact
from fleet_wire.modes.mode import Actor, FailureMode, Layer
from platform_probe.texts.catalogue import has_text, mode_text

_BEFORE: Final = "*"
_NOBODY: Final = "nobody"
_NEVER_ARRIVES: Final = frozenset({Fact.CONFIRMED_LATE, Fact.OPENED_LATE})
"""A mode of which these cannot be seen is one in which no command comes to the car."""


class Advice(msgspec.Struct, frozen=True):
    """The words and actions of a support agent."""

    say: tuple[Text, ...] = ()
    do: tuple[Text, ...] = ()
    acts: Actor | None = None
    """The actor who must end it, or prevent it, if known."""
    mend: Text | None = None
    """Their task."""


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the table: it changes the advice where its conditions hold."""

    when: tuple[str, ...]
    say: tuple[str, ...] = (_BEFORE,)
    do: tuple[str, ...] = (_BEFORE,)
    acts: str | None = None
    """An actor, `mode` for that of the mode, `nobody`; None: as before."""
    mend: str | None = None
    last: bool = False

    def holds(self, flags: Collection[str]) -> bool:
        """Return whether all conditions hold."""
        return all(any(_holds(one, flags) for one in each.split("|")) for each in self.when)


class _Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rows: tuple[Row, ...]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole table."""

    groups: Mapping[str, frozenset[str]]
    steps: Mapping[str, frozenset[str]]
    choices: tuple[_Choice, ...]


def _holds(condition: str, flags: Collection[str]) -> bool:
    return (condition.removeprefix("!") in flags) is not condition.startswith("!")


@cache
def table() -> Table:
    """Return the table."""
    text = files("platform_probe.tell.support").joinpath("advice.toml").read_bytes()
    return msgspec.toml.decode(text, type=Table)


def advice_for(
    cause: Cause | None,
    mode: FailureMode | None = None,
    flags: Iterable[str] = ("sent",),
    names: Mapping[str, str] | None = None,
) -> Advice:
    """Return what to say and do: by the mode, where there is one, else by the cause.

    `flags` are the conditions that hold besides. `names` are for the texts: `now` for what is over,
    `operator` and `region` for whom an incident hits.
    """
    known = {*flags, *_flags_of(cause, mode)}
    places = {"now": "", **(names or {}), "cause": _name_of(cause), "mode": _mode_name(mode)}
    advice = Advice()
    for choice in table().choices:
        now = known | _flags_of_advice(advice)
        row = next((row for row in choice.rows if row.holds(now)), None)
        if row is not None:
            advice = _changed(advice, row, mode, places)
            if row.last:
                break
    return advice


def _name_of(cause: Cause | None) -> str:
    return "opened" if cause is None else cause.value


def _mode_name(mode: FailureMode | None) -> str:
    return "" if mode is None else mode_text(mode, "now").key.split(".")[1]


def _flags_of(cause: Cause | None, mode: FailureMode | None) -> set[str]:
    """Return the conditions that a cause and a mode fulfil by themselves."""
    names = {_name_of(cause)}
    if mode is not None:
        names |= {mode.slug, "mode"}
        if mode.signature.rules_out >= _NEVER_ARRIVES:
            names.add("never_arrives")
        if mode.layer is Layer.PHONE and mode.cause is not None:
            names.add("of_phone")
        if mode_text(mode, "now").key in table().steps["try"]:
            names.add("mode_tries")
    return names | {group for group, its in table().groups.items() if not names.isdisjoint(its)}


def _flags_of_advice(advice: Advice) -> set[str]:
    """Return the conditions that the advice so far fulfils."""
    flags = {f"acts:{advice.acts}"} | ({"mend"} if advice.mend else set())
    if any(text.key == "advice.try_door" for text in advice.say):
        flags.add("says:try")
    first = advice.do[0].key if advice.do else ""
    return flags | {f"does:{step}" for step, its in table().steps.items() if first in its}


def _changed(
    advice: Advice, row: Row, mode: FailureMode | None, places: Mapping[str, str]
) -> Advice:
    """Return advice as a row changes it."""
    say, do = _texts(row.say, advice.say, places), _texts(row.do, advice.do, places)
    if row.acts is None:
        return Advice(say, do, advice.acts, advice.mend)
    if row.acts == "mode" and mode is not None:
        return Advice(say, do, mode.acts, mode_text(mode, "mend") if mode.mend else None)
    acts = None if row.acts == _NOBODY else Actor(row.acts)
    return Advice(say, do, acts, Text(key=row.mend) if row.mend else None)


def _texts(
    keys: Iterable[str], before: tuple[Text, ...], places: Mapping[str, str]
) -> tuple[Text, ...]:
    """Return the texts of keys; what a mode does not have is left out."""
    found = list[Text]()
    for each in keys:
        if each == _BEFORE:
            found += before
        elif has_text(key := each.format(**places)) or not key.endswith(".ask"):
            values = {name: places[name] for name in ("operator", "region") if name in places}
            found.append(Text(key=key, values={**values}))
    return tuple(found)


def stands_open(mode: FailureMode) -> bool:
    """Return whether a mode's task is about a car that stands open, regardless of its booking."""
    is_locked_first = mode_text(mode, "now").key in table().steps["lock"]
    return mode.slug in table().groups["another_opens"] or is_locked_first


def ended_as(cause: Cause | None) -> Text:
    """Return how an unlock ended, to be said of the car."""
    if cause is None:
        return Text(key="ending.opened")
    if cause is Cause.RESULT_LOST:
        return Text(key="ending.never_answered")
    is_unknown = CAUSES[cause].outcome is Outcome.UNKNOWN
    return Text(key="ending.unknown" if is_unknown else "ending.not_opened")
