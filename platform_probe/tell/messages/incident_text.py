"""What is said of an incident, in words that every backend shares. No markup, no I/O."""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import quote

import msgspec

from fleet_wire.contract.causes import CAUSES, Party
from fleet_wire.contract.incident import (
    MOST_MONTHS,
    Change,
    ChangeKind,
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.modes.catalogue import MODES, TITLES, mode_told
from fleet_wire.modes.mode import Actor
from platform_probe.texts.speaking import lasting, percent, whole_months

RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}
"""How bad a severity is; the mildest is 0."""
COUNTED_HOW: Final = "each customer and each car counts once"
"""The meaning of an incident's numbers, at the time of their revision."""

OVER_AFTER: Final = "it counts as over after 15 minutes without a sign of it"
PRESS_AGAIN: Final = "It may be over. Ask customers to press unlock once more. If that fails:"
NOT_KNOWN: Final = "Not known yet. The next diagnoses of these cars will name it here."
_NOT_OF_UNLOCKS: Final = (
    IncidentKind.CARS_LOST, IncidentKind.SILENCE, IncidentKind.MONITOR_BLIND,
    IncidentKind.SUSPICIOUS,
)  # fmt: skip
"""Kinds that count no unlocks."""
_OF_CARS: Final = (IncidentKind.FAILURES, IncidentKind.CARS_LOST)
"""Kinds that have a cause beyond what was found."""
_UNITS: Final = {
    IncidentKind.LATENCY: ("unlocks are slow", "unlocks were slow"),
    IncidentKind.SILENCE: (
        "of the expected signs of life are missing",
        "of the expected signs of life were missing",
    ),
    IncidentKind.CARS_LOST: ("cars lost their connection",) * 2,
    IncidentKind.LATE_UNLOCKS: ("unlocks opened the car too late",) * 2,
    IncidentKind.GENERIC_ERRORS: ("answers explain nothing", "answers explained nothing"),
    IncidentKind.UNCLASSIFIED: (
        "unlocks fail in a way that has no name",
        "unlocks failed in a way that has no name",
    ),
    IncidentKind.MONITOR_BLIND: (
        "of what the monitor should see is missing",
        "of what the monitor should see was missing",
    ),
    IncidentKind.SUSPICIOUS: ("requests are suspicious", "requests were suspicious"),
}
"""What is counted, where that is not unlocks that fail, while it goes on and after its end."""

_ADVICE: Final = {
    IncidentKind.FAILURES: (
        "Open an example in the console. Its timeline shows where the unlock stopped."
    ),
    IncidentKind.LATENCY: "Find the slow step in the console, and call the team that runs it.",
    IncidentKind.SILENCE: (
        "Check that customers reach the app, and that the platform sends commands."
    ),
    IncidentKind.CARS_LOST: "Call the mobile operator and the broker team. Warn support.",
    IncidentKind.LATE_UNLOCKS: "Cars may stand open. Ask support to call these customers.",
    IncidentKind.GENERIC_ERRORS: "Send the traces of the examples to the platform team.",
    IncidentKind.UNCLASSIFIED: "Look at the examples with somebody who knows the boxes.",
    IncidentKind.MONITOR_BLIND: (
        "Look at /readyz and at the monitor's log. Silence of the"
        " monitor does not mean that all is well."
    ),
    IncidentKind.SUSPICIOUS: "Call the security team. Block the account if they ask for it.",
}
"""What to do first, where neither mode nor cause says more."""
_OF_PARTY: Final = {
    Party.PLATFORM: "Send the traces of the examples to the platform team. Stop any new release.",
    Party.BROKER: "Check the broker: does it run, does it refuse connections, is a queue full?",
    Party.NETWORK: "Call the mobile operator. Warn support that these cars cannot be reached.",
    Party.BOX: "Send the examples to the box team. Stop any firmware rollout.",
    Party.VEHICLE: "Send somebody to one of the cars. Its box answers, but its lock does not move.",
    Party.PROBE: "Look at /readyz and at the monitor's log. What it cannot see may be fine.",
}
"""What to do first about unlocks that fail, by whose fault it is."""


