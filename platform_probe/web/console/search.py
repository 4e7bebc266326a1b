"""One box for everything: what was typed, and where it leads.

An exact hit leads there at once. Several are listed. None gives the nearest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from math import inf
from typing import Final
from urllib.parse import quote, urlencode

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import NOTHING_WRONG, UNKNOWN
from fleet_wire.modes.catalogue import TITLES
from platform_probe.store.schema import ATTEMPTS
from platform_probe.tell.support.nearest import nearest
from platform_probe.tell.support.rows import Row, unix_s, utc
from platform_probe.texts.catalogue import LANGUAGES, texts_of
from platform_probe.texts.times import iso_of
from platform_probe.web.console.gathering import (
    LATELY_S,
    has_car,
    kinds_of_id,
    traits_lately,
)
from platform_probe.web.console.snapshot import FEW_OF_UNLOCK, Snapshot
from platform_probe.web.console.when import NEAR_S, Stretch, stretch_of

MAX_LETTERS: Final = 200
"""Nobody types more, and a longer text is no id."""
LISTED: Final = 50
LEAST_LETTERS: Final = 3
"""Fewer letters fit too many."""
_PLATE_SIGNS: Final = re.compile(r"[^a-z0-9]")
_BY_KIND: Final = {"booking_id": "booking", "account_id": "customer"}


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that fits what was typed."""

    kind: str
    """A text's key: unlock, car, booking, customer, cause, mode, incident; or a trait."""
    name: str
    url: str
    unlock: Row | None = None
    """The unlock itself, where it is one."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The matches, the best first; `is_exact` if the first is certainly meant."""

    hits: Sequence[Hit]
    is_exact: bool

    @property
    def jump(self) -> str | None:
        """The page to open at once; None: let somebody choose."""
        return self.hits[0].url if self.is_exact and len(self.hits) == 1 else None


def url_of(kind: str, name: str) -> str:
    """Return the address of the page of a thing."""
    return f"/{kind}/{quote(name, safe='')}"


def time_url(stretch: Stretch, zone: tzinfo) -> str:
    """Return the address of the failures of a time."""
    times = {"since": iso_of(stretch.since_s, zone), "until": iso_of(stretch.until_s, zone)}
    return f"/time?{urlencode(times)}"


def unlock_hit(row: Row) -> Hit:
    """Return an unlock as a hit."""
    return Hit("unlock", row["attempt_id"], url_of("unlock", row["attempt_id"]), row)


