"""What to say and do, in French: however it is put together."""

from __future__ import annotations

from collections.abc import Iterator

from fleet_wire.contract.causes import Cause
from fleet_wire.modes.catalogue import APP_RELEASE, MODES
from platform_probe.tell.support.advice import (
    CONNECTED,
    LONG_AGO,
    MAY_BE_OVER,
    NOT_ASKED,
    NOT_CONNECTED,
    NOT_SEEN,
    OVER,
    TOO_OFTEN,
    UNREADABLE,
    Advice,
    advice_for,
    let_press_again,
    let_security_look,
    let_take_another,
    let_try_first,
)
from platform_probe.tell.support.after_booking import (
    BOOKING_ENDED,
    BOOKING_ENDED_AJAR,
    BOOKING_ENDED_AMID,
    BOOKING_ENDED_MIXED_UP,
    BOOKING_ENDED_OPEN,
    BOOKING_UNUSED,
    BOOKING_USED,
    THEN_GOES_ON,
    THEN_MAY_BE_OVER,
    THEN_OVER,
    with_reason,
)
from platform_probe.tell.support.relations import OPEN_BEFORE, OPEN_SINCE
from platform_probe.web.console.helping import catalogue_sentence
from tests.helpers.french import in_french

PHONE = MODES["phone_side"]
ENDED = (
    BOOKING_ENDED, BOOKING_ENDED_AJAR, BOOKING_ENDED_MIXED_UP, BOOKING_ENDED_OPEN, BOOKING_UNUSED,
    BOOKING_USED, (f"{PHONE.customer} {BOOKING_ENDED[0]}", f"{BOOKING_ENDED[1]} {PHONE.now}"),
)  # fmt: skip
THEN = (THEN_GOES_ON, THEN_MAY_BE_OVER, THEN_OVER)


def all_advice() -> Iterator[Advice]:
    """Yield what is said and done of each mode and cause."""
    yield from (NOT_SEEN, NOT_ASKED, NOT_CONNECTED, TOO_OFTEN, UNREADABLE)
    for cause in (None, *Cause):
        for mode in (None, *in_french(), APP_RELEASE):
            for is_sent, is_open in ((True, False), (False, False), (True, True)):
                yield advice_for(cause, mode, is_sent=is_sent, opened_after_no=is_open)


def test_all_advice_is_in_french_however_it_is_put_together() -> None:
    """What comes first, what follows, and whether somebody is to look at it besides."""
    plain = {*all_advice()}
    told = plain.union(*({let_security_look(one), let_take_another(one)} for one in plain))
    again = {
        let_press_again(one, cause, now)
        for one in told
        for cause in (Cause.BOX_OFFLINE, Cause.RESULT_LOST)
        for now in (CONNECTED, LONG_AGO, MAY_BE_OVER, OVER)
    }
    tried = {let_try_first(one, because) for one in told for because in (OPEN_SINCE, OPEN_BEFORE)}
    texts = {text for one in told | again | tried for text in (one.say, one.do)}
    texts |= {one.mend for one in told if one.mend is not None}
    assert sorted(text for text in texts if catalogue_sentence("fr", text) == text) == []


def test_what_is_told_after_the_booking_is_in_french() -> None:
    """With and without the problem that there was then."""
    pairs = [pair for ended in ENDED for then in THEN for pair in zip(then, ended, strict=True)]
    texts = {f"{first} {second}" for first, second in pairs}
    texts |= {text for ended in (*ENDED, *BOOKING_ENDED_AMID.values()) for text in ended}
    texts |= {with_reason(cause, mode)[0] for cause in Cause for mode in (None, *in_french())}
    assert sorted(text for text in texts if catalogue_sentence("fr", text) == text) == []
