"""Times as people write and read them: in a zone, without a date, some hours ago."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from fleet_wire.error_text import nearest
from platform_probe.texts.spoken_error import spoken_error

_AGO: Final = re.compile(
    r"(\d{1,6}(?:\.\d+)?) ?(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?: ago)?"
)
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
"""Seconds by the first letter of the unit."""
_CLOCK: Final = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<part>\d{1,6}))?)?"
)
_DAY: Final = r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
_OFFSET: Final = r"(?P<offset>Z|[+-]\d{2}:\d{2})"
_WRITTEN_TIME: Final = re.compile(rf"(?:{_DAY}(?:[ T]|$))?(?:{_CLOCK} ?{_OFFSET}?)?", re.IGNORECASE)
MINUTE_S: Final = 60.0
HOUR_S: Final = 3_600.0
DAY_S: Final = 86_400.0
_RANGES: Final = {
    "year": (1900, 9998),
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
"""The first and the last allowed value."""


def zone_named(name: str) -> tzinfo:
    """Return a time zone. Raises `SpokenError` where there is none, with what may be meant."""
    wanted = name.strip()
    if wanted in ("UTC", "Z"):
        return UTC
    names = _zone_names()
    if wanted in names:
        return ZoneInfo(wanted)
    plain = wanted.lower().replace(" ", "_")
    cities = sorted(each for each in names if "/" in each and not each.startswith("Etc/"))
    meant = [each for each in cities if each.lower().rpartition("/")[2] == plain]
    near = next((each for each in sorted(names) if each.lower() == plain), None) or next(
        iter(meant), None
    )
    near = near or nearest(name, sorted(names))
    if near is not None:
        raise spoken_error("when.zone_near", name=name, near=near)
    raise spoken_error("when.no_zone", name=name)


@cache
def _zone_names() -> frozenset[str]:
    """Return the names of all zones; to look for them opens six hundred files."""
    return frozenset(available_timezones())


def moment_of(text: str, zone: tzinfo, *, newest_s: float) -> float:
    """Return the Unix time of a typed time.

    A time without a date is the last one that is not after `newest_s`; "2h" is so long before it.
    Raises `SpokenError` for what is no time, does not exist, or exists twice in this zone. It says
    what to write.
    """
    wanted = text.strip()
    if ago := _AGO.fullmatch(wanted):
        return max(newest_s - float(ago[1]) * _SECONDS[ago[2][0]], 0.0)
    written = _WRITTEN_TIME.fullmatch(wanted)
    if not wanted or written is None:
        raise spoken_error("when.unreadable", text=text)
    given = {name: value for name, value in written.groupdict().items() if value is not None}
    own_zone = _zone_of_offset(given.pop("offset")) if "offset" in given else None
    its_zone = own_zone or zone
    newest = datetime.fromtimestamp(newest_s, its_zone)
    day = {"year": newest.year, "month": newest.month, "day": newest.day}
    micro = int(given.pop("part", "0").ljust(6, "0"))
    local = _local({**day, **{name: int(value) for name, value in given.items()}}, text)
    found_s = _unix_s(local.replace(microsecond=micro), its_zone, text)
    if "year" in given or found_s <= newest_s:
        return found_s
    return _unix_s(local - timedelta(days=1), its_zone, text)


def lasts_s(text: str) -> float:
    """Return how long the time lasts that somebody wrote: 08:15 a minute, 08:15:30 a second.

    A relative time is less exact: 0.
    """
    written = _WRITTEN_TIME.fullmatch(text.strip())
    if written is None or written["minute"] is None:
        return 0.0
    return MINUTE_S if written["second"] is None else 1.0


def _local(numbers: Mapping[str, int], text: str) -> datetime:
    """Return the time of these numbers. Raises `SpokenError` that says which one cannot be."""
    for name, (least, most) in _RANGES.items():
        number = numbers.get(name, least)
        if name == "day":
            most = monthrange(numbers["year"], numbers["month"])[1]  # noqa: PLW2901 - of its month
        if not least <= number <= most:
            of = {} if name != "day" else {"month": f"{numbers['year']}-{numbers['month']:02d}"}
            raise spoken_error(f"when.no_{name}", text=text, least=least, most=most, **of)
    return datetime(**numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - local to a zone


def _zone_of_offset(offset: str) -> tzinfo:
    """Return the zone of "Z" or "+02:00"."""
    if offset in ("Z", "z"):
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[4:])
    sign = -1 if offset[0] == "-" else 1
    if hours > _RANGES["hour"][1] or minutes > _RANGES["minute"][1]:
        raise spoken_error("when.no_offset", offset=offset)
    return timezone(sign * timedelta(hours=hours, minutes=minutes))


def _unix_s(local: datetime, zone: tzinfo, text: str) -> float:
    """Return the Unix time of a local one, which must exist once."""
    first, second = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = first.utcoffset(), second.utcoffset()
    assert before is not None  # noqa: S101 - the zone is set
    assert after is not None  # noqa: S101 - the zone is set
    if before == after:
        return first.timestamp()
    is_skipped = after > before
    either = (
        [_minutes(local + step) for step in (before - after, after - before)]
        if is_skipped
        else [_minutes(each) for each in (first, second)]
    )
    raise spoken_error(
        "when.skipped" if is_skipped else "when.twice",
        text=text,
        day=local.date().isoformat(),
        zone=str(zone),
        first=either[0],
        second=either[1],
    )


def _minutes(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="minutes")


def clock_of(at_s: float, zone: tzinfo) -> str:
    """Return the time of day, to the millisecond."""
    return datetime.fromtimestamp(at_s, zone).strftime("%H:%M:%S.%f")[:-3]


def date_and_clock(at_s: float, zone: tzinfo) -> str:
    """Return day, time and zone, as a person says it."""
    return datetime.fromtimestamp(at_s, zone).strftime("%a %-d %b %Y %H:%M:%S %Z")


def iso_of(at_s: float, zone: tzinfo) -> str:
    """Return a time as programs read it, to the millisecond."""
    return datetime.fromtimestamp(at_s, zone).isoformat(timespec="milliseconds")
