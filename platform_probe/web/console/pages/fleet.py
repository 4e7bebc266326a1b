"""The fleet now, and the pages of roles: predefined questions over a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import inf
from types import MappingProxyType
from typing import Any, Final

from fleet_wire.contract.incident import IncidentKind
from fleet_wire.errors import ConfigError
from platform_probe.settings.console import PinnedQuery
from platform_probe.store.duck import Rows
from platform_probe.store.limits import SqlLimits
from platform_probe.store.queries import named_in, query_named
from platform_probe.store.schema import TRAITS as TRAITS_OF_COHORTS
from platform_probe.tell.support.rows import Row, unix_s, utc
from platform_probe.texts.times import DAY_S, HOUR_S
from platform_probe.web.console.gathering import failed_within
from platform_probe.web.console.incidents import IncidentHistory
from platform_probe.web.console.page_request import Answer, Page, PageRequest, forbidden, missing
from platform_probe.web.console.pages.entities import span_of
from platform_probe.web.console.person import Permission
from platform_probe.web.console.pictures import Curve, curve_of

LISTED: Final = 25
ALL_LISTED: Final = 500
"""The rows of a page's table if all of them are asked for."""
TRAITS: Final = ("region", "operator", "firmware")
HOURS: Final = (1, 6, 24, 168)
"""Times that a page offers."""
OF_FAILURES: Final = (IncidentKind.FAILURES, IncidentKind.CARS_LOST)
"""Incidents of unlocks that fail."""
_ONCALL: Final = ("causes", "modes", "cars-that-failed", "flapping-cars")
_ROLES: Final = {
    "support": (6, ("late-unlocks", "customers-that-failed", "told-otherwise", "booked-and-away")),
    "mobile": (24, ("apps-compared", "api-answers", "generic-errors", "asked-again")),
}
"""The hours that a role's page shows, and the predefined queries on it."""
_LARGEST_ANSWER_MIB: Final = 8
"""The size limit of SQL results on a squad's page: a browser has to show it [E]."""
_NUMBERS: Final = {int, float, Decimal}
_EVERYBODY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Table:
    """The result of a question; or why it has none."""

    title: str
    """A text's key, or what a squad calls it."""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    is_whole: bool = True
    problem: str | None = None

    def numbers(self) -> set[int]:
        """Return the places of columns that have numbers, which stand to the right."""
        kinds = [{*map(type, column)} - {type(None)} for column in zip(*self.rows, strict=True)]
        return {place for place, kind in enumerate(kinds) if kind and kind <= _NUMBERS}


def asked_query(
    asked: PageRequest, name: str, values: Mapping[str, str], span: tuple[float, float]
) -> Table:
    """Return what a predefined query comes to in a time."""
    query = query_named(name)
    times = {"since": utc(span[0]), "until": utc(span[1])}
    found = asked.snapshot.query(query.sql, query.values(values, times), limit=limit_of(asked))
    return table_of(f"table.{name.replace('-', '_')}", found)


def limit_of(asked: PageRequest) -> int:
    """Return how many rows of a table are shown."""
    return ALL_LISTED if asked.query.get("rows") == "all" else LISTED


def table_of(title: str, found: Rows) -> Table:
    """Return rows as a table of a page."""
    return Table(title, found.columns, found.rows, found.is_whole)


def fleet_page(asked: PageRequest, _: str) -> Answer:
    """Return how the fleet is: unlocks and cars by region, operator and firmware."""
    span = asked_hours(asked, 1)
    values = {
        "span": span,
        "hours": HOURS,
        "by": [(trait, _by_trait(asked, trait, span)) for trait in TRAITS],
        "cars": _cars_now(asked),
        "whole": _fleet_figures(asked, span),
    }
    return Page("fleet.html", values)


