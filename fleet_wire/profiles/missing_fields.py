"""List the fields that a profile does not map, and what the monitor cannot see without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.form import MessageForm, ProfileForm


class _Cost(NamedTuple):
    """Fields of which at least one kind of message should have each, and the price without."""

    kinds: tuple[TopicKind, ...]
    names: tuple[str, ...]
    without: str


_COSTS: Final = (
    _Cost(
        (TopicKind.PRESENCE,),
        ("reason",),
        "a box that lost its connection looks like one that sleeps or was switched off; map the"
        " reason, or give topics with `when` a `value` (last_will, sleep, shutdown)",
    ),
    _Cost(
        (TopicKind.PRESENCE,),
        ("session_id",),
        "a last will that arrives late looks like a new loss of the connection",
    ),
    _Cost(
        (TopicKind.STATE,),
        ("firmware", "hardware", "operator", "region"),
        "an incident cannot name what the failing cars share in it",
    ),
    _Cost(
        (TopicKind.STATE,),
        ("last_command_id",),
        "an unlock whose answer was lost is matched to the open lock by time alone",
    ),
    _Cost(
        (TopicKind.STATE, TopicKind.TELEMETRY),
        ("voltage_v",),
        "an empty 12 V battery is not recognised before a box says so",
    ),
    _Cost(
        (TopicKind.TELEMETRY,),
        ("signal_dbm",),
        "a car in a dead spot looks like any other that is silent",
    ),
)
_NO_REASON: Final = (
    "result.reason: no refusal says why, so a low battery, a busy box and a wrong signature look"
    " the same"
)


def missing_fields(form: ProfileForm) -> Iterator[str]:
    """Yield each field that no message maps, with what is not seen without it.

    A kind of message that a fleet does not have at all is no matter of its fields.
    """
    messages = form.messages()
    if not any(_says_why(one) for one in form.result):
        yield _NO_REASON
    for kinds, names, without in _COSTS:
        there = [kind for kind in kinds if kind in messages]
        missing = [name for name in names if not _is_mapped(name, there, form)]
        if there and missing:
            yield f"{there[0].value}.{', '.join(missing)}: {without}"


def _is_mapped(name: str, kinds: Sequence[TopicKind], form: ProfileForm) -> bool:
    messages = form.messages()
    return any(name in one.fields for kind in kinds for one in messages[kind])


def _says_why(message: MessageForm) -> bool:
    """Return whether a refusal can have another reason than that the box gives none."""
    reason, phase = message.fields.get("reason"), message.fields.get("phase")
    if reason is None or reason.at is None:
        return False
    return bool(reason.values) or phase is None or reason.at != phase.at
