"""What is advised, in English words: for tests that compare what somebody reads."""

from __future__ import annotations

from typing import NamedTuple

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.text import Text
from fleet_wire.modes.mode import Actor, FailureMode
from platform_probe.tell.support import advice
from tests.helpers.english import ENGLISH


class Said(NamedTuple):
    """Advice in English."""

    say: str
    do: str
    acts: Actor | None = None
    mend: str | None = None


def in_english(key: str, **values: str) -> str:
    """Return a text of the catalogue."""
    return ENGLISH.say(Text(key=key, values={**values}))


def said(found: advice.Advice) -> Said:
    """Return advice in English."""
    mend = None if found.mend is None else ENGLISH.say(found.mend)
    return Said(ENGLISH.say_all(found.say), ENGLISH.say_all(found.do), found.acts, mend)


def advice_for(
    cause: Cause | None,
    mode: FailureMode | None = None,
    *also: str,
    is_sent: bool = True,
    is_gone: bool = False,
    opened_after_no: bool = False,
    used_since: bool = False,
    now: str = "",
) -> Said:
    """Return what the table advises under some conditions."""
    holds = {
        "sent": is_sent, "gone": is_gone, "told_no": opened_after_no, "used_since": used_since,
        now: True,
    }  # fmt: skip
    flags = [*also, *(name for name, is_so in holds.items() if is_so)]
    return said(advice.advice_for(cause, mode, flags, {"now": now}))


def _pair(key: str, do: str = "do") -> tuple[str, str]:
    return in_english(f"{key}.say"), in_english(f"{key}.{do}")


OVER = _pair("advice.over", "press")
OPENED_FOR_THEM = in_english("advice.opened_for_them")
