"""The page of a what-if: which mitigation of an incident would save most rentals."""

from __future__ import annotations

from collections.abc import Mapping

from fleet_wire.contract.text import Text
from platform_probe.tell.export.worlds import UNKNOWN
from platform_probe.web.console.incidents import IncidentHistory, known_as
from platform_probe.web.console.page_request import (
    Answer,
    Page,
    PageRequest,
    Redirect,
    forbidden,
    missing,
)
from platform_probe.web.console.search import url_of


def what_if_page(asked: PageRequest, incident_id: str) -> Answer:
    """Return what is known of an incident's what-if: nothing yet, its progress, or its result."""
    known = _visible(asked, incident_id)
    if isinstance(known, Page):
        return known
    what_if, can_post = asked.what_ifs.of(incident_id), asked.what_ifs.can_post
    values = {"now": known.latest, "what_if": what_if, "unknown": UNKNOWN, "can_post": can_post}
    return Page("what_if.html", values)


def start_what_if(asked: PageRequest, incident_id: str, *, form: Mapping[str, str]) -> Answer:
    """Start the what-if of an incident, unless that of another one is under way; or post it."""
    known = _visible(asked, incident_id)
    if isinstance(known, Page):
        return known
    if "post" in form:
        asked.note("post_what_if", kind="incident", id=incident_id)
        asked.what_ifs.post(incident_id, by=asked.person.name)
        return Redirect(url_of("what-if", incident_id))
    asked.note("what_if", kind="incident", id=incident_id)
    if not asked.what_ifs.start(incident_id):
        return Page("problem.html", {"problems": [Text(key="problem.what_if")]}, 503)
    return Redirect(url_of("what-if", incident_id))


def _visible(asked: PageRequest, incident_id: str) -> IncidentHistory | Page:
    """Return the incident, or the page that says why it is not shown."""
    known = known_as(asked.snapshot, incident_id)
    if known is None:
        return missing("incident", incident_id)
    return known if asked.may_see(known) else forbidden()
