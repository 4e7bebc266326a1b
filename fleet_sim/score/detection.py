"""How incidents are noticed: before the first customer calls, once, and with the right cause.

The incidents are those of the diagnosis: each fault injected in virtual time, with customers where
the platform is emulated. Truth is what the faults hit and when customers called support.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import msgspec

from fleet_sim.faults import FAULTS, Strikes
from fleet_sim.results.summary import JsonLines
from fleet_sim.runs.conclude import ATTEMPTS, COMPLAINTS, GROUND_TRUTH
from fleet_sim.score.cases import run_in
from fleet_sim.score.incidents import TOGETHER, Incident, scored_faults
from fleet_wire.contract.attempt import Attempt, Complaint
from fleet_wire.contract.incident import Incident as Found
from fleet_wire.contract.incident import IncidentKind
from fleet_wire.errors import UnlockpathError
from fleet_wire.modes.alike import class_of
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import Told

INCIDENTS: Final = "incidents.jsonl"
ENOUGH: Final = 5
"""Customers, or cars where there are none: fewer are no incident of the fleet."""
BEFORE_S: Final = 30.0
"""What was opened so shortly before the first hit is not of it."""


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one incident."""

    incident: str
    faults: tuple[str, ...]
    touched: int = 0
    """Customers, or cars of synthetic unlocks, whose unlock a fault touched and that failed."""
    first_hit_at: float | None = None
    """Unix seconds."""
    first_call_at: float | None = None
    """When the first customer called support, of those that a fault touched."""
    opened_at: float | None = None
    """When the first incident was opened since."""
    opened: int = 0
    """How many were."""
    title: str = ""
    mode: str | None = None
    """Of the incident that hit most, as its last revision has it."""
    is_right: bool = False
    """Whether its title names the mode that was injected, or where it names none, its cause."""
    error: str | None = None


def noticed_faults() -> tuple[str, ...]:
    """Return the faults that are one problem of many: not those that strike single cars.

    Ten cars in ten garages are ten problems, each within what the service level allows.
    """
    return tuple(name for name in scored_faults() if not _is_of_single_cars(name))


def _is_of_single_cars(name: str) -> bool:
    return name not in TOGETHER and FAULTS[name].strikes is not Strikes.PLATFORM


def notice_all(incidents: Iterable[Incident], *, jobs: int) -> Iterator[Noticed]:
    """Do the runs in `jobs` processes, and yield what came of each, in order."""
    listed = [*incidents]
    if jobs <= 1:
        yield from map(notice, listed)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(notice, listed)


def notice(incident: Incident) -> Noticed:
    """Do one run in a directory that is removed, and return what came of it."""
    name = f"{'+'.join(incident.faults) or 'healthy'}/{incident.seed}/{incident.loss.value}"
    path = Path(tempfile.mkdtemp(prefix="noticed-"))
    try:
        run_in(path, incident)
        return read(path, name, incident.faults)
    except UnlockpathError as error:
        return Noticed(incident=name, faults=incident.faults, error=f"{error}")
    finally:
        shutil.rmtree(path, ignore_errors=True)


def read(path: Path, name: str, faults: tuple[str, ...]) -> Noticed:
    """Return what a run's directory says of how its faults were noticed."""
    lines = [*JsonLines(path / GROUND_TRUTH, dict[str, Any])]
    hits = [line for line in lines if line["type"] == "hit"]
    touched = {each for hit in hits for each in hit.get("attempts", ())}
    complained = {each for hit in hits for each in hit.get("complaints", ())}
    failed: dict[str, Attempt] = {}
    epoch: float | None = None
    for attempt in JsonLines(path / ATTEMPTS, Attempt):
        epoch = attempt.started_at - attempt.scheduled_s
        if attempt.attempt_id in touched and attempt.cause is not None and not attempt.same_as:
            failed[attempt.attempt_id] = attempt
    customers = {
        (one.platform.account_id if one.platform else None) or one.vehicle_id
        for one in failed.values()
    }
    calls = [
        one.at for one in JsonLines(path / COMPLAINTS, Complaint) if one.complaint_id in complained
    ]
    first_hit = min((one.started_at for one in failed.values()), default=None)
    if first_hit is None and hits and epoch is not None:
        first_hit = epoch + min(hit["at_s"] for hit in hits)
    found = _last(JsonLines(path / INCIDENTS, Found), first_hit)
    best = max(found, key=_hit, default=None)
    return Noticed(
        incident=name,
        faults=faults,
        touched=len(customers),
        first_hit_at=first_hit,
        first_call_at=min(calls, default=None),
        opened_at=min((one.opened_at for one in found), default=None),
        opened=len(found),
        title="" if best is None else best.title,
        mode=None if best is None else best.mode,
        is_right=best is not None and any(_names(best, fault) for fault in faults),
    )


def figures(noticed: Sequence[Noticed]) -> dict[str, Any]:
    """Return the figures that stand under `detection` in `score.json`."""
    done = [one for one in noticed if one.error is None]
    large = [one for one in done if one.faults and one.touched >= ENOUGH]
    called = [one for one in large if one.first_call_at is not None]
    in_time = [one for one in called if _is_before(one.opened_at, one.first_call_at)]
    found = [one for one in large if one.opened]
    singles = [one for one in found if len(one.faults) == 1]
    healthy = [one for one in done if not one.faults]
    return {
        "before_first_call": _share(len(in_time), len(called)),
        "found": _share(len(found), len(large)),
        "messages_per_problem": _share(
            sum(one.opened for one in found), sum(len(one.faults) for one in found)
        ),
        "title_cause": _share(sum(one.is_right for one in singles), len(singles)),
        "runs": {
            "incidents": len(large),
            "with_a_call": len(called),
            "small": len(done) - len(large) - len(healthy),
            "healthy": len(healthy),
            "healthy_with_an_incident": sum(bool(one.opened) for one in healthy),
            "not_run": [one.incident for one in noticed if one.error is not None],
        },
        "late": [one.incident for one in called if one not in in_time],
        "not_found": [one.incident for one in large if not one.opened],
        "wrong_title": [f"{one.incident}: {one.title}" for one in singles if not one.is_right],
        "several": [f"{one.incident}: {one.opened}" for one in found if one.opened > 1],
    }


def _last(revisions: Iterable[Found], first_hit: float | None) -> list[Found]:
    """Return each incident that was opened since the first hit, as its last revision has it."""
    last = {one.incident_id: one for one in revisions}
    since = 0.0 if first_hit is None else first_hit - BEFORE_S
    return [one for one in last.values() if one.opened_at >= since]


def _hit(incident: Found) -> tuple[int, int]:
    return max(incident.customers, incident.cars), incident.failed


def _names(incident: Found, fault: str) -> bool:
    """Return whether an incident's title names a fault."""
    mode = MODES[fault]
    if incident.mode is not None:
        return incident.mode in class_of(fault, frozenset(Told)).slugs
    if incident.kind is IncidentKind.CARS_LOST:
        return False
    return incident.cause is not None and incident.cause == mode.cause


def _is_before(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one <= other


def _share(part: float, total: float) -> float | None:
    return round(part / total, 4) if total else None
