"""Which modes an unlock cannot have failed of, for the way that it takes. No I/O.

A customer's goes from the phone through API, bookings and command service to the broker, and on to
the car. The monitor's own begins at the broker. If it never got that far, or its connection broke
meanwhile, that is its reason, and nothing behind the broker.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Final

from fleet_wire.contract.attempt import Attempt, Source
from fleet_wire.contract.causes import Cause, Party
from fleet_wire.modes.catalogue import MODES
from fleet_wire.modes.facts import FACTS, PLATFORM_LOG, Fact
from fleet_wire.modes.mode import FailureMode, Layer

_BEFORE_THE_BROKER: Final = frozenset({Layer.PHONE, Layer.GATEWAY, Layer.BOOKING, Layer.COMMAND})
OF_THE_API: Final = frozenset({Cause.API_REFUSED, Cause.API_FAILED})
"""Causes of unlocks that the platform answered with an error, and sent nothing for."""
_NEVER_THERE: Final = frozenset({Cause.BROKER_UNREACHABLE, Cause.NOT_PUBLISHED})


def not_on_its_way(record: Attempt) -> frozenset[str]:
    """Return the modes that an unlock cannot have failed of; of a customer's there are none.

    The monitor's own may also go through the API, as a phone's do: then it says what that answered.
    """
    return not_on_the_path(record.source, record.cause, has_platform=bool(record.platform))


def not_on_the_path(source: Source, cause: Cause | None, *, has_platform: bool) -> frozenset[str]:
    """Return the same, of an unlock with this cause that a party asked for."""
    if source is not Source.PROBE or has_platform:
        return frozenset()
    return _ALL_BUT_BROKERS if cause in _NEVER_THERE else _OF_THE_PLATFORM


def never_ends_so(cause: Cause | None, seen: Collection[Fact] = ()) -> frozenset[str]:
    """Return the modes of which no unlock ends with a cause.

    A platform that says that the car does not answer, and sends nothing, may know the car away. It
    is mistaken of a car that goes on talking. A box may refuse what is too old as replayed.
    """
    if cause is Cause.BOX_REJECTED and Fact.REFUSED_EXPIRED in seen:
        cause = Cause.BOX_SAYS_EXPIRED
    is_silent = Fact.SAID_SILENT in seen and Fact.TALKS_WHILE_OFFLINE not in seen
    is_away = is_silent and cause in OF_THE_API
    return _never(cause) & _never(Cause.NOT_PUBLISHED) if is_away else _never(cause)


@cache
def _never(cause: Cause | None) -> frozenset[str]:
    return frozenset(slug for slug, mode in MODES.items() if cause not in mode.causes)


def _is_of_the_platform(mode: FailureMode) -> bool:
    """Return whether a mode lies before the broker, or is one of the platform's answers.

    That the network loses an answer is the command service's, and happens to anybody's.
    """
    is_before = mode.layer in _BEFORE_THE_BROKER and mode.party is not Party.NETWORK
    needs = {FACTS[fact].told for fact in mode.signature.needs}
    return is_before or mode.cause in OF_THE_API or not needs.isdisjoint(PLATFORM_LOG)


_OF_THE_PLATFORM: Final = frozenset(
    slug for slug, mode in MODES.items() if _is_of_the_platform(mode)
)
_ALL_BUT_BROKERS: Final = frozenset(
    slug for slug, mode in MODES.items() if Cause.BROKER_UNREACHABLE not in mode.causes
)
"""All but those of a broker that nobody reaches."""
