"""The start page, and what was found."""

from __future__ import annotations

from fleet_wire.errors import ConfigError
from platform_probe.texts.times import HOUR_S
from platform_probe.web.console.gathering import failed_within
from platform_probe.web.console.page_request import Answer, Page, PageRequest, Redirect
from platform_probe.web.console.person import Permission
from platform_probe.web.console.search import Search


def start_page(asked: PageRequest, _: str) -> Answer:
    """Return the start page: the search box, open incidents, the latest failures."""
    values = {
        "open": asked.open_incidents(),
        "rows": failed_within(asked.snapshot, (asked.now_s - HOUR_S, asked.now_s)).rows[:10],
    }
    return Page("start.html", values)


def search_page(asked: PageRequest, _: str) -> Answer:
    """Return where what was typed leads, or what there is to choose from."""
    text = asked.query.get("q", "")
    if not text.strip():
        return Redirect("/")
    search = Search(
        asked.snapshot,
        asked.zone,
        plates=asked.plates,
        names_customers=asked.may(Permission.PERSONAL),
        incidents=[known.latest.incident_id for known in asked.known_incidents()],
    )
    try:
        found = search.find(text)
    except ConfigError as error:
        return Page("search.html", {"q": text, "found": None, "problem": asked.problem(error)}, 400)
    if found.jump is not None:
        return Redirect(found.jump)
    values = {"q": text, "found": found, "problem": None}
    status = 200 if found.is_exact else 404
    return Page("search.html", values, status, look=("search", text))
