"""Sentences about an incident that all backends share. No markup, no I/O."""

from __future__ import annotations

import math
from itertools import starmap
from typing import Final
from urllib.parse import quote

import msgspec

from fleet_wire.contract.causes import CAUSES
from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.text import Text, Value
from fleet_wire.modes.catalogue import MODES, mode_told
from fleet_wire.modes.mode import Actor
from platform_probe.judge.incidents.incident_title import title_of
from platform_probe.judge.incidents.incident_title import title_text as incident_title
from platform_probe.texts.catalogue import cause_text, has_text, mode_text, title_text, trait_text
from platform_probe.texts.speaking import Speaker

RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}
"""How bad a severity is; the mildest is 0."""

_NOT_OF_UNLOCKS: Final = (
    IncidentKind.CARS_LOST, IncidentKind.SILENCE, IncidentKind.MONITOR_BLIND,
    IncidentKind.SUSPICIOUS,
)  # fmt: skip
"""Kinds that count no unlocks."""
_OF_CARS: Final = (IncidentKind.FAILURES, IncidentKind.CARS_LOST)
"""Kinds that have a cause beyond what was found."""


def _text(key: str, **values: Value) -> Text:
    return Text(key=f"post.{key}", values=values)


def severity_word(incident: Incident, speaker: Speaker) -> str:
    """Return its severity as a word that begins a line."""
    return speaker.say(Text(key=f"severity.{incident.severity.value}")).capitalize()


def failure_text(incident: Incident, speaker: Speaker) -> str | None:
    """Return the failure mode in words, and the share of diagnoses that name it.

    None if the title says all: what is slow or missing, or what the monitor does not see.
    """
    if incident.mode is not None:
        title, part = title_text(incident.mode), incident.mode_probability
        return speaker.say(title if part is None else _text("mode", mode=title, share=part))
    if incident.cause is not None:
        return speaker.say(cause_text(incident.cause))
    return speaker.say(_text("not_known")) if is_unnamed(incident) else None


def is_unnamed(incident: Incident) -> bool:
    """Return whether its failure mode is not known yet, and is still to be named."""
    is_named = incident.mode is not None or incident.cause is not None
    return not is_named and incident.kind in _OF_CARS and not has_ended(incident)


def advice_of(incident: Incident, speaker: Speaker) -> str:
    """Return what to do now, in one or two sentences, and who acts if the mode names somebody."""
    said = [_text("press_again")] if _may_press_again(incident) else []
    mode = mode_told(incident.mode, incident.cohort)
    if mode is not None:
        acts = _text("who_acts", actor=Text(key=f"actor.{mode.acts.value}"))
        mend = () if mode.mend is None else (mode_text(mode, "mend"),)
        return speaker.say_all((*said, mode_text(mode, "now"), acts, *mend))
    step = first_step_of(incident)
    if incident.cause is not None and incident.kind is IncidentKind.FAILURES:
        of_party = f"first_step.{CAUSES[incident.cause].party.value}"
        step = Text(key=of_party) if has_text(of_party) else step
    return speaker.say_all((*said, step))


def first_step_of(incident: Incident) -> Text:
    """Return the first step for an incident of its kind."""
    return Text(key=f"first_step.{incident.kind.value}")


def _may_press_again(incident: Incident) -> bool:
    """Return whether unlocks failed, and may succeed again by now."""
    mode = MODES.get(incident.mode or "")
    is_attack = mode is not None and mode.acts is Actor.SECURITY_TEAM
    return incident.unseen_since is not None and incident.kind in _OF_CARS and not is_attack


def _cohort_texts(incident: Incident) -> tuple[Text, ...]:
    """Return the names of its cohorts."""
    return tuple(
        Text(key="whom.one", values={"first": tuple(starmap(_trait, cohort.items()))})
        for cohort in incident.affected_cohorts
        if cohort
    )


def _trait(name: str, value: str) -> Text:
    return trait_text("shared", name, value)


def counts_of(incident: Incident, speaker: Speaker) -> str:
    """Return how many failed in the cohort and elsewhere, and how many were expected to."""
    when = "was" if has_ended(incident) else "now"
    own = f"unit.{incident.kind.value}.{when}"
    unit = Text(key=own if has_text(own) else f"unit.failures.{when}")
    hit: dict[str, Value] = {"share": _share(incident.failed, incident.total), "unit": unit}
    cohorts = _cohort_texts(incident)
    place = ", ".join(map(speaker.say, cohorts[:1]))
    for cohort in cohorts[1:]:
        place = speaker.say(_text("and", first=place, second=cohort))
    said = [_text("hit_in", **hit, cohort=place) if place else _text("hit", **hit)]
    if incident.elsewhere_total:
        share = _share(incident.elsewhere_failed, incident.elsewhere_total)
        said.append(_text("elsewhere", share=share))
    if incident.total:
        said.append(_text("expected", expected=incident.expected))
    return speaker.say(Text(key="sentence.also")).join(map(speaker.say, said))


def counts_unlocks(incident: Incident) -> bool:
    """Return whether it counts unlocks, not only cars or customers."""
    return incident.kind not in _NOT_OF_UNLOCKS


