"""Functions for templates: words for names, and shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from fleet_wire.contract.causes import Cause, outcome_of
from fleet_wire.contract.incident import Change, Incident
from fleet_wire.contract.text import Text
from platform_probe.judge.incidents.incident_title import title_text
from platform_probe.tell.messages.incident_text import (
    change_said,
    counts_unlocks,
    has_ended,
    mute_of,
)
from platform_probe.tell.support.believed import percent
from platform_probe.tell.support.incident_rows import over_since_s
from platform_probe.tell.support.relations import again_possible
from platform_probe.texts.catalogue import has_text
from platform_probe.texts.catalogue import title_text as title_of_mode
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.speaking import percent as share_told
from platform_probe.texts.spoken_error import language_of_problem
from platform_probe.web.console.page_request import PageRequest
from platform_probe.web.console.pictures import WIDE, Share, share_of
from platform_probe.web.console.rendering import give


def mode_title(asked: PageRequest, slug: str) -> str:
    """Return what a failure mode is called."""
    return asked.speaker.say(title_of_mode(slug))


def incident_title(speaker: Speaker, now: Incident) -> str:
    """Return an incident's title; in English where an older monitor wrote it."""
    return speaker.say(title_text(now))


def language_of_incident(language: str, now: Incident) -> str:
    """Return in which language `incident_title` says a title."""
    return "en" if now.subject is None else language


def language_of_change(language: str, change: Change) -> str:
    """Return in which language `change_said` says a change."""
    return "en" if change.text is None else language


def chance_told(asked: PageRequest, months: float) -> str:
    """Return how often chance alone would show as much as an incident."""
    text = Text(key="incident.once_in", values={"months": months})
    return asked.speaker.say(text)


def bar_of(share: float) -> Share:
    """Return a share of 1 as a bar without an interval."""
    x = WIDE * min(max(share, 0.0), 1.0)
    return Share(100 * share, x, x, x)


def short_number(value: float) -> str:
    """Return a number as short as it stays telling."""
    if not math.isfinite(value):
        return "?"
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"  # noqa: PLR2004


def with_hours(query: Mapping[str, str], hours: int) -> str:
    """Return the address's question with another time."""
    kept = {key: value for key, value in query.items() if key not in ("since", "until", "hours")}
    return urlencode({**kept, "hours": hours})


def with_page(asked: PageRequest, number: int, span: tuple[float, float] | None = None) -> str:
    """Return the address's question with another page, of the same time though more comes."""
    times = {} if span is None else {"since": asked.exact(span[0]), "until": asked.exact(span[1])}
    return urlencode({**asked.query, **times, "page": number})


def with_all_rows(query: Mapping[str, str]) -> str:
    """Return the address's question for the same page with longer tables."""
    return urlencode({**query, "rows": "all"})


def pretty(value: Any) -> str:
    """Return a value as JSON for a person."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str)).decode()


def help_templates() -> None:
    """Make all of these callable in templates."""
    give(
        outcome_of=lambda cause: outcome_of(Cause(cause)).value,
        mode_title=mode_title,
        incident_title=incident_title,
        language_of_incident=language_of_incident,
        change_said=change_said,
        language_of_change=language_of_change,
        language_of_problem=language_of_problem,
        counts_unlocks=counts_unlocks,
        percent=percent,
        share_told=share_told,
        has_ended=has_ended,
        mute_of=mute_of,
        chance_told=chance_told,
        bar_of=bar_of,
        again_possible=again_possible,
        over_since_s=over_since_s,
        share_of=share_of,
        has_text=has_text,
        short_number=short_number,
        with_hours=with_hours,
        with_page=with_page,
        with_all_rows=with_all_rows,
        dict_of=lambda table: dict(zip(table.columns, table.rows[0], strict=True)),
        pretty=pretty,
        is_time=lambda value: isinstance(value, datetime),
    )
