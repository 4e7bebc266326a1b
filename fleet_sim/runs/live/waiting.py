"""Wait for a broker that refuses all boxes, and explain the reason and the remedy."""

from __future__ import annotations

import time

from fleet_sim.cars.world import FleetCounts
from fleet_sim.runs.progress import Progress
from fleet_wire.errors import BrokerRefusedError, BrokerUnreachableError
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.link import (
    NOT_AUTHORIZED,
    PERMANENT_CODES,
    SESSION_TAKEN_OVER,
    Disconnected,
    EndReason,
)

MESSAGE_EVERY_S = 3.0
REFUSED_AFTER_S = 2.0
"""For other boxes to come in, where the broker has refused one."""
_CREDENTIAL_CODES = frozenset({134, NOT_AUTHORIZED, 140})
WANTS_TLS = "does this port want TLS, that is mqtts://?"
SPEAKS_NO_TLS = "does this port speak TLS, or is it mqtt://?"
_CURES = (
    ("address mismatch", "its certificate is for another host: use that one's name in --broker"),
    ("Hostname mismatch", "its certificate is for another host: use that one's name in --broker"),
    ("CERTIFICATE_VERIFY_FAILED", "--ca-file names the authority that signed its certificate"),
    ("certificate required", "it wants a certificate of ours: --cert-file and --key-file"),
    ("unknown ca", "it does not trust the authority that signed our --cert-file"),
    ("bad certificate", "it does not take our --cert-file"),
    ("WRONG_VERSION_NUMBER", SPEAKS_NO_TLS),
    ("RECORD_LAYER_FAILURE", SPEAKS_NO_TLS),
    ("Name or service not known", "is the host right?"),
    ("Connection refused", "does the broker run, and is this its port?"),
    ("no answer in", "is the address right, and does no firewall stand between?"),
)
"""Parts of failure texts, and the advice for each."""


class Waiting:
    """Waits until the first box, or `who` else, is in, and says now and then why none is."""

    def __init__(
        self, brokers: Brokers, wait_s: float, progress: Progress, *, who: str = "box"
    ) -> None:
        self._who = who
        self._brokers = brokers
        self._wait_s = wait_s
        self._progress = progress
        self._began_s = self._said_s = time.monotonic()

    def check(self, now_s: float, last_end: Disconnected | None, last_end_of: str = "") -> None:
        """Check the last failure (None before the first) and the box that had it.

        Raises `BrokerRefusedError` where trying again is of no use, and `BrokerUnreachableError`
        when it has been too long.
        """
        why = "it does not answer"
        if last_end is not None:
            why = f"{on_broker(self._brokers, last_end_of)}{why_not(last_end, self._brokers)}"
        waited_s = now_s - self._began_s
        is_permanent = (
            last_end is not None
            and last_end.why is EndReason.REFUSED
            and last_end.code in PERMANENT_CODES
        )
        if last_end is not None and is_permanent and waited_s >= REFUSED_AFTER_S:
            detail = _with_cure(last_end.detail, last_end, self._brokers)
            detail = f"{on_broker(self._brokers, last_end_of)}{detail}"
            raise BrokerRefusedError(
                last_end.code or 0, f"{self._brokers} lets no {self._who} in: {detail}"
            )
        if waited_s >= self._wait_s:
            raise BrokerUnreachableError(
                f"{self._brokers}: no {self._who} could connect in {self._wait_s:g} s: {why}"
            )
        if now_s - self._said_s >= MESSAGE_EVERY_S:
            self._said_s = now_s
            left_s = self._wait_s - waited_s
            self._progress.note(
                f"no {self._who} on {self._brokers} yet: {why}; trying for {left_s:.0f} s more"
            )


def last_failure(counts: FleetCounts, brokers: Brokers) -> str:
    """Return whose connection was lost last, or not made, and why: the end of a sentence."""
    end, vehicle_id = counts.last_end, counts.last_end_of
    if end is None:
        return ""
    why = why_not(end, brokers, has_answered=counts.known > 0)
    return f"; last failure, of {vehicle_id}: {on_broker(brokers, vehicle_id)}{why}"


def on_broker(brokers: Brokers, vehicle_id: str) -> str:
    """Return which of several brokers is a car's, as the beginning of why it is not on it."""
    which = which_broker(brokers, vehicle_id)
    return f"{which}: " if which else ""


def which_broker(brokers: Brokers, vehicle_id: str) -> str:
    """Return which of several brokers is a car's; "" where there is one alone, or no car."""
    return str(brokers.of_car(vehicle_id)) if len(brokers.addresses) > 1 and vehicle_id else ""


def why_not(end: Disconnected, brokers: Brokers, *, has_answered: bool = False) -> str:
    """Return what went wrong on a connection, and what could help where that is known.

    `has_answered` says that the broker has spoken MQTT with us before: then it is no matter of TLS.
    """
    return _with_cure(str(end), end, brokers, has_answered=has_answered)


def _with_cure(
    text: str, end: Disconnected, brokers: Brokers, *, has_answered: bool = False
) -> str:
    cure = _cure(end, brokers, has_answered=has_answered or end.code is not None)
    return f"{text}; {cure}" if cure else text


def _cure(end: Disconnected, brokers: Brokers, *, has_answered: bool) -> str | None:
    if end.why is EndReason.REFUSED and end.code in _CREDENTIAL_CODES:
        return "do user and password fit, and does the broker let this client in?"
    if end.code == SESSION_TAKEN_OVER:
        return "another client connected with the same client id: do these boxes run twice?"
    if end.why is EndReason.BROKER_CLOSED and not brokers.is_tls and not has_answered:
        return WANTS_TLS
    if end.why is EndReason.UNREACHABLE and brokers.is_tls and "reset by peer" in end.detail:
        return SPEAKS_NO_TLS
    return next((cure for text, cure in _CURES if text in end.detail), None)
