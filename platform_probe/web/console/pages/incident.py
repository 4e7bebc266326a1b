"""Incidents: now and then, and one with its growth, its cohort and its history."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind, IncidentState
from fleet_wire.modes.catalogue import mode_told
from platform_probe.judge.incidents.runbook import runbook_page
from platform_probe.tell.messages.incident_text import first_step_of
from platform_probe.tell.support.advice import Advice, advice_for
from platform_probe.texts.times import HOUR_S
from platform_probe.web.console.incidents import MOST, known_as
from platform_probe.web.console.listing import page_of_rows
from platform_probe.web.console.one_unlock import unlocks_by_ids
from platform_probe.web.console.page_request import Answer, Page, PageRequest, forbidden, missing
from platform_probe.web.console.pages.fleet import OF_FAILURES, failed_over_time
from platform_probe.web.console.pictures import Curve, curve_of, share_of

LISTED: Final = 100
BEFORE_S: Final = 600.0
"""The time before that is shown too: what was usual."""
LONGEST_S: Final = 86_400.0
LEAST_S: Final = 15.0


def incidents_page(asked: PageRequest, _: str) -> Answer:
    """Return all incidents that the person may see, the open ones first."""
    known = asked.known_incidents()
    state = asked.query.get("state", "")
    state = state if state in set(IncidentState) else ""
    wanted = [one for one in known if state in ("", one.latest.state)]
    values = {
        "listed": page_of_rows(wanted, asked.page_number, LISTED),
        "state": state,
        "is_all": len(known) < MOST,
    }
    return Page("incidents.html", values)


def incident_page(asked: PageRequest, incident_id: str) -> Answer:
    """Return one incident."""
    known = known_as(asked.snapshot, incident_id)
    if known is None:
        return missing("incident", incident_id)
    if not asked.may_see(known):
        return forbidden()
    now = known.latest
    known_until_s = max(asked.now_s, now.at)
    end_s = now.ended_at if now.state is not IncidentState.OPEN else known_until_s
    growth = known.growth
    if end_s is not None and end_s > growth[-1][0]:
        growth = [*growth, (end_s, growth[-1][1])]
    values = {
        "now": now,
        "lasts_s": known_until_s - now.since,
        "advice": _advice_for(now),
        "do": asked.speaker.say(first_step_of(now)),
        "runbook": f"{runbook_page(now)}.md",
        "runbook_url": asked.settings.runbook_url,
        "unit": "incident.unit_customers" if known.counts_customers else "incident.unit",
        "curve": curve_of(growth, steps=True, from_zero=True),
        "over_time": _over_time(asked, now, end_s or now.at),
        "inside": share_of(now.failed, now.total),
        "outside": share_of(now.elsewhere_failed, now.elsewhere_total),
        "examples": unlocks_by_ids(asked.snapshot, now.examples, (now.since - HOUR_S, now.at)),
    }
    return Page("incident.html", values)


def _advice_for(now: Incident) -> Advice | None:
    """Return what to tell the affected customers now; None if that is not known."""
    cause, mode = now.cause, mode_told(now.mode, now.cohort)
    if cause is None and now.kind is IncidentKind.CARS_LOST:
        cause = Cause.BOX_OFFLINE  # the cause of most unlocks of lost cars
    if now.kind is IncidentKind.SUSPICIOUS or (cause is None and mode is None):
        return None
    is_over = "over" if now.state is IncidentState.RESOLVED else ""
    over = is_over or ("maybe_over" if now.unseen_since is not None else "")
    return advice_for(cause, mode, ("sent", over), {"now": over})


def _over_time(asked: PageRequest, now: Incident, end_s: float) -> Curve | None:
    """Return the failure share of its cohort before, in and after it, if it is about that."""
    if now.kind not in OF_FAILURES:
        return None
    since_s = max(now.since - BEFORE_S, end_s - LONGEST_S)
    return failed_over_time(asked, (since_s, end_s), now.cohort, least_s=LEAST_S)