def severity_word(incident: Incident) -> str:
    """Return its severity as a word that begins a line."""
    return incident.severity.value.capitalize()


def failure_text(incident: Incident) -> str | None:
    """Return what it fails of, in words, and which part of its diagnoses say so.

    None where it says all itself: what is slow or missing, and what the monitor does not see.
    """
    if incident.mode is not None:
        title = TITLES.get(incident.mode, incident.mode)
        part = incident.mode_probability
        return title if part is None else f"{title} ({percent(part)} of its diagnoses say so)"
    if incident.cause is not None:
        return CAUSES[incident.cause].explanation
    return NOT_KNOWN if incident.kind in _OF_CARS and not has_ended(incident) else None


def is_unnamed(incident: Incident) -> bool:
    """Return whether nobody knows yet what it fails of, and it is to be named."""
    return failure_text(incident) == NOT_KNOWN


def advice_of(incident: Incident) -> str:
    """Return what to do now, in one or two sentences, and who acts where the mode says so."""
    again = f"{PRESS_AGAIN} " if _may_press_again(incident) else ""
    mode = mode_told(incident.mode, incident.cohort)
    if mode is not None:
        mend = "" if mode.mend is None else f" {mode.mend}"
        return f"{again}{mode.now} Who acts: {mode.acts.value}.{mend}"
    advice = first_step_of(incident)
    if incident.cause is not None and incident.kind is IncidentKind.FAILURES:
        advice = _OF_PARTY.get(CAUSES[incident.cause].party, advice)
    return f"{again}{advice}"


def first_step_of(incident: Incident) -> str:
    """Return what to do first about an incident of its kind."""
    return _ADVICE[incident.kind]


def _may_press_again(incident: Incident) -> bool:
    """Return whether unlocks failed, and may go well again by now."""
    mode = MODES.get(incident.mode or "")
    is_attack = mode is not None and mode.acts is Actor.SECURITY_TEAM
    return incident.unseen_since is not None and incident.kind in _OF_CARS and not is_attack


def cohort_of(incident: Incident) -> str:
    """Return what those hit have in common; of several cohorts each; of nothing "".

    "operator a, region south, and operator b, region north".
    """
    named = [
        ", ".join(f"{trait} {value}" for trait, value in cohort.items())
        for cohort in incident.affected_cohorts
    ]
    return ", and ".join(named)


def counts_of(incident: Incident) -> str:
    """Return how many were hit, in the cohort and elsewhere, against what was expected."""
    is_now, was = _UNITS.get(incident.kind, ("unlocks fail", "unlocks failed"))
    unit = was if has_ended(incident) else is_now
    cohort = cohort_of(incident)
    place = f" in {cohort}" if cohort else ""
    said = [f"{share_of(incident.failed, incident.total)} {unit}{place}"]
    if incident.elsewhere_total:
        said.append(f"elsewhere {share_of(incident.elsewhere_failed, incident.elsewhere_total)}")
    if incident.total:
        said.append(f"expected {percent(incident.expected)}")
    return "; ".join(said)


def counts_unlocks(incident: Incident) -> bool:
    """Return whether its numbers are of unlocks, and not of cars or customers alone."""
    return incident.kind not in _NOT_OF_UNLOCKS


def affected_text(incident: Incident) -> str | None:
    """Return how many customers and cars were hit; None where that is not known."""
    said = [
        f"{number:,} {one if number == 1 else many}"
        for number, one, many in (
            (incident.customers, "customer", "customers"),
            (incident.cars, "car", "cars"),
        )
        if number
    ]
    return " and ".join(said) or None


def chance_of(incident: Incident) -> str | None:
    """Return how often chance alone would show as much; None where nobody has counted."""
    if incident.chance_months is None:
        return None
    number = whole_months(incident.chance_months)
    more = "more than " if number >= MOST_MONTHS else ""
    return f"once in {more}{number} {'month' if number == 1 else 'months'}"


