"""Judges a journal anew, and says what would have been judged otherwise.

Entries are read once, and memory does not grow with them: only the first mode of each diagnosed
unlock and the incidents of the compared time are remembered.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.diagnosis import Diagnosis
from fleet_wire.contract.incident import Incident
from fleet_wire.private_files import open_to_append
from platform_probe.journal.entries import Entry, MonitorStarted, Tick
from platform_probe.judge.judge import Judge, Judgement
from platform_probe.judge.resuming import Past
from platform_probe.judge_process.recordings import Outcome, Recording
from platform_probe.judge_process.running import judged
from platform_probe.outputs.sinks import DIAGNOSES_FILE, INCIDENTS_FILE
from platform_probe.tell.messages.delivery import Moment
from platform_probe.tell.messages.webhook import PACE_S, WebhookCore, body_of
from platform_probe.texts.speaking import Speaker

MESSAGES_FILE: Final = "messages.jsonl"


class Changed(NamedTuple):
    """Unlocks that are diagnosed with another mode, or an incident that is another one."""

    before: str | None
    """The mode or title as it was judged; None: there was none."""
    after: str | None
    """The judgement as of today."""
    number: int
    """How many unlocks."""
    example: str
    """The id of one of them."""


class Replayed(NamedTuple):
    """The result of a replay."""

    since: float
    until: float
    """The compared time, Unix seconds: it ends with the journal at the latest."""
    entries: int
    """Those that were judged, from before that time too."""
    set_aside: int
    """The number of entries that made the judge raise."""
    unreadable: int
    """Lines of the journal that are torn, or damaged."""
    missed: int
    """Segments of the journal that are not there any more."""
    unlocks: int
    """Unlocks that have a diagnosis, then or now."""
    modes: list[Changed]
    incidents: list[Changed]

    @property
    def has_no_difference(self) -> bool:
        """Whether everything would be judged as it was."""
        return not self.modes and not self.incidents


def replay(
    recording: Recording,
    judge: Judge,
    *,
    since: float = -math.inf,
    until: float = math.inf,
    speaker: Speaker,
    out: Path | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> Replayed:
    """Judge a journal anew, and compare with what was judged between two moments, Unix seconds.

    With `out` the diagnoses, incidents and messages are written there. `speaker` says the messages.
    `progress` gets the Unix time of the current entry now and then. Raises `ConfigError` and
    `OSError`.
    """
    writer = _Writer(out, speaker)
    now = Outcome()
    entries = set_aside = 0
    began, at, offset_s = math.inf, -math.inf, 0.0

    def count_aside(*_: object) -> None:
        nonlocal set_aside
        set_aside += 1

    for entry in recording.entries(since):
        if type(entry) is Tick or type(entry) is MonitorStarted:
            offset_s = entry.unix_s - entry.at
        at = max(at, entry.at + offset_s)
        if entries == 0:
            began = at
            _introduce(judge, recording, since, entry)
        if at > until:
            break
        entries += 1
        if type(entry) is Tick:
            progress(at)
            writer.pass_time(at)
        for judgement in judged(judge, entry, count_aside):
            if at >= since:
                now.add(judgement)
                writer.write(judgement, at)
    since, until = max(since, began), min(until, at)
    before = recording.judged(since, until)
    return Replayed(
        since=since,
        until=until,
        entries=entries,
        set_aside=set_aside,
        unreadable=recording.unreadable,
        missed=recording.missed,
        unlocks=len(before.modes.keys() | now.modes.keys()),
        modes=_changed_modes(before.modes, now.modes),
        incidents=_changed_incidents(before.incidents, now.incidents),
    )


def _introduce(judge: Judge, recording: Recording, since: float, first: Entry) -> None:
    """Pass the judge the last messages of each car before the first entry."""
    said = [*recording.cars(since)]
    if said:
        judge.resume(
            Past(
                at=first.at, offset_s=0.0, begins=first.at, retained=said, window=(), attempts=(),
                diagnoses=(), incidents=(),
            )
        )  # fmt: skip


class _Writer:
    """Writes what would have been."""

    def __init__(self, out: Path | None, speaker: Speaker) -> None:
        self._speaker = speaker
        self._out = out
        self._encode = msgspec.json.Encoder().encode
        self._core = WebhookCore(takes=lambda _: True, keep=lambda *_: None)
        if out is not None:
            out.mkdir(parents=True)
            for name in (DIAGNOSES_FILE, INCIDENTS_FILE, MESSAGES_FILE):
                os.close(open_to_append(out / name))

    def write(self, judgement: Judgement, at: float) -> None:
        """Write a judgement, and the messages that follow."""
        if isinstance(judgement, Diagnosis):
            self._append(DIAGNOSES_FILE, self._encode(judgement))
        elif isinstance(judgement, Incident):
            self._append(INCIDENTS_FILE, self._encode(judgement))
            self._core.handle_incident(judgement, Moment(at, at))
            self.pass_time(at)

    def pass_time(self, at: float) -> None:
        """Write the messages that are due."""
        while (post := self._core.next(Moment(at, at))) is not None:
            self._append(
                MESSAGES_FILE, body_of(post, monitor="replay", link=None, speaker=self._speaker)
            )
            self._core.done(post, None, Moment(at, at))
            at += PACE_S

    def _append(self, name: str, line: bytes) -> None:
        if self._out is not None:
            with os.fdopen(open_to_append(self._out / name), "ab") as file:
                file.write(line + b"\n")


def _changed_modes(before: dict[str, str], now: dict[str, str]) -> list[Changed]:
    pairs: Counter[tuple[str | None, str | None]] = Counter()
    examples: dict[tuple[str | None, str | None], str] = {}
    for attempt_id in {**before, **now}:
        pair = before.get(attempt_id), now.get(attempt_id)
        if pair[0] != pair[1]:
            pairs[pair] += 1
            examples.setdefault(pair, attempt_id)
    return [Changed(*pair, number, examples[pair]) for pair, number in pairs.most_common()]


def _changed_incidents(before: dict[str, Incident], now: dict[str, Incident]) -> list[Changed]:
    """Return incidents that only one side has, or that the sides name otherwise.

    Incidents of both sides are one where they are of one kind and at the same time.
    """
    left = [*now.values()]
    changed = []
    for old in before.values():
        new = next((each for each in left if _is_same_incident(old, each)), None)
        if new is not None:
            left.remove(new)
        if new is None or (new.mode, new.cohort, new.severity) != (
            old.mode, old.cohort, old.severity
        ):  # fmt: skip
            title = None if new is None else new.title
            changed.append(Changed(old.title, title, old.failed, old.incident_id))
    return changed + [Changed(None, new.title, new.failed, new.incident_id) for new in left]


def _is_same_incident(one: Incident, other: Incident) -> bool:
    overlap = one.since <= _last_s(other) and other.since <= _last_s(one)
    is_alike = all(other.cohort.get(name, value) == value for name, value in one.cohort.items())
    return one.kind == other.kind and overlap and is_alike


def _last_s(incident: Incident) -> float:
    """Return when it ended, or was revised last, Unix seconds."""
    return incident.ended_at or incident.at


def rows_of(changes: Iterable[Changed]) -> list[dict[str, str | int | None]]:
    """Return changes as JSON has them."""
    return [one._asdict() for one in changes]