def _by_trait(asked: PageRequest, trait: str, span: tuple[float, float]) -> list[Mapping[str, Any]]:
    rows = asked.snapshot.rows(
        f"""
        SELECT {trait} AS name, count(*) AS unlocks, count(cause) AS failed,
            count(DISTINCT vehicle_id) AS cars, mostly(cause) AS mostly,
            quantile_cont(total_s, 0.95) FILTER (cause IS NULL) AS p95_s
        FROM observed WHERE started_at BETWEEN $since AND $until
        GROUP BY ALL ORDER BY failed / unlocks DESC, unlocks DESC, name
        """,
        {"since": utc(span[0]), "until": utc(span[1])},
        LISTED,
    )
    return list(rows)


def _fleet_figures(asked: PageRequest, span: tuple[float, float]) -> Mapping[str, Any]:
    return asked.snapshot.rows(
        """
        SELECT count(*) AS unlocks, count(cause) AS failed, count(DISTINCT vehicle_id) AS cars,
            count(DISTINCT account_id) AS customers,
            count(DISTINCT account_id) FILTER (cause IS NOT NULL) AS customers_hit,
            quantile_cont(total_s, 0.5) FILTER (cause IS NULL) AS p50_s,
            quantile_cont(total_s, 0.95) FILTER (cause IS NULL) AS p95_s
        FROM observed WHERE started_at BETWEEN $since AND $until
        """,
        {"since": utc(span[0]), "until": utc(span[1])},
        1,
    )[0]


def _cars_now(asked: PageRequest) -> list[Mapping[str, Any]]:
    """Return how many cars are connected, by region, as they were heard in the last day."""
    return list(
        asked.snapshot.rows(
            """
            SELECT region, count(*) AS cars, count(*) FILTER (status = 'online') AS online,
                count(*) FILTER (status = 'offline') AS offline,
                count(*) FILTER (voltage_v < 11.8) AS weak
            FROM (
                SELECT vehicle_id, max_by(status, heard_at) FILTER (kind = 'presence') AS status,
                    max_by(region, heard_at) FILTER (region IS NOT NULL) AS region,
                    max_by(voltage_v, heard_at) FILTER (voltage_v IS NOT NULL) AS voltage_v
                FROM observations WHERE heard_at >= $since GROUP BY vehicle_id
            ) GROUP BY region ORDER BY region
            """,
            {"since": utc(asked.now_s - DAY_S)},
            LISTED,
        )
    )


# Pages of roles


def role_page(asked: PageRequest, _: str) -> Answer:
    """Return the page of a role: the questions that it asks again and again."""
    role = asked.path.strip("/")
    hours, queries = _ROLES[role]
    span = asked_hours(asked, hours)
    return _role(role, span, [asked_query(asked, name, {}, span) for name in queries])


def oncall_page(asked: PageRequest, _: str) -> Answer:
    """Return the page of the on-call engineer: open incidents, current failures, and since when."""
    span = asked_hours(asked, 1)
    return _role(
        "oncall",
        span,
        [asked_query(asked, name, {}, span) for name in _ONCALL],
        open_incidents=asked.open_incidents(),
        curve=failed_over_time(asked, span),
        failed=failed_within(asked.snapshot, span).rows[:LISTED],
    )


def qa_page(asked: PageRequest, _: str) -> Answer:
    """Return two releases side by side, with a verdict and how sure it is."""
    span = asked_hours(asked, 168)
    releases = _releases(asked, span)
    before, after = asked.query.get("before", ""), asked.query.get("after", "")
    verdict = None
    if before and after:
        both = {"before": before, "after": after}
        verdict = asked_query(asked, "releases-compared", both, span)
    tables = [
        asked_query(asked, "firmware-compared", {}, span),
        asked_query(asked, "modes-by-firmware", {}, span),
    ]
    return Page(
        "qa.html",
        {"role": "qa", "span": span, "hours": HOURS, "releases": releases, "before": before,
         "after": after, "verdict": verdict, "tables": tables,
         "not_of_release": _not_of_release(asked, span, {before, after}) if verdict else ()},
    )  # fmt: skip


def _not_of_release(
    asked: PageRequest, span: tuple[float, float], releases: set[str]
) -> list[IncidentHistory]:
    """Return the incidents of a time whose cohorts name none of these releases.

    Unlocks that fail of them count for the release that their cars happen to have.
    """
    return [
        one
        for one in asked.known_incidents()
        if one.latest.kind in OF_FAILURES
        and one.latest.since <= span[1]
        and (one.latest.ended_at is None or one.latest.ended_at >= span[0])
        and releases.isdisjoint(one.latest.cohort.values())
    ]


