"""Reasons to doubt a probe's results from the start: logged when its load begins."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from fleet_wire.arrivals import Burst, LoadStage, Ramp, Times
from platform_probe.measure.attempts.evidence import NOTHING_KNOWN, FleetEvidence
from platform_probe.outputs.logs import Logger
from platform_probe.settings.load import LoadSettings
from platform_probe.settings.monitor import ProbeSettings

LOCK_MOVEMENTS: Final = 8
LOCK_WINDOW_S: Final = 20.0
"""A lock that moved so often within any such time refuses for 30 s (Fiat/Alfa E3040)."""
NAMED_CARS: Final = 3
"""The number of cars that are named if there are more."""


def say_doubts(
    settings: ProbeSettings, cars: Sequence[str], evidence: FleetEvidence, logger: Logger
) -> None:
    """Warn of settings and of a broker that will mislead readers of the records.

    `cars` are those to unlock.
    """
    _warn_of_missing_facts(evidence, logger)
    if settings.is_demo_elsewhere:
        logger.warning(
            "demo_secret",
            broker=str(settings.brokers),
            explanation="commands are signed with the secret that everybody knows: set"
            " vehicle_keys, or fleet_secret_file to the fleet's own",
        )
    _warn_of_lives(settings.tracking, evidence, logger)
    if settings.otlp is not None and settings.otlp.shown_keys:
        logger.warning(
            "otlp_keys_shown",
            signals=settings.otlp.shown_keys,
            explanation="the headers of the OTLP backend go over the network without TLS: use"
            " https://",
        )
    _warn_of_unknown_cars(cars, evidence, logger)
    if cars:
        _warn_of_worn_locks(settings.tracking, len(cars), logger)


def _warn_of_missing_facts(evidence: FleetEvidence, logger: Logger) -> None:
    missing = evidence.without_presence_or_state()
    if missing:
        logger.warning(
            "retained_messages_missing",
            cars=missing,
            explanation="only one of presence and state is known of these cars: the broker may"
            " drop messages that wait for the probe (mosquitto: max_queued_messages)",
        )


def _warn_of_lives(load: LoadSettings, evidence: FleetEvidence, logger: Logger) -> None:
    if load.unlocks and not evidence.wire.expires:
        logger.warning(
            "commands_never_expire",
            explanation="this fleet's commands say not until when they count: a box that was away"
            " opens its car when it is back, with nobody there",
        )
    elif load.command_life_s > load.deadline_s:
        logger.warning(
            "commands_outlive_customers",
            command_ttl_s=load.command_life_s,
            deadline_s=load.deadline_s,
            explanation="a box that gets a command after the deadline still opens its car:"
            " leave out load.command_ttl_s",
        )


def _warn_of_unknown_cars(cars: Sequence[str], evidence: FleetEvidence, logger: Logger) -> None:
    unknown = [car for car in cars if evidence.state_of(car) is NOTHING_KNOWN]
    if unknown and evidence.wire.retains_presence:
        logger.warning(
            "unknown_cars",
            cars=len(unknown),
            first=unknown[:NAMED_CARS],
            explanation="nothing was ever heard of these cars to unlock, and the broker retains"
            " nothing of them: each unlock of them lasts until its deadline, and ends as"
            " no_subscriber",
        )


def _warn_of_worn_locks(load: LoadSettings, cars: int, logger: Logger) -> None:
    """Warn of unlocks that come so often that locks will protect themselves.

    Cars in turn have evenly spaced unlocks. Those of stages are drawn, and bunch. Even at half of a
    lock's limit, chance alone triggers the rest about every few minutes.
    """
    if load.every_s is not None:
        unlocks, limit = LOCK_WINDOW_S / load.every_s, float(LOCK_MOVEMENTS)
    else:
        most = max(map(_most_in_window, load.stages), default=0.0)
        unlocks, limit = most / cars, LOCK_MOVEMENTS / 2
    movements = unlocks * (2 if load.relock else 1)
    if movements >= limit:
        logger.warning(
            "locks_will_refuse",
            cars=cars,
            movements_a_car=round(movements, 1),
            within_s=LOCK_WINDOW_S,
            explanation="so often is each car unlocked and locked again, and by chance more often:"
            " locks that moved 8 times in 20 s refuse for a while (vehicle_failed,"
            " actuator_inhibited)",
        )


def _most_in_window(stage: LoadStage) -> float:
    """Return how many unlocks a stage starts within `LOCK_WINDOW_S` at most, on average."""
    match stage:
        case Burst(count=count, over_s=over_s):
            return count * min(1.0, LOCK_WINDOW_S / over_s) if over_s else count
        case Times(at_s=at_s):
            ordered = sorted(at_s)
            ends = (bisect_left(ordered, start_s + LOCK_WINDOW_S) for start_s in ordered)
            return max(end - number for number, end in enumerate(ends))
        case Ramp(from_rate_per_s=begin_per_s, to_rate_per_s=end_per_s):
            rate_per_s = max(begin_per_s, end_per_s)
        case _:
            rate_per_s = stage.rate_per_s
    return rate_per_s * min(stage.duration_s, LOCK_WINDOW_S)