def affected_text(incident: Incident, speaker: Speaker) -> str | None:
    """Return how many customers and cars were hit; None where that is not known."""
    said = [
        speaker.say(Text(key=f"whom.{one if number == 1 else many}", values={"count": number}))
        for number, one, many in (
            (incident.customers, "customer", "customers"),
            (incident.cars, "car", "cars"),
        )
        if number
    ]
    return speaker.say(Text(key="sentence.and")).join(said) or None


def chance_of(incident: Incident, speaker: Speaker) -> str | None:
    """Return how often chance alone would cause such an incident; None if that is not known."""
    if incident.chance_months is None:
        return None
    return speaker.say(Text(key="incident.once_in", values={"months": incident.chance_months}))


def check_of(incident: Incident) -> str:
    """Return the command that shows the failures of an incident."""
    if incident.examples:
        return f"platform-probe diagnose {incident.examples[0]}"
    return f"platform-probe incidents show {incident.incident_id}"


def _share(part: int, total: int) -> Text:
    """Return how many of how many, with the share."""
    if not total:
        return _text("part", part=part)
    return _text("share", part=part, total=total, share=part / total)


def lasted(incident: Incident, speaker: Speaker, *, until_s: float | None = None) -> str:
    """Return how long it has lasted: until its end or, while it is open, until then.

    None: until this revision.
    """
    seconds = lasted_s(incident, incident.at if until_s is None else until_s)
    return speaker.say(_text("lasted", seconds=seconds))


def lasted_s(incident: Incident, now_s: float) -> float:
    """Return for how long it has lasted: while it is open, until now, though nothing is seen."""
    is_open = incident.state is IncidentState.OPEN or incident.ended_at is None
    until_s = now_s if is_open else incident.ended_at
    return (until_s or now_s) - incident.since


def why_worse(incident: Incident, speaker: Speaker) -> str | None:
    """Return the reason for its last rise in severity; None if it never rose."""
    rises = [each for each in incident.changes if each.kind is ChangeKind.WORSE]
    return change_said(rises[-1], speaker) if rises else None


def change_said(change: Change, speaker: Speaker) -> str:
    """Return a change in words, for readers on its day; in English if an older monitor wrote it."""
    return change.sentence if change.text is None else speaker.on(change.at).say(change.text)


def title_said(incident: Incident, speaker: Speaker) -> str:
    """Return its title, for readers on its day; in English if an older monitor wrote it."""
    return title_of(incident_title(incident), speaker.on(incident.at))


def last_rise_at(incident: Incident) -> float:
    """Return when its severity last rose, Unix seconds; 0 if it never did."""
    return max((each.at for each in incident.changes if each.kind is ChangeKind.WORSE), default=0.0)


def change_line(change: Change, speaker: Speaker) -> str:
    """Return an entry of its history as a line, without its time."""
    said = change_said(change, speaker).rstrip(".")
    if change.by and change.by not in said:
        said += f" {speaker.say(_text('by', by=change.by))}"
    if change.reason and change.reason not in said:
        said += f": {change.reason}"
    return said


def console_link(console_url: str, incident_id: str, *, page: str = "incident") -> str:
    """Return where the console shows an incident, or its what-if."""
    return f"{console_url}/{page}/{quote(incident_id, safe='')}"


def has_ended(incident: Incident) -> bool:
    """Return whether it is over."""
    return incident.state is not IncidentState.OPEN


def is_needless(incident: Incident, *, is_withheld: bool) -> bool:
    """Return whether an incident that was not posted yet needs no message.

    It was withheld and is over, or nothing is seen of it; or it goes on in another one.
    """
    is_past = has_ended(incident) or incident.unseen_since is not None
    return incident.joined_to is not None or (is_withheld and is_past)


def quiet_until(incident: Incident, unix_s: float) -> float | None:
    """Return until when no message is sent about it, Unix seconds; None if messages are sent.

    A maintenance window ends when a revision says so: until then it is for ever.
    """
    if incident.maintenance is not None:
        return math.inf
    if incident.muted_until is not None and incident.muted_until > unix_s:
        return incident.muted_until
    return None


def as_of(incident: Incident, unix_s: float) -> Incident:
    """Return it as of a time, Unix seconds: a mute may end before a revision says so."""
    if incident.muted_until is None or incident.muted_until > unix_s:
        return incident
    return msgspec.structs.replace(incident, muted_until=None)


def why_quiet(incident: Incident, speaker: Speaker) -> str:
    """Return why no messages were sent, to report it once they are."""
    if incident.maintenance is not None:
        return speaker.say(_text("in_window", window=incident.maintenance))
    return speaker.say(_text("was_muted", by=who_muted(incident, speaker)))


def mute_of(incident: Incident) -> Change | None:
    """Return the last mute by a person; None if nobody has muted it."""
    mutes = [each for each in incident.changes if each.kind is ChangeKind.MUTED and each.by]
    return mutes[-1] if mutes else None


def who_muted(incident: Incident, speaker: Speaker) -> str:
    """Return who muted it last, and why: " by jo: fixed tonight"; "" where nobody has."""
    mute = mute_of(incident)
    if mute is None:
        return ""
    by = speaker.say(_text("by", by=mute.by or ""))
    return f" {by}" + (f": {mute.reason}" if mute.reason else "")


def standing(incident: Incident) -> str:
    """Return the parts whose change people must see at once: state, severity, owner."""
    parts = (
        incident.state, incident.severity, incident.acknowledged_by, incident.muted_until,
        incident.maintenance,
    )  # fmt: skip
    return "|".join(str(part) for part in parts)
