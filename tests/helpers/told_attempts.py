"""Attempts, stray answers and complaints in a line each, for transcripts: only what is unusual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import UNSET, structs

from fleet_wire.contract.attempt import Attempt, Complaint, Record, Source, StrayAnswer, StrayKind
from fleet_wire.contract.causes import Cause, Outcome
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.records import TRACE_ID
from tests.helpers.tracker_bench import CAR
from tests.helpers.transcripts import DETAIL

USUAL: dict[str, Any] = {
    "vehicle_id": CAR,
    "source": Source.CUSTOMER,
    "booking_id": "b7",
    "trace_id": TRACE_ID,
    "region": "centre",
    "operator": "operator-a",
    "firmware": "2.4.1",
    "hardware": "tcu-3",
    "endpoint": "/unlock",
    "method": "POST",
    "app_version": "5.1",
    "requests": 1,
    "clock_ahead_s": 0.0,
    "clock_uncertainty_s": 0.0,
    "revision": 1,
    "sources_missing": (),
    "parent_span_id": "00f067aa0ba902b7",
}
"""What a line leaves out."""
USUAL_PATHS = {
    None: "requested 0, published 0, broker_accepted 0, box_received 0.2125, result_received 0.5,"
    " state_changed 0.5",
    Outcome.REFUSED: "requested 0, published 0, broker_accepted 0, result_received 0",
    Outcome.UNKNOWN: "requested 0, published 0, broker_accepted 0, box_received in vain after 20",
    Cause.API_REFUSED: "requested 0, api_answered 0",
    Cause.API_FAILED: "requested 0, api_answered in vain after 20",
    Cause.NOT_PUBLISHED: "requested 0, api_answered 0, published in vain after 20",
}
"""The stages of what opened, of what ended so, or of such a cause. Only others are told."""
JUDGED = ("revision", "sources_missing")
"""Fields that say by being there whether the platform's log is followed."""
PLAIN_EVIDENCE = ("furthest_stage=", "puback=0")
"""The path says the one, and the other is usual."""
ELSEWHERE = {
    "attempt_id",
    "command_id",
    "outcome",
    "cause",
    "reason",
    "total_s",
    "stages",
    "hops_s",
    "started_at",
    "scheduled_s",
    "platform",
    "complaint_id",
    "kind",
    "at",
    "phase",
}
"""Fields of a record that have a place of their own in its line, or follow from another."""


@dataclass
class Accounts:
    """Puts records into lines; each unlock has a number, in the order in which they come."""

    usual: Mapping[str, Any] = field(default_factory=lambda: USUAL)
    numbers: dict[str, int] = field(default_factory=dict)
    is_path_told: bool = False

    def of(self, record: Record) -> list[str]:
        """Return the lines of a record: what became of it, and its path."""
        match record:
            case Attempt():
                return self._of_attempt(record)
            case StrayAnswer():
                assert record.kind is StrayKind.ORPHAN or record.attempt_id
                reason = f" ({record.reason})" if record.reason else ""
                head = f"{record.kind} {record.phase}{reason} of {record.command_id}"
            case Complaint():
                head = f"complaint {record.complaint_id}"
        return ["; ".join([f"{head} at {_number(record.at)}", *self._unusual(record)])]

    def _of_attempt(self, record: Attempt) -> list[str]:
        assert sum(record.hops_s.values()) == pytest.approx(record.total_s, abs=1e-5)
        if not record.platform:
            assert record.evidence.get("furthest_stage") in (None, [*record.stages][-1])
        outcome = " ".join(filter(None, (record.outcome, record.cause)))
        reason = f" ({record.reason})" if record.reason else ""
        head = f"{self._name(record.attempt_id)} {record.command_id or '-'}: {outcome}{reason}"
        parts = [f"{head} in {_number(record.total_s)} s", *self._unusual(record)]
        if record.platform:
            parts.append(f"platform {', '.join(self._unusual(record.platform)) or 'as usual'}")
        return ["; ".join(parts), *self._unusual_path(record)]

    def _unusual_path(self, record: Attempt) -> Iterator[str]:
        path = ", ".join(_path(record))
        usual = USUAL_PATHS.get(record.cause) or USUAL_PATHS.get(record.outcome)
        self.is_path_told |= path != usual  # after another one, a usual one is told as well
        if self.is_path_told:
            yield f"{DETAIL}{path}"

    def _unusual(self, record: Any) -> Iterator[str]:
        for name, default in zip(record.__struct_fields__, _defaults(record), strict=True):
            value = getattr(record, name)
            nothing: tuple[object, ...] = () if name in JUDGED else (default, None, {}, ())
            if name in ELSEWHERE or value == self.usual.get(name) or value in nothing:
                continue
            if value is UNSET:
                yield f"no {name}"
            elif name == "trace_id" and value == record.attempt_id:
                yield "trace of its own"
            else:
                yield f"{name} {self._word(name, value)}"

    def _word(self, name: str, value: Any) -> str:
        match value:
            case float():
                return _number(value)
            case dict():
                said = (f"{key}={self._word('', its)}" for key, its in value.items())
                return " ".join(each for each in said if not each.startswith(PLAIN_EVIDENCE))
            case tuple() | list():
                return "+".join(self._word(name, each) for each in value) or "none"
            case str() if name in {"attempt_id", "same_as", "attempts"}:
                return self._name(value)
            case str() if name == "trace_id":
                return value.lstrip("0")
            case _:
                return str(value)

    def _name(self, attempt_id: str) -> str:
        return f"#{self.numbers.setdefault(attempt_id, len(self.numbers) + 1)}"


def _path(record: Attempt) -> Iterator[str]:
    """Yield each stage with its time, and a hop where it is not the time since the stage before."""
    before_s = 0.0
    for stage in dict.fromkeys((*record.stages, *record.hops_s)):
        reached_s, hop_s = record.stages.get(stage), record.hops_s.get(stage)
        at = "in vain" if reached_s is None else _number(reached_s)
        since_s = None if reached_s is None else reached_s - before_s
        if (stage, reached_s) != ("intended", 0.0):
            is_plain = hop_s == pytest.approx(since_s, abs=1e-6)
            yield f"{stage} {at}" if is_plain else f"{stage} {at} after {_number(hop_s or 0.0)}"
        before_s = before_s if reached_s is None else reached_s


def _defaults(record: Any) -> Iterable[Any]:
    return (each.default for each in structs.fields(record))


def _number(value: float) -> str:
    """Return a number without digits that say nothing; Unix seconds since the bench began."""
    return f"{round(value - EPOCH_S if value > EPOCH_S / 2 else value, 4):g}"
