"""Times as people write and read them: in a zone, without a date, some hours ago."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from fleet_wire.config.file import suggestion
from fleet_wire.errors import ConfigError

_AGO: Final = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|min|h|d)(?: ago)?")
_SECONDS: Final = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_WRITTEN: Final = (
    "08:15, 2026-03-29 08:15, 2026-03-29T08:15:00+02:00, or how long ago, as 90m or 2h"
)
MINUTE_S: Final = 60.0
HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0


def zone_named(name: str) -> tzinfo:
    """Return a time zone. Raises `ConfigError` where there is none of that name."""
    names = available_timezones()
    if name in names or name == "UTC":
        return UTC if name == "UTC" else ZoneInfo(name)
    by_letters = {each.lower(): each for each in names}
    near = by_letters.get(name.lower().replace(" ", "_"))
    said = f"; did you mean '{near}'?" if near else suggestion(name, sorted(names))
    raise ConfigError([f"no time zone {name!r}{said or ', expected one as Europe/Berlin'}"])


def moment_of(text: str, zone: tzinfo, *, newest_s: float) -> float:
    """Return the Unix time of what somebody wrote.

    A time without a date is the last one that is not after `newest_s`; "2h" is so long before it.
    Raises `ConfigError` for what is no time, does not exist, or exists twice in this zone.
    """
    wanted = text.strip()
    if ago := _AGO.fullmatch(wanted):
        return newest_s - float(ago[1]) * _SECONDS[ago[2]]
    if _CLOCK.fullmatch(wanted):
        return _last_at(wanted, zone, newest_s)
    try:
        found = datetime.fromisoformat(wanted)
    except ValueError as error:
        raise ConfigError([f"{text!r} is no time ({error}): expected {_WRITTEN}"]) from None
    if found.tzinfo is not None:
        return found.timestamp()
    return _unix_s(found, zone, text)


def _last_at(text: str, zone: tzinfo, newest_s: float) -> float:
    hour, minute, second = (int(part) for part in (f"{text}:00").split(":")[:3])
    newest = datetime.fromtimestamp(newest_s, zone)
    try:
        today = newest.replace(
            hour=hour, minute=minute, second=second, microsecond=0, tzinfo=None, fold=0
        )
    except ValueError as error:
        raise ConfigError([f"{text!r} is no time ({error}): expected {_WRITTEN}"]) from None
    found_s = _unix_s(today, zone, text)
    if found_s <= newest_s:
        return found_s
    return _unix_s(today - timedelta(days=1), zone, text)


def _unix_s(local: datetime, zone: tzinfo, text: str) -> float:
    """Return the Unix time of a local one, which must exist once."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first.timestamp()
    day = local.date().isoformat()
    back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if back != local:
        raise ConfigError([f"{text!r} does not exist on {day} in {zone}: clocks were put forward"])
    options = " or ".join(each.isoformat(sep=" ", timespec="minutes") for each in (first, second))
    raise ConfigError([f"{text!r} exists twice on {day} in {zone}: write {options}"])


def clock_of(at_s: float, zone: tzinfo) -> str:
    """Return the time of day, to the millisecond."""
    return datetime.fromtimestamp(at_s, zone).strftime("%H:%M:%S.%f")[:-3]


def minute_clock(zone: tzinfo) -> Callable[[float], str]:
    """Return what says the time of day of Unix seconds, to the minute."""
    return lambda at_s: datetime.fromtimestamp(at_s, zone).strftime("%H:%M")


def date_and_clock(at_s: float, zone: tzinfo) -> str:
    """Return day, time and zone, as a person says it."""
    return datetime.fromtimestamp(at_s, zone).strftime("%a %-d %b %Y %H:%M:%S %Z")


def iso_of(at_s: float, zone: tzinfo) -> str:
    """Return a time as programs read it, to the millisecond."""
    return datetime.fromtimestamp(at_s, zone).isoformat(timespec="milliseconds")


def long_of(seconds: float) -> str:
    """Return a duration as a person says it, with two units at most."""
    if seconds < MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S:.0f} min {seconds % MINUTE_S:.0f} s"
    if seconds < 2 * DAY_S:
        return f"{seconds // HOUR_S:.0f} h {seconds % HOUR_S // MINUTE_S:.0f} min"
    return f"{seconds / DAY_S:.0f} days"
