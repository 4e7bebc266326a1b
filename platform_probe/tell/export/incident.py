"""An incident as a store knows it: the unlocks that failed alike, and those that went well beside.

Nothing here decides how it is brought about again; `scenario.py` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG, RankedMode
from fleet_wire.errors import ConfigError
from fleet_wire.modes.catalogue import MODES
from platform_probe.store.duck import Duck
from platform_probe.store.reading import Source, Span
from platform_probe.tell.support.nearest import kind_of_id, nearest_texts, not_found
from platform_probe.tell.support.rows import as_rows, utc
from platform_probe.texts.spoken_error import SpokenError

AROUND_S: Final = 120.0
"""Unlocks that began so near to one that is exported are taken with it [E]."""
MOST_READ: Final = 20_000
"""Unlocks of an incident that are read: its first ones."""
_ATTEMPT_IDS: Final = (("attempts", "attempt_id"), ("complaints", "complaint_id"))
TRAITS: Final = ("region", "operator", "firmware", "hardware")
"""The traits that set cars apart."""
_COLUMNS: Final = ", ".join(TRAITS)
_UNLOCKS: Final = f"""
WITH one AS (
    SELECT attempt_id, vehicle_id, started_at, cause, reason, {_COLUMNS}, app_version,
        method IS NOT NULL AS by_api, false AS is_complaint, booking_id
    FROM attempts WHERE source <> 'floor'
    UNION ALL
    SELECT complaint_id, vehicle_id, called_at, '{Cause.NOT_OBSERVED}', NULL, {_COLUMNS},
        app_version, true, true, booking_id
    FROM complaints WHERE len(attempts) = 0
)
SELECT attempt_id, vehicle_id, epoch(started_at) AS at_s, cause, reason, {_COLUMNS}, app_version,
    by_api, is_complaint, booking_id, coalesce(modes, '[]') AS modes
FROM one LEFT JOIN (SELECT attempt_id, modes FROM diagnosed) USING (attempt_id)
"""
"""Every unlock with its last diagnosis, and every complaint that no unlock came before."""


class Unlock(msgspec.Struct, frozen=True, kw_only=True):
    """One unlock, or one complaint of a customer without any. None: nobody has said it."""

    attempt_id: str
    vehicle_id: str
    at_s: float
    """When it began, Unix seconds."""
    cause: str | None
    reason: str | None
    region: str | None = None
    operator: str | None = None
    firmware: str | None = None
    hardware: str | None = None
    app_version: str | None
    by_api: bool
    is_complaint: bool
    booking_id: str | None = None
    modes: Sequence[RankedMode]
    """The latest diagnosis, the likeliest first; empty: there was none."""

    @property
    def traits(self) -> tuple[tuple[str, str], ...]:
        """What is known of `TRAITS`, with their names."""
        return tuple((name, value) for name in TRAITS if (value := getattr(self, name)))

    @property
    def mode(self) -> str | None:
        """The likeliest mode."""
        return self.modes[0].mode if self.modes else None

    @property
    def went_well(self) -> bool:
        """Whether it opened the car and nothing about it was odd."""
        return self.cause is None and self.mode in (None, NOTHING_WRONG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Unlocks that failed of one mode, in the order in which they began."""

    mode: str
    model: Unlock
    """The one that is to be seen again, with its cause."""
    struck: Sequence[Unlock]
    others: Sequence[Unlock]
    """Unlocks of other cars that went well meanwhile."""


def with_neutral_names(incident: Incident) -> Incident:
    """Return the incident with made-up names for whatever sets cars and apps apart.

    Equal names stay equal, numbered by how common they are: region-1, firmware-2, app-1.
    """
    unlocks = (*incident.struck, *incident.others)
    names = {
        name: _numbered(
            "app" if name == "app_version" else name, [getattr(one, name) for one in unlocks]
        )
        for name in (*TRAITS, "app_version")
    }

    def renamed(one: Unlock) -> Unlock:
        changes = {name: its.get(getattr(one, name)) for name, its in names.items()}
        return msgspec.structs.replace(one, **changes)

    return replace(
        incident,
        model=renamed(incident.model),
        struck=[renamed(one) for one in incident.struck],
        others=[renamed(one) for one in incident.others],
    )


def _numbered(word: str, values: Sequence[str | None]) -> dict[str | None, str | None]:
    counted = Counter(value for value in values if value is not None).most_common()
    return {value: f"{word}-{number}" for number, (value, _) in enumerate(counted, start=1)}


