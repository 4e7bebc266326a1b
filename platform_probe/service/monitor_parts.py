"""The parts of a monitor, each made as its settings say; None where they want none."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Final

from fleet_wire.background import BackgroundWriter, write_all
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.topics import TopicKind
from fleet_wire.entry_points import added_by_others
from fleet_wire.errors import ConfigError
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import LinkFactory
from fleet_wire.links.several import OnBroker, OnLeftOver, spread_links
from fleet_wire.links.tls import tls_for
from fleet_wire.profiles.profile import Profile, vehicle_of_topic
from fleet_wire.system_clock import SystemClock
from platform_probe.judge_process.child import JudgeChild
from platform_probe.judge_process.outlets import rotation_of
from platform_probe.measure.connection import LINK_LIMITS
from platform_probe.measure.probe import Probe
from platform_probe.measure.watching.otlp_logs import MAX_POST_BYTES, need_protobuf
from platform_probe.measure.watching.otlp_receiver import LOGS_PATH, OtlpReceiver
from platform_probe.outputs.logs import (
    LineWriter,
    Logger,
    make_logger,
    open_log,
    route_standard_library,
)
from platform_probe.outputs.metrics import SINKS, ProbeMetrics, new_registry
from platform_probe.outputs.otlp.sink import OtlpExport, exporter_config
from platform_probe.outputs.otlp.spans import ANY_VEHICLE, Broker
from platform_probe.outputs.sinks import Sink
from platform_probe.settings.monitor import ProbeSettings
from platform_probe.tell.messages.asking import MAX_ASKED_BYTES
from platform_probe.tell.posting import monitor_of
from platform_probe.web.console.child import ConsoleChild
from platform_probe.web.server import MAX_BODY_BYTES, Page, ProbePages

STDERR: Final = 2
READ_TOGETHER_S: Final = 0.004
"""A monitor that only watches hears many customers so much later, at half the CPU. One that opens
cars itself times its own answers to the microsecond: see docs/decisions/0011."""


def metrics_of(settings: ProbeSettings) -> ProbeMetrics:
    """Return the metrics of a monitor that does what the settings say."""
    return ProbeMetrics(
        new_registry(),
        version=version("unlockpath"),
        follows_platform=settings.platform is not None,
        asks_api=settings.tracking.door_file is not None,
    )


def sinks_of_others(settings: ProbeSettings) -> dict[str, Sink]:
    """Return the sinks of other packages, by the names of their entry points.

    Each is made by a function of the settings. Raises `ConfigError` for a name of ours.
    """
    made = {}
    for name, make in added_by_others("unlockpath.sinks"):
        if name in SINKS:
            raise ConfigError([f"entry point '{name}' of unlockpath.sinks: we have such a sink"])
        made[name] = make(settings)
    return made


def links_of(
    settings: ProbeSettings, profile: Profile, *, on_broker: OnBroker, on_left_over: OnLeftOver
) -> LinkFactory:
    """Return what makes links to the broker, or to all of them.

    `on_broker` is called if one goes away while others stay. `on_left_over` gets retained messages
    of a car that is another broker's.
    """
    brokers, tls = settings.brokers, settings.tls
    context = tls_for(brokers, ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
    version = settings.mqtt_version(profile)
    limits = LINK_LIMITS
    if settings.only_watches:
        limits = replace(limits, read_together_s=READ_TOGETHER_S)
    return spread_links(
        brokers,
        partial(LeanLinkFactory, protocol=version, tls=context, limits=limits),
        vehicle_of=partial(vehicle_of_topic, profile),
        on_broker=on_broker,
        on_left_over=on_left_over,
    )


def logger_of(
    settings: ProbeSettings, metrics: ProbeMetrics, stack: ExitStack, export: OtlpExport | None
) -> tuple[Logger, Callable[[bytes], None]]:
    """Return the logger, and what takes lines that another process has logged.

    Nothing waits for who reads the log. The export gets its lines.
    """
    log_failed = metrics.sink_errors["log"].inc
    path = settings.log_file
    file = None if path is None else open_log(path, rotation_of(settings))
    write = partial(write_all, STDERR) if file is None else file.append
    background = BackgroundWriter(write, on_lost=log_failed)

    def close() -> None:
        is_written = background.close()
        if file is not None and is_written:  # else the thread still has it
            file.close()

    stack.callback(close)

    def write_line(line: bytes) -> None:
        background.enqueue(line)
        if export is not None:
            export.take_line(line)

    logger = make_logger(
        settings.log_level, LineWriter(write_line, on_error=log_failed), SystemClock()
    )
    route_standard_library(logger, "warning", SystemClock())
    return logger, write_line


def export_of(
    settings: ProbeSettings, profile: Profile, metrics: ProbeMetrics, clock: SystemClock
) -> OtlpExport | None:
    """Return what exports to an OTLP backend."""
    if settings.otlp is None:
        return None
    config = exporter_config(
        settings.otlp,
        broker=broker_of_spans(settings, profile),
        resource={
            "service.name": "platform-probe",
            "service.namespace": "unlockpath",
            "service.version": version("unlockpath"),
            "service.instance.id": settings.client_id,
            "host.name": socket.gethostname(),
        },
        started_s=clock.unix_s(),
    )
    return OtlpExport(config, settings.otlp, clock=clock, metrics=metrics)


def broker_of_spans(settings: ProbeSettings, profile: Profile) -> Broker:
    """Return the broker as spans name it, with the topics of the profile in force."""
    broker = settings.brokers.first
    topics = {kind: profile.car_filters(kind, ANY_VEHICLE) for kind in TopicKind}
    return Broker(
        broker.host,
        broker.port,
        settings.mqtt_version(profile),
        {kind: found[0] for kind, found in topics.items() if found},
    )


def console_of(settings: ProbeSettings, port: int) -> ConsoleChild | None:
    """Return the console's process, where one is wanted: over the store, or else the records.

    `port` is where this monitor listens.
    """
    if settings.console is None:
        return None
    store = settings.store
    return ConsoleChild(
        settings.console,
        directory=settings.out_dir if store is None else store.directory,
        zone="UTC" if store is None else store.zone,
        audit_file=settings.console.audit_file_in(settings.out_dir),
        monitor=monitor_of(settings, port=port),
    )


def pages_of(
    settings: ProbeSettings,
    probe: Probe,
    metrics: ProbeMetrics,
    *,
    refresh: Callable[[], None],
    judge: JudgeChild,
) -> ProbePages:
    """Return what answers over HTTP. Raises `ConfigError` where it cannot take the log's posts."""

    def exposition(media_type: str) -> tuple[Iterator[bytes], str]:
        refresh()
        return metrics.exposition(media_type)

    posts: dict[str, Page] = {}
    max_body_bytes = MAX_BODY_BYTES
    if settings.messages is not None:
        posts |= dict.fromkeys(settings.messages.posts, judge.forward)
        max_body_bytes = MAX_ASKED_BYTES
    receiver = _otlp_receiver(settings, probe)
    if receiver is not None:
        posts[LOGS_PATH] = receiver.answer
        max_body_bytes = MAX_POST_BYTES
    return ProbePages(
        metrics=exposition,
        not_ready=probe.connection.not_ready,
        away=lambda: str(probe.connection.away),
        posts=posts,
        max_body_bytes=max_body_bytes,
        on_defect=lambda _: metrics.http_defects.inc(),
    )


def _otlp_receiver(settings: ProbeSettings, probe: Probe) -> OtlpReceiver | None:
    """Return what takes posts of the platform's log. Raises `ConfigError` where that cannot be."""
    if settings.platform is None or not settings.platform.otlp or probe.platform is None:
        return None
    need_protobuf()
    path = settings.platform.otlp_token_file
    if path is None:
        return OtlpReceiver(probe.platform, None)
    token = partial(read_secret, path, name="platform.otlp_token_file")
    token()  # a file that cannot be read is told at the start
    return OtlpReceiver(probe.platform, token)
