"""How incidents are noticed: before the first customer calls, once, and with the right cause.

Each fault of the catalogue is injected in virtual time, into a town with noise (`towns`). Truth is
what the faults did and what customers did about it (`harm`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from bench.score.cases import passing_directory, run_in
from bench.score.harm import harm_of
from bench.score.incidents import Incident, scored_faults
from bench.score.towns import Town, quiet_day_of, town_of
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.conclude import ATTEMPTS
from fleet_sim.sweeps.pool import pool_of
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.incident import Incident as Found
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.errors import UnlockpathError
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import EvidenceSource
from fleet_wire.modes.lookalikes import class_of

INCIDENTS: Final = "incidents.jsonl"
QUIET: Final = "quiet"


class IncidentOutcome(msgspec.Struct, frozen=True, kw_only=True, tag="noticed"):
    """The outcome of one incident."""

    incident: str
    faults: tuple[str, ...]
    town: str = ""
    """What is special about it, in words."""
    harmed: int = 0
    """Customers who did not get in, or cars of the monitor's own unlocks that failed."""
    first_hit_at: float | None = None
    """Unix seconds, as all of these."""
    first_call_at: float | None = None
    knowable_at: float | None = None
    """When a test that knows all but whom had enough."""
    bound: int | None = None
    """Unlocks of the cohort that one needs that knows whom as well."""
    opened_at: float | None = None
    """When the first incident was opened since the fault began."""
    unlocks: int | None = None
    """Number of the cohort's unlocks that had ended by then."""
    opened: int = 0
    """Incidents of which a message is sent."""
    before: int = 0
    """Incidents that were opened before the fault began."""
    title: str = ""
    mode: str | None = None
    """The mode of the largest incident, in its last revision."""
    is_right: bool = False
    """Whether its title names the mode that was injected, or where it names none, its cause."""
    error: str | None = None

    def in_words(self) -> str:
        """Return what came of it in a line."""
        return f"{self.incident} ({self.town}): {self.error or self.title or 'nothing'}"


def noticed_incidents(first_seed: int, seeds: int) -> list[Incident]:
    """Return incidents of every mode, and towns in which nothing happens, by their seeds."""
    faults = (*((name,) for name in scored_faults()), ())
    return [
        Incident(each, first_seed + number, is_of_many=True)
        for number in range(seeds)
        for each in faults
    ]


def notice_all(
    incidents: Sequence[Incident], days: Sequence[int], *, jobs: int
) -> Iterator[IncidentOutcome | QuietDay]:
    """Do the runs in `jobs` processes, and yield what came of each, in order; the days last."""
    with pool_of(max(jobs, 1), __name__) as pool:
        yield from chain(pool.map(notice, incidents), pool.map(quiet_day, days))


def name_of(incident: Incident) -> str:
    """Return the name that what came of an incident has."""
    return f"{'+'.join(incident.faults) or 'healthy'}/{incident.seed}"


def notice(incident: Incident) -> IncidentOutcome:
    """Do one run in a directory that is removed, and return what came of it."""
    name = name_of(incident)
    town = town_of(incident)
    maintenance = () if town.elsewhere is None else ({"region": town.elsewhere},)
    with passing_directory() as path:
        try:
            run_in(
                path,
                incident,
                town.scenario,
                restarts_s=town.restarts_s,
                maintenance=maintenance,
            )
            return read(path, name, incident.faults, town)
        except UnlockpathError as error:
            return IncidentOutcome(incident=name, faults=incident.faults, error=f"{error}")


class QuietDay(msgspec.Struct, frozen=True, kw_only=True, tag="quiet"):
    """The outcome of a day in which nothing happened."""

    seed: int
    cars: int
    unlocks: int
    titles: tuple[str, ...] = ()
    """The titles of opened incidents, all false."""
    error: str | None = None

    @property
    def incident(self) -> str:
        """Its name."""
        return f"{QUIET}/{self.seed}"

    def in_words(self) -> str:
        """Return what came of it in a line."""
        said = self.error or ", ".join(self.titles) or "nothing"
        return f"{self.incident} ({self.cars} cars, {self.unlocks} unlocks): {said}"


def quiet_day(seed: int, *, hours: int = 24) -> QuietDay:
    """Run one quiet day in a temporary directory, and return its outcome."""
    town = quiet_day_of(seed, hours=hours)
    cars = sum(group["count"] for group in town.scenario["fleet"]["groups"])
    with passing_directory() as path:
        try:
            run_in(path, Incident((), seed), town.scenario, restarts_s=town.restarts_s)
            opened = {one.incident_id: one for one in JsonLines(path / INCIDENTS, Found)}
            return QuietDay(
                seed=seed,
                cars=cars,
                unlocks=sum(1 for _ in JsonLines(path / ATTEMPTS, Attempt)),
                titles=tuple(one.title for one in opened.values()),
            )
        except UnlockpathError as error:
            return QuietDay(seed=seed, cars=cars, unlocks=0, error=f"{error}")


def read(path: Path, name: str, faults: tuple[str, ...], town: Town) -> IncidentOutcome:
    """Return what a run's directory says of how its incident was noticed."""
    harm = harm_of(path, town.entries)
    last = {one.incident_id: one for one in JsonLines(path / INCIDENTS, Found)}
    found = [
        one for one in last.values() if one.opened_at >= harm.began_at and one.maintenance is None
    ]
    best = max(found, key=_hit, default=None)
    opened_at = min((one.opened_at for one in found), default=None)
    return IncidentOutcome(
        incident=name,
        faults=faults,
        town=town.in_words(),
        harmed=harm.harmed,
        first_hit_at=harm.first_hit_at,
        first_call_at=harm.first_call_at,
        knowable_at=harm.bound.knowable_at,
        bound=harm.bound.unlocks,
        opened_at=opened_at,
        unlocks=None if opened_at is None else harm.unlocks_until(opened_at),
        opened=len(found),
        before=sum(one.opened_at < harm.began_at for one in last.values()),
        title="" if best is None else best.title,
        mode=None if best is None else best.mode,
        is_right=best is not None and any(_names(best, fault) for fault in faults),
    )


def _hit(incident: Found) -> tuple[int, int]:
    return max(incident.customers, incident.cars), incident.failed


def _names(incident: Found, fault: str) -> bool:
    """Return whether an incident's title names a fault."""
    mode = MODES[fault]
    if incident.mode is not None:
        return incident.mode in class_of(fault, frozenset(EvidenceSource)).slugs
    if incident.kind is IncidentKind.CARS_LOST:
        return False
    return incident.cause is not None and incident.cause == mode.cause