def incident_of(source: Source, attempt_id: str, mode: str | None) -> Incident:
    """Return the incident that an unlock belongs to: those near it with the same first mode.

    `mode` overrules the diagnosis. Raises `ConfigError` for an id that is not there, and where
    there is nothing to do again.
    """

    def work(duck: Duck) -> Incident:
        found = _unlocks(duck, "attempt_id = $id", {"id": attempt_id})
        if not found:
            there = nearest_texts(attempt_id, _ATTEMPT_IDS, duck)
            raise SpokenError(not_found(kind_of_id("attempt_id"), attempt_id, there))
        (model,) = found
        chosen = mode or _mode_of(model)
        near = _unlocks(duck, *_in(Span(model.at_s - AROUND_S, model.at_s + AROUND_S)))
        same = [one for one in near if model.mode in MODES and one.mode == model.mode]
        others = [one for one in same if one.attempt_id != model.attempt_id]
        return _incident(chosen, model, [model, *others], near)

    return source.read(work)


def incident_in(source: Source, span: Span, *, cause: str | None, mode: str | None) -> Incident:
    """Return the incident of a time: all that failed of a cause, or of a mode.

    With both the cause selects, and the mode says what is brought about. Raises `ConfigError`
    where nothing failed so, or no diagnosis says of which mode.
    """

    def work(duck: Duck) -> Incident:
        unlocks = _unlocks(duck, *_in(span))
        if cause is not None:
            struck = [one for one in unlocks if one.cause == cause]
            there = Counter(one.cause for one in unlocks if one.cause is not None)
        else:
            struck = [one for one in unlocks if one.mode == mode]
            there = Counter(one.mode for one in unlocks if one.mode is not None)
        if not struck:
            found = ", ".join(f"{name} {number}" for name, number in there.most_common())
            what = f"cause {cause}" if cause is not None else f"mode {mode}"
            raise ConfigError([f"no unlock of {what} in that time; there are: {found or 'none'}"])
        chosen = mode or _commonest(struck)
        commonest = Counter(one.cause for one in struck).most_common(1)[0][0]
        model = next(one for one in struck if one.cause == commonest)
        return _incident(chosen, model, struck, unlocks)

    return source.read(work, span)


def unlocks_in(source: Source, span: Span) -> list[Unlock]:
    """Return the unlocks and complaints of a time, each with its last diagnosis."""
    return source.read(lambda duck: _unlocks(duck, *_in(span)), span)


def incident_of_unlocks(mode: str, struck: Sequence[Unlock], near: Sequence[Unlock]) -> Incident:
    """Return these failures as an incident of `mode`; `near` are the unlocks of its time."""
    causes = MODES[mode].causes
    model = next((one for one in struck if one.cause in causes), struck[0])
    return _incident(mode, model, struck, near)


def _incident(
    mode: str, model: Unlock, struck: Sequence[Unlock], near: Sequence[Unlock]
) -> Incident:
    cars = {one.vehicle_id for one in struck}
    others = [one for one in near if one.went_well and one.vehicle_id not in cars]
    in_order = sorted(struck, key=lambda one: (one.at_s, one.attempt_id))
    return Incident(mode=mode, model=model, struck=in_order, others=others)


def _mode_of(unlock: Unlock) -> str:
    """Return its likeliest mode. Raises `ConfigError` where there is none to bring about."""
    its = f"attempt {unlock.attempt_id}"
    if unlock.went_well:
        raise ConfigError([f"{its} went well: there is nothing to reproduce"])
    if unlock.mode is None:
        ended = f"which ended of {unlock.cause}"
        raise ConfigError([f"{its}, {ended}, has no diagnosis: name a mode with --mode"])
    if unlock.mode not in MODES:
        behind = ", ".join(
            f"{one.mode} ({one.probability:.0%})" for one in unlock.modes if one.mode in MODES
        )
        problem = (
            f"{its} is diagnosed as {unlock.mode}: name a mode with --mode;"
            f" behind it come {behind or 'none'}"
        )
        raise ConfigError([problem])
    return unlock.mode


def _commonest(struck: Sequence[Unlock]) -> str:
    """Return the mode that comes first most often. Raises `ConfigError` where none does."""
    modes = Counter(one.mode for one in struck if one.mode in MODES)
    if not modes:
        raise ConfigError(["none of these unlocks is diagnosed: name a mode with --mode"])
    mode = modes.most_common(1)[0][0]
    assert mode is not None  # noqa: S101 - it is one of MODES
    return mode


def _in(span: Span) -> tuple[str, dict[str, Any]]:
    values = {"since": utc(span.since_s or 0.0), "until": utc(span.until_s or 0.0)}
    return "started_at BETWEEN $since AND $until", values


def _unlocks(duck: Duck, where: str, values: dict[str, Any]) -> list[Unlock]:
    sql = f"{_UNLOCKS} WHERE {where} ORDER BY started_at, attempt_id"
    found = as_rows(duck.query(sql, values, limit=MOST_READ))
    return [
        msgspec.convert({**row, "modes": msgspec.json.decode(row["modes"])}, Unlock)
        for row in found
    ]
