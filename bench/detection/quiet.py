"""How often a healthy town is taken for an ill one, and how soon an ill one is noticed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from bench.detection.baselines import USUAL, Baseline, baselines_of
from bench.detection.boxes import said_by
from bench.detection.town import DAY_S, EPOCH_S, HOUR_S, Town, Trouble
from bench.detection.watching import watch
from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause

MONTH_DAYS: Final = 30.0
RESTART_S: Final = 3.3 * DAY_S
"""The monitor is started anew so often: in odd hours, sometimes in the night."""
BEFORE_DAYS: Final = 1.5
AT_S: Final = BEFORE_DAYS * DAY_S
LONG_S: Final = 8 * HOUR_S
"""A trouble ends then, found or not."""


class Kind(NamedTuple):
    """How large a town is."""

    name: str
    cars: int
    a_minute: float
    """Unlocks, on average over a day."""


KINDS: Final = (Kind("village", 300, 1.5), Kind("town", 2_000, 10.0), Kind("city", 5_000, 20.0))


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """Healthy days."""

    kind: str
    seed: int
    days: float
    unlocks: int
    alerts: int
    titles: tuple[str, ...]
    baselines: dict[str, int]
    """How often other tests on all unlocks raised an alarm."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble, and how it was noticed."""

    share: float
    cohort: dict[str, str]
    is_found: bool
    unlocks: int
    """Customers of the cohort that tried from the first one hit to the alert, retries not."""
    tried: int
    """All of them, until it was over."""
    seconds: float
    """From the first end of one that was hit to the alert."""
    bound: float
    """ln(ARL) / KL: unlocks that no test with one false alarm a month beats on average."""
    incidents: int
    cohort_is_right: bool
    title: str
    baselines: dict[str, int | None] = {}
    """The same of other tests on all unlocks; None: not within eight hours."""


def quiet_days(kind: Kind, seed: int, days: float) -> Quiet:
    """Watch a healthy town from a cold start, with restarts, and count what is found."""
    town = Town(seed, cars=kind.cars, a_minute=kind.a_minute)
    others = baselines_of(kind.a_minute)
    ends_at = EPOCH_S + days * DAY_S
    lived = (one for one in town.unlocks(days) if _ended(one) <= ends_at)
    told, unlocks = watch(_shown(lived, others), said_by(town, days), restart_every_s=RESTART_S)
    opened = [one for one in told if one.revision == 1]
    return Quiet(
        kind=kind.name,
        seed=seed,
        days=days,
        unlocks=unlocks,
        alerts=len(opened),
        titles=tuple(one.title for one in opened),
        baselines={one.name: len(one.alarms_s) for one in others},
    )


def trouble(seed: int, share: float, cohort: dict[str, str], *, a_minute: float) -> Found:
    """Let something break in a town that was watched for a day and a half."""
    one = Trouble(
        since_s=AT_S + 10 * HOUR_S,
        until_s=AT_S + 10 * HOUR_S + LONG_S,
        share=share,
        cohort=cohort,
        cause=Cause.BOX_OFFLINE,
    )
    seen: list[Attempt] = []
    town = Town(seed, a_minute=a_minute)
    days = (one.until_s + 4 * HOUR_S) / DAY_S
    others = baselines_of(a_minute)
    told, _ = watch(_shown(_kept(town.unlocks(days, [one]), seen, one), others))
    since = EPOCH_S + one.since_s
    found = [each for each in told if each.revision == 1 and each.opened_at >= since]
    opened_at = found[0].opened_at if found else since + LONG_S
    first = [each for each in seen if not _is_again(each)]
    tried = [each for each in first if _ended(each) <= opened_at]
    hit = [_ended(each) for each in first if each.cause is not None]
    last = {each.incident_id: each for each in told if each.opened_at >= since}
    best = max(last.values(), key=lambda each: each.failed, default=None)
    return Found(
        share=share,
        cohort=cohort,
        is_found=bool(found),
        unlocks=len(tried),
        tried=len(first),
        seconds=round(opened_at - min(hit, default=since), 1),
        bound=round(bound(share, a_minute), 1),
        incidents=len(found),
        cohort_is_right=best is not None and best.cohort == cohort,
        title="" if best is None else best.title,
        baselines={
            other.name: _unlocks_until(first, other.first_since(one.since_s)) for other in others
        },
    )


def _unlocks_until(tried: Sequence[Attempt], at_s: float | None) -> int | None:
    """Return how many had ended by a moment; None: never."""
    if at_s is None or at_s > AT_S + 10 * HOUR_S + LONG_S:
        return None
    return sum(_ended(each) <= EPOCH_S + at_s for each in tried)


def bound(share: float, a_minute: float) -> float:
    """Return how many unlocks a test needs on average that errs once a month (Lorden, 1971)."""
    month = a_minute * 60 * 24 * MONTH_DAYS
    hit = share * math.log(share / USUAL)
    missed = (1.0 - share) * math.log((1.0 - share) / (1.0 - USUAL)) if share < 1.0 else 0.0
    return math.log(month) / (hit + missed)


def _kept(unlocks: Iterator[Attempt], seen: list[Attempt], one: Trouble) -> Iterator[Attempt]:
    """Yield unlocks, and keep those of a trouble's cohort and time."""
    for attempt in unlocks:
        at_s = attempt.started_at - EPOCH_S
        values = {
            "region": attempt.region or "",
            "operator": attempt.operator or "",
            "firmware": attempt.firmware or "",
        }
        if one.concerns(values, at_s):
            seen.append(attempt)
        yield attempt


def _shown(unlocks: Iterator[Attempt], others: Sequence[Baseline]) -> Iterator[Attempt]:
    """Yield unlocks, and show them to other tests as they end."""
    for attempt in unlocks:
        at_s = _ended(attempt) - EPOCH_S
        is_hit = attempt.cause is not None and attempt.cause is not Cause.API_REFUSED
        is_first = not _is_again(attempt)
        for other in others:
            other.take(at_s, is_hit=is_hit, is_first=is_first)
        yield attempt


def _is_again(attempt: Attempt) -> bool:
    """Return whether a customer has pressed again: the town numbers those from 10^8 on."""
    return int(attempt.attempt_id[1:]) >= 100_000_000


def _ended(attempt: Attempt) -> float:
    return attempt.started_at + attempt.total_s