def _releases(asked: PageRequest, span: tuple[float, float]) -> list[tuple[str, list[str]]]:
    """Return the releases that were seen: firmware, app, API."""
    found = []
    for column in ("firmware", "app_version", "api_release"):
        rows = asked.snapshot.rows(
            f"SELECT DISTINCT {column} AS name FROM attempts"
            f" WHERE started_at BETWEEN $since AND $until AND {column} IS NOT NULL ORDER BY name",
            {"since": utc(span[0]), "until": utc(span[1])},
            100,
        )
        found.append((column, [row["name"] for row in rows]))
    return found


def cto_page(asked: PageRequest, _: str) -> Answer:
    """Return the service level, what failures cost, and suspicious traffic."""
    if not asked.may(Permission.SECRETS):
        return forbidden()
    levels = [(days, _level(asked, days)) for days in (1, 7, 30)]
    span = asked_hours(asked, 24)
    suspicious = [
        one for one in asked.known_incidents() if one.latest.kind is IncidentKind.SUSPICIOUS
    ]
    values = {
        "role": "cto",
        "span": span,
        "hours": HOURS,
        "levels": levels,
        "objective": asked.settings.objective,
        "cost": asked.settings.cost,
        "curve": failed_over_time(asked, (asked.now_s - 7 * DAY_S, asked.now_s)),
        "suspicious": suspicious,
        "tables": [asked_query(asked, "modes", {}, span)],
    }
    return Page("cto.html", values)


def _level(asked: PageRequest, days: int) -> Mapping[str, Any]:
    """Return how many unlocks of a time opened, what customers waited, and what it cost."""
    since_s = asked.now_s - days * DAY_S
    times = {"since": utc(since_s), "until": utc(asked.now_s)}
    row = dict(
        asked.snapshot.rows(
            """
            WITH failures AS MATERIALIZED (
                SELECT account_id, booking_id, total_s FROM observed
                WHERE started_at BETWEEN $since AND $until AND cause IS NOT NULL
                AND source <> 'floor'
            )
            SELECT count(*) AS failed, count(DISTINCT account_id) AS customers,
                count(DISTINCT booking_id) AS rentals, coalesce(sum(total_s), 0) / 60 AS minutes,
                (
                    SELECT count(*) FROM observed
                    WHERE started_at BETWEEN $since AND $until AND source <> 'floor'
                ) AS unlocks,
                (
                    SELECT count(DISTINCT booking_id) FROM failures WHERE booking_id NOT IN (
                        SELECT booking_id FROM attempts SEMI JOIN failures USING (booking_id)
                        WHERE started_at BETWEEN $since AND $until AND cause IS NULL
                    )
                ) AS lost
            FROM failures
            """,
            times,
            1,
        )[0]
    )
    row["calls"] = asked.snapshot.rows(
        "SELECT count(*) AS calls FROM complaints WHERE called_at BETWEEN $since AND $until",
        times,
        1,
    )[0]["calls"]
    cost = asked.settings.cost
    row["cost"] = row["calls"] * cost.per_call + row["lost"] * cost.per_lost_rental
    allowed = (1 - asked.settings.objective) * row["unlocks"]
    row["budget_used"] = None if not allowed else 100 * row["failed"] / allowed
    return row


def squad_page(asked: PageRequest, name: str) -> Answer:
    """Return the questions that a squad has pinned."""
    squad = next((one for one in asked.settings.squads if one.name == name), None)
    if squad is None:
        return missing("squad", name)
    if not asked.may(Permission.SECRETS):
        return forbidden()
    span = asked_hours(asked, 24)
    tables = [_pinned(asked, each, span) for each in squad.queries]
    return _role(name, span, tables, title=name)