class Search:
    """Finds what somebody typed in a snapshot.

    `plates` maps plates without signs to cars; `incidents` are the ids of those known. A person
    without the right to see customers finds one by the whole id alone (`names_customers`).
    """

    def __init__(
        self,
        snapshot: Snapshot,
        zone: tzinfo,
        *,
        plates: Mapping[str, str],
        incidents: Sequence[str],
        names_customers: bool,
    ) -> None:
        self._names_customers = names_customers
        self._snapshot = snapshot
        self._zone = zone
        self._plates = plates
        self._incidents = incidents

    def find(self, text: str) -> SearchResult:
        """Return what fits. Raises `ConfigError` for a time that does not exist."""
        wanted = " ".join(text.split())[:MAX_LETTERS]
        if not wanted:
            return SearchResult((), is_exact=False)
        if hits := [*self._exact(wanted)]:
            return SearchResult(hits[:LISTED], is_exact=True)
        if named := _named(wanted) or [*self._trait(wanted)]:
            return SearchResult(named, is_exact=True)
        if (stretch := self._time(wanted)) is not None:
            return SearchResult([Hit("time", wanted, time_url(stretch, self._zone))], is_exact=True)
        if hits := self._car_and_time(wanted):
            return SearchResult(hits, is_exact=True)
        return SearchResult([*self._nearest(wanted)][:LISTED], is_exact=False)

    def _exact(self, wanted: str) -> Iterator[Hit]:
        """Yield what has exactly this id."""
        if wanted in self._incidents:
            yield Hit("incident", wanted, url_of("incident", wanted))
        plate = self._plates.get(plain_plate(wanted))
        if plate is not None:
            yield Hit("car", plate, url_of("car", plate))
        rows = self._snapshot.unlocks_of(wanted)
        for column, kind in _BY_KIND.items():
            if any(row[column] == wanted for row in rows):
                yield Hit(kind, wanted, url_of(kind, wanted))
        for row in rows:
            if wanted in (row["attempt_id"], row["command_id"], row["trace_id"]):
                yield unlock_hit(row)
        if rows or plate is not None:
            return  # what is an id of these is nothing else's: to look takes as long again
        for car in dict.fromkeys((wanted, wanted.lower())):
            if has_car(self._snapshot, car):
                yield Hit("car", car, url_of("car", car))
                return
        yield from self._called_by_api(wanted) or self._hits_elsewhere(wanted)

    def _called_by_api(self, command_id: str) -> list[Hit]:
        """Return the unlocks of the last days whose command an API calls so, the last first.

        On the wires of some fleets its car and its client stand before it.
        """
        rows = self._snapshot.rows(
            f"SELECT {FEW_OF_UNLOCK} FROM {self._lately} WHERE ends_with(command_id, $end)"
            " ORDER BY started_at DESC, attempt_id",
            {"end": f"/{command_id}"},
            LISTED,
        )
        return [unlock_hit(row) for row in rows]

    @property
    def _lately(self) -> str:
        """Return the SQL of the unlocks of the last days."""
        return self._snapshot.within(ATTEMPTS, self._snapshot.newest_s - LATELY_S, inf)

    def _hits_elsewhere(self, wanted: str) -> Iterator[Hit]:
        """Yield what no unlock has, and a call or the platform's log knows."""
        for column in kinds_of_id(self._snapshot, wanted):
            kind = _BY_KIND.get(column, "unlock")
            yield Hit(kind, wanted, url_of(kind, wanted))

    def _trait(self, wanted: str) -> Iterator[Hit]:
        """Yield the operator, region or version of the last days that is called so."""
        for trait, values in traits_lately(self._snapshot).items():
            for value in values:
                if value.lower() == wanted.lower():
                    yield Hit(trait, value, f"/time?{urlencode({trait: value})}")

    def _time(self, wanted: str) -> Stretch | None:
        return stretch_of(wanted, self._zone, newest_s=self._snapshot.newest_s)

    def _car_and_time(self, wanted: str) -> list[Hit]:
        """Return the unlock of a car or booking that is nearest to a time: "car-7 hier 8h15"."""
        first, _, rest = wanted.partition(" ")
        last = wanted.rpartition(" ")
        for name, when in ((first, rest), (last[2], last[0])):
            stretch = self._time(when) if when else None
            if stretch is None:
                continue
            rows = self._of_car(name) or self._snapshot.unlocks_of(name)
            near = [
                row
                for row in rows
                if stretch.since_s - NEAR_S <= unix_s(row["started_at"]) <= stretch.until_s
            ]
            meant = None if stretch.at is None else stretch.at.nearest_of(near)
            if meant is not None:
                return [unlock_hit(meant)]
            if near:
                return [unlock_hit(row) for row in near[:LISTED]]
        return []

    def _of_car(self, name: str) -> list[Row]:
        car = self._plates.get(plain_plate(name), name)
        return self._snapshot.rows(
            "SELECT * FROM attempts WHERE vehicle_id = $car ORDER BY started_at DESC", {"car": car}
        )

    def _nearest(self, wanted: str) -> Iterator[Hit]:
        """Yield what may have been meant: ids in other letters, and words of modes and causes."""
        words = wanted.lower().replace("_", " ")
        for kind, names in _NAMES.items():
            for slug, its in names.items():
                if any(words in name for name in its):
                    yield Hit(kind, slug, url_of(kind, slug))
        for car in nearest(wanted, self._cars()):
            yield Hit("car", car, url_of("car", car))
        plate = plain_plate(wanted)
        for known, car in self._plates.items():
            if len(plate) >= LEAST_LETTERS and plate in known:
                yield Hit("car", car, url_of("car", car))
        yield from self._beginning_with(wanted)

    def _cars(self) -> list[str]:
        """Return the cars that were opened lately, or of which somebody has complained."""
        found = self._snapshot.query(
            "SELECT vehicle_id FROM attempt_revisions WHERE started_at >= $since"
            " UNION SELECT vehicle_id FROM complaints",
            {"since": utc(self._snapshot.newest_s - LATELY_S)},
            limit=1_000_000,
        )
        return sorted(row[0] for row in found.rows if row[0])

    def _beginning_with(self, wanted: str) -> Iterator[Hit]:
        """Yield the unlocks, bookings and customers of the last days whose id begins so."""
        begins = re.sub(r"[\\%_]", "", wanted).lower()
        if len(begins) < LEAST_LETTERS:
            return
        kinds = {**_BY_KIND, "attempt_id": "unlock"}
        if not self._names_customers:
            del kinds["account_id"]
        is_it = " OR ".join(f"starts_with(lower({name}), $begins)" for name in kinds)
        rows = self._snapshot.rows(
            f"SELECT {FEW_OF_UNLOCK} FROM {self._lately} WHERE {is_it} ORDER BY started_at DESC",
            {"begins": begins},
            LISTED,
        )
        named = [(kind, row[name], row) for row in rows for name, kind in kinds.items()]
        fitting = {
            (kind, value): row
            for kind, value, row in named
            if value is not None and value.lower().startswith(begins)
        }
        for (kind, value), row in fitting.items():
            yield Hit(kind, value, url_of(kind, value), row if kind == "unlock" else None)


def plain_plate(text: str) -> str:
    """Return a plate without what people write differently."""
    return _PLATE_SIGNS.sub("", text.lower())


def _named(wanted: str) -> list[Hit]:
    """Return the cause or the mode that has this name or title."""
    slug = wanted.lower().replace(" ", "_").replace("-", "_")
    if slug in {*TITLES, UNKNOWN, NOTHING_WRONG}:
        return [Hit("mode", slug, url_of("mode", slug))]
    words = wanted.lower().replace("_", " ").replace("-", " ")
    for kind in ("cause", "mode"):
        for slug, its in _NAMES[kind].items():
            if words in its or wanted.lower() in its:
                return [Hit(kind, slug, url_of(kind, slug))]
    return []


def _names_of() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return what modes and causes are called in any language, small: by kind and slug."""
    causes = {
        cause.value: [texts_of(each)[f"cause.{cause}"] for each in LANGUAGES] for cause in Cause
    }
    modes = {
        slug: [texts_of(each).get(f"mode.{slug}.title", title) for each in LANGUAGES]
        for slug, title in TITLES.items()
    }
    return {
        kind: {
            slug: [name.lower() for name in (slug.replace("_", " "), *its)]
            for slug, its in names.items()
        }
        for kind, names in (("mode", modes), ("cause", causes))
    }


_NAMES: Final = _names_of()
