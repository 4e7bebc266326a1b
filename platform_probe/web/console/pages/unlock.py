"""An unlock: what happened, why, what to say and do, and who else has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from fleet_wire.contract.causes import Cause
from platform_probe.tell.support.case import Case
from platform_probe.tell.support.cohorts import (
    around_in_words,
    is_in_cohort,
    search_around,
    similar_failures,
)
from platform_probe.tell.support.incident_rows import as_unlock, incidents_of
from platform_probe.tell.support.rows import Row
from platform_probe.tell.support.telling import export_command, facts_of, party_at_fault
from platform_probe.tell.support.telling_programs import json_of
from platform_probe.tell.support.timeline import InARow, as_one_line, furthest_stage, missing_stage
from platform_probe.web.console.labelling import MODES_BY_LAYER, NONE_OF_THESE, labels_of
from platform_probe.web.console.one_unlock import SIMILAR_S, neighbours, similar_to, unlock_case
from platform_probe.web.console.page_request import (
    Answer,
    Data,
    Page,
    PageRequest,
    Redirect,
    forbidden,
    masked,
    missing,
    without,
)
from platform_probe.web.console.person import Permission
from platform_probe.web.console.pictures import hops_of
from platform_probe.web.console.search import url_of


def unlock_page(asked: PageRequest, attempt_id: str) -> Answer:
    """Return the page of an unlock, or of a call about one that nobody saw."""
    case = unlock_case(asked.snapshot, attempt_id)
    if case is None:
        return missing("unlock", attempt_id)
    if case.attempt is None and (before := case.complaints[0]["attempts"]):
        return Redirect(url_of("unlock", before[-1]))
    thing = f"unlock/{attempt_id}"
    look = ("unlock", attempt_id)
    names = _names_in(case) if asked.hides(thing) else ()
    case = _with_incidents(asked, case)
    told = {
        **json_of(case, asked.speaker),
        "reproduce": export_command(case, asked.snapshot.source.directory),
    }
    if names or asked.hides(thing):
        told = masked(told, names)
    if asked.query.get("format") == "json":
        return Data(told, look) if asked.may(Permission.SECRETS) else forbidden()
    if asked.query.get("part") == "others":
        return Page("others.html", _shared_traits(asked, case))
    values = {
        "attempt_id": attempt_id,
        "case": case,
        "attempt": case.attempt,
        "told": told,
        "story": story_of(told["timeline"]),
        "thing": thing,
        "revisions": case.revisions,
        "labels": [
            {**one, "text": without(one["text"] or "", names)}
            for one in labels_of(asked.snapshot, attempt_id, case.at_s)
        ],
        "modes_by_layer": MODES_BY_LAYER,
        "none_of_these": NONE_OF_THESE,
        "raw": told if asked.may(Permission.SECRETS) else None,
        **(_of_attempt(asked, case, case.attempt) if case.attempt is not None else _OF_A_CALL),
    }
    return Page("unlock.html", values, look=look)


def story_of(timeline: Sequence[Mapping[str, Any]]) -> list[InARow[Mapping[str, Any]]]:
    """Return the story, with repetitions as one line."""
    return as_one_line(timeline, lambda entry: (entry["who"], entry["what"], entry["is_poll"]))


_OF_A_CALL: Final[Mapping[str, Any]] = {
    "hops": (),
    "reached": None,
    "awaited": None,
    "party": None,
    "facts": (),
    "before": None,
    "after": None,
    "similar": (),
    "similar_url": "",
    "trace_url": None,
}


def _of_attempt(asked: PageRequest, case: Case, attempt: Row) -> Mapping[str, Any]:
    before, after = neighbours(asked.snapshot, attempt)
    template = asked.settings.trace_url
    trace = attempt["trace_id"]
    awaited = missing_stage(attempt)
    return {
        "hops": hops_of(attempt),
        "reached": furthest_stage(attempt).value,
        "awaited": None if awaited is None else awaited.value,
        "party": None if case.cause is None else party_at_fault(case, case.cause).value,
        "facts": facts_of(attempt, asked.speaker.on(case.at_s)),
        "before": before,
        "after": after,
        "similar": similar_to(asked.snapshot, case),
        "similar_url": _similar_url(asked, case),
        "trace_url": (template or "").replace("{trace_id}", quote(trace, safe=""))
        if template and trace != attempt["attempt_id"]
        else None,
    }


def _similar_url(asked: PageRequest, case: Case) -> str:
    """Return the page of the cause at that time."""
    if case.cause is None:
        return ""
    times = {"since": asked.iso(case.at_s - SIMILAR_S), "until": asked.iso(case.at_s + SIMILAR_S)}
    return f"{url_of('cause', case.cause)}?{urlencode(times)}"


def _shared_traits(asked: PageRequest, case: Case) -> Mapping[str, Any]:
    """Return what the failures of that time share. It searches a day: a page does not wait."""
    if case.attempt is not None and case.cause is None:
        return {"said": None, "is_one": None}
    cause = case.cause or Cause.NOT_OBSERVED
    with asked.snapshot.connection() as duck:
        finding = search_around(duck, case.at_s, similar_failures(cause, case.believed))
    attempt, cohorts = case.attempt, finding.found
    return {
        "said": around_in_words(finding, asked.speaker.on(case.at_s)),
        "is_one": any(is_in_cohort(attempt, each) for each in cohorts)
        if attempt and cohorts
        else None,
    }


@dataclass(frozen=True, slots=True)
class Latest:
    """The advice about the last unlock in question, or about a call."""

    case: Case
    told: Mapping[str, Any]


def latest_advice(
    asked: PageRequest, unlock: Row | None, complaint_id: str | None, *, is_last: bool
) -> Latest | None:
    """Return what to say and do about an unlock, else a call; None where there is neither.

    If it is not the last one, later ones are looked for.
    """
    if unlock is not None:
        case = unlock_case(asked.snapshot, unlock["attempt_id"], unlock if is_last else None)
    else:
        case = None if complaint_id is None else unlock_case(asked.snapshot, complaint_id)
    if case is None:
        return None
    case = _with_incidents(asked, case)
    return Latest(case, json_of(case, asked.speaker))


def _with_incidents(asked: PageRequest, case: Case) -> Case:
    """Return a case with its incidents that the person may see."""
    unlock = case.attempt or as_unlock(case.complaints[0])
    known = (one.latest for one in asked.known_incidents())
    found = incidents_of(unlock, known, case.believed, asked.snapshot.rows)
    return replace(case, incidents=found)


def _names_in(case: Case) -> Sequence[str]:
    """Return the customers that anything of a case may name."""
    rows = [*case.events, *case.complaints, *([case.attempt] if case.attempt else [])]
    return sorted({row["account_id"] for row in rows if row["account_id"]})
