"""What makes the words of a probe doubtful from the start: said in the log when its load begins."""

from __future__ import annotations

from platform_probe.attempts.evidence import FleetEvidence
from platform_probe.outputs.logs import Logger
from platform_probe.settings import LoadSettings, ProbeSettings


def say_doubts(settings: ProbeSettings, evidence: FleetEvidence, logger: Logger) -> None:
    """Warn of settings and of a broker that will mislead whoever reads the records."""
    _warn_of_missing_facts(evidence, logger)
    if settings.is_demo_elsewhere:
        logger.warning(
            "demo_secret",
            broker=str(settings.broker_address),
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