def _pinned(asked: PageRequest, pinned: PinnedQuery, span: tuple[float, float]) -> Table:
    try:
        found = rows_of_pinned(asked, pinned, span, limit=limit_of(asked))
        return table_of(pinned.title, found)
    except ConfigError as error:
        return Table(pinned.title, problem=asked.problem(error))


def rows_of_pinned(
    asked: PageRequest,
    pinned: PinnedQuery,
    span: tuple[float, float],
    *,
    limit: int,
    most_s: float = inf,
) -> Rows:
    """Return what a squad's question finds, its SQL within `most_s` seconds at most.

    Raises `ConfigError`.
    """
    times = {"since": utc(span[0]), "until": utc(span[1])}
    if pinned.query is not None:
        query = query_named(pinned.query)
        return asked.snapshot.query(query.sql, query.values(pinned.values, times), limit=limit)
    sql = pinned.sql or ""
    named = {name: times[name] for name in named_in(sql) if name in times}
    limits = SqlLimits(
        asked.settings.sql_memory_mib,
        min(asked.settings.sql_timeout_s, most_s),
        _LARGEST_ANSWER_MIB,
    )
    return asked.snapshot.found_by_user(sql, named, limit=limit, limits=limits)


def _role(
    role: str,
    span: tuple[float, float],
    tables: Sequence[Table],
    *,
    title: str | None = None,
    open_incidents: Sequence[IncidentHistory] | None = None,
    failed: Sequence[Row] | None = None,
    curve: Curve | None = None,
) -> Page:
    values = {
        "role": role,
        "title": title,
        "span": span,
        "hours": HOURS,
        "tables": tables,
        "open": open_incidents,
        "failed": failed,
        "curve": curve,
    }
    return Page("role.html", values)


def failed_over_time(
    asked: PageRequest,
    span: tuple[float, float],
    cohort: Mapping[str, str] = _EVERYBODY,
    *,
    least_s: float = 60.0,
) -> Curve | None:
    """Return the share of unlocks that failed, percent, over a time, as a curve.

    `cohort` selects the unlocks, value by trait; a point stands for `least_s` seconds at least.
    Failures end later than successes, so unlocks as recent as failures last are not counted. Amid
    an outage the first to end have opened.
    """
    bucket_s = max((span[1] - span[0]) / 48, least_s)
    traits = [name for name in TRAITS_OF_COHORTS if name in cohort]
    of_them = "".join(f" AND {name} = $of_{name}" for name in traits)
    rows = asked.snapshot.rows(
        f"""
        WITH those AS (
            SELECT started_at, cause, total_s FROM observed
            WHERE started_at BETWEEN $since AND $until{of_them}
        ), counted AS (
            SELECT $now::TIMESTAMPTZ - to_microseconds(
                (1e6 * coalesce(quantile_cont(total_s, 0.95), 0))::BIGINT) AS last_at
            FROM those WHERE cause IS NOT NULL
        )
        SELECT time_bucket(to_microseconds($bucket), started_at) AS at_time,
            100 * count(cause) FILTER (started_at <= last_at)
                / nullif(count(*) FILTER (started_at <= last_at), 0) AS percent
        FROM those, counted GROUP BY ALL ORDER BY at_time
        """,
        {
            "now": utc(asked.now_s),
            "since": utc(span[0]),
            "until": utc(span[1]),
            "bucket": round(bucket_s * 1e6),
            **{f"of_{name}": cohort[name] for name in traits},
        },
    )
    points = [(unix_s(row["at_time"]), row["percent"]) for row in rows]
    curve = curve_of([one for one in points if one[1] is not None], from_zero=True)
    not_ended = [one for one in points if one[1] is None]
    return curve and replace(curve, points=[*curve.points, *not_ended])


def asked_hours(asked: PageRequest, default: int) -> tuple[float, float]:
    """Return the time of a page: what its address says, by default so many hours until now."""
    if "since" in asked.query or "until" in asked.query:
        return span_of(asked)
    text = asked.query.get("hours", "")
    hours = int(text) if text.isdecimal() and 0 < int(text) <= 24 * 366 else default
    return asked.now_s - hours * HOUR_S, asked.now_s