def check_of(incident: Incident) -> str:
    """Return the command that shows what an incident is made of."""
    if incident.examples:
        return f"platform-probe diagnose {incident.examples[0]}"
    return f"platform-probe incidents show {incident.incident_id}"


def share_of(part: int, total: int) -> str:
    """Return how many of how many, with the share."""
    if not total:
        return f"{part:,}"
    return f"{part:,} of {total:,} ({percent(part / total)})"


def lasted(incident: Incident) -> str:
    """Return how long it has lasted, until its end or, while it is open, this revision."""
    return lasting(lasted_s(incident, incident.at))


def lasted_s(incident: Incident, now_s: float) -> float:
    """Return for how long it has lasted: while it is open, until now, though nothing is seen."""
    is_open = incident.state is IncidentState.OPEN or incident.ended_at is None
    until_s = now_s if is_open else incident.ended_at
    return (until_s or now_s) - incident.since


def why_worse(incident: Incident) -> str | None:
    """Return what its history says of its last rise; None: it has none."""
    rises = [each.sentence for each in incident.changes if each.kind is ChangeKind.WORSE]
    return rises[-1] if rises else None


def last_rise_at(incident: Incident) -> float:
    """Return when it last got worse by a class, Unix seconds; 0: it never has."""
    return max((each.at for each in incident.changes if each.kind is ChangeKind.WORSE), default=0.0)


def change_line(change: Change) -> str:
    """Return an entry of its history as a line, without its time."""
    said = change.sentence.rstrip(".")
    if change.by and change.by not in said:
        said += f" by {change.by}"
    if change.reason and change.reason not in said:
        said += f": {change.reason}"
    return said


def console_link(console_url: str, incident_id: str) -> str:
    """Return where the console shows an incident."""
    return f"{console_url}/incident/{quote(incident_id, safe='')}"


def has_ended(incident: Incident) -> bool:
    """Return whether it is over."""
    return incident.state is not IncidentState.OPEN


def is_needless(incident: Incident, *, is_withheld: bool) -> bool:
    """Return whether nobody has to hear of an incident that was not posted yet.

    It was withheld and is over, or nothing is seen of it; or it goes on in another one.
    """
    is_past = has_ended(incident) or incident.unseen_since is not None
    return incident.joined_to is not None or (is_withheld and is_past)


def quiet_until(incident: Incident, unix_s: float) -> float | None:
    """Return until when nothing is said of it, Unix seconds; None: it is not quiet.

    A maintenance window ends when a revision says so: until then it is for ever.
    """
    if incident.maintenance is not None:
        return math.inf
    if incident.muted_until is not None and incident.muted_until > unix_s:
        return incident.muted_until
    return None


def as_of(incident: Incident, unix_s: float) -> Incident:
    """Return it as it stands at a time, Unix seconds: a mute ends before a revision says so."""
    if incident.muted_until is None or incident.muted_until > unix_s:
        return incident
    return msgspec.structs.replace(incident, muted_until=None)


def why_quiet(incident: Incident) -> str:
    """Return why nothing is said of it, for when that is over."""
    if incident.maintenance is not None:
        return f"maintenance window '{incident.maintenance}'"
    return f"muted{who_muted(incident)}"


def mute_of(incident: Incident) -> Change | None:
    """Return what its history says of the last mute by a person; None: nobody has muted it."""
    mutes = [each for each in incident.changes if each.kind is ChangeKind.MUTED and each.by]
    return mutes[-1] if mutes else None


def who_muted(incident: Incident) -> str:
    """Return who muted it last, and why: " by jo: fixed tonight"; "" where nobody has."""
    mute = mute_of(incident)
    if mute is None:
        return ""
    return f" by {mute.by}" + (f": {mute.reason}" if mute.reason else "")


def standing(incident: Incident) -> str:
    """Return the parts whose change a person must see at once: state, severity, who has it."""
    parts = (
        incident.state, incident.severity, incident.acknowledged_by, incident.muted_until,
        incident.maintenance,
    )  # fmt: skip
    return "|".join(str(part) for part in parts)
