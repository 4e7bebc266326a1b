"""How often the diagnosis is right here, as far as people have labelled unlocks."""

from __future__ import annotations

from platform_probe.texts.times import DAY_S
from platform_probe.web.console.page_request import Answer, Page, PageRequest
from platform_probe.web.console.pages.fleet import asked_hours, asked_query
from platform_probe.web.console.pictures import reliability_of

DAYS = (1, 7, 30, 90, 365)


def right_page(asked: PageRequest, _: str) -> Answer:
    """Return per mode, per wire and per probability how often the diagnosis was right."""
    span = asked_hours(asked, 30 * 24)
    by_mode, by_wire, by_probability = (
        asked_query(asked, name, {}, span)
        for name in ("right-by-mode", "right-by-wire", "right-by-probability")
    )
    points = [(said, right, labels) for _, labels, said, right in by_probability.rows]
    values = {
        "span": span,
        "hours": [days * round(DAY_S / 3600) for days in DAYS],
        "chart": reliability_of(points),
        "tables": [by_mode, by_wire, by_probability],
        "labels": sum(labels for _, _, labels in points),
    }
    return Page("right_here.html", values)
