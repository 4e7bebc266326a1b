"""The parts of a monitor, each made as its settings say; None where they want none."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fleet_wire.background import BackgroundWriter, write_all
from fleet_wire.config.secrets import read_secret
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.factory import link_factory, tls_for
from fleet_wire.links.link import LinkFactory
from fleet_wire.links.several import OnBroker, OnLeftOver, spread_links
from fleet_wire.profiles.profile import Profile, vehicle_of_topic
from fleet_wire.system_clock import SystemClock
from platform_probe.connected import LINK_LIMITS
from platform_probe.incidents.incidents import CLOSED_S, REMEMBERED_S
from platform_probe.judge.judge import Judge
from platform_probe.judge.resuming import Past
from platform_probe.outputs.earlier import last_attempts, last_diagnoses, last_incidents
from platform_probe.outputs.files import Rotation
from platform_probe.outputs.logs import (
    LineWriter,
    Logger,
    make_logger,
    open_log,
    route_standard_library,
)
from platform_probe.outputs.messages.asking import MAX_ASKED_BYTES, Act
from platform_probe.outputs.messages.service import Messages
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.outputs.otlp.sink import OtlpExport, exporter_config
from platform_probe.outputs.otlp.spans import ANY_VEHICLE, Broker
from platform_probe.outputs.sinks import disk_error
from platform_probe.probe import Probe
from platform_probe.settings import BucketPart, ProbeSettings
from platform_probe.store.bucket import Bucket
from platform_probe.store.kept import Kept
from platform_probe.store.limits import BucketSettings, Limits
from platform_probe.store.writer import StoreWriter
from platform_probe.support.times import minute_clock, zone_named
from platform_probe.watching.otlp_logs import MAX_POST_BYTES, need_protobuf
from platform_probe.watching.otlp_receiver import LOGS_PATH, OtlpReceiver
from platform_probe.web.console.child import ConsoleChild
from platform_probe.web.server import MAX_BODY_BYTES, Page, ProbePages
from platform_probe.weights import shipped_ranking

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
        backends=() if settings.messages is None else settings.messages.backends,
    )


def links_of(
    settings: ProbeSettings, profile: Profile, *, on_broker: OnBroker, on_left_over: OnLeftOver
) -> LinkFactory:
    """Return what makes links to the broker, or to all of them.

    `on_broker` is told of one that goes away while others stay, `on_left_over` of what one keeps
    of a car that is another's.
    """
    brokers, tls = settings.brokers, settings.tls
    context = tls_for(brokers, ca_file=tls.ca_file, cert_file=tls.cert_file, key_file=tls.key_file)
    version = settings.mqtt_version(profile)
    limits = LINK_LIMITS
    if settings.only_watches:
        limits = replace(limits, read_together_s=READ_TOGETHER_S)
    return spread_links(
        brokers,
        partial(link_factory, protocol=version, tls=context, limits=limits),
        vehicle_of=partial(vehicle_of_topic, profile),
        on_broker=on_broker,
        on_left_over=on_left_over,
    )


def logger_of(
    settings: ProbeSettings, metrics: ProbeMetrics, stack: ExitStack, export: OtlpExport | None
) -> Logger:
    """Return what writes the log, without waiting for who reads it; the export gets its lines."""
    log_failed = partial(metrics.count_sink_error, "log")
    path = settings.log_file
    file = None if path is None else open_log(path, rotation_of(settings))
    write = partial(write_all, STDERR) if file is None else file.append
    background = BackgroundWriter(write, on_lost=log_failed)

    def close() -> None:
        is_written = background.close()
        if file is not None and is_written:  # else the thread still has it
            file.close()

    stack.callback(close)

    def put(line: bytes) -> None:
        background.enqueue(line)
        if export is not None:
            export.take_line(line)

    logger = make_logger(settings.log_level, LineWriter(put, on_error=log_failed), SystemClock())
    route_standard_library(logger, "warning", SystemClock())
    return logger


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


def _bucket_of(chosen: BucketPart | None) -> BucketSettings | None:
    if chosen is None:
        return None
    bucket = BucketSettings(
        bucket=chosen.bucket,
        endpoint=chosen.endpoint,
        region=chosen.region,
        prefix=chosen.prefix,
        key_file=None if chosen.key_file is None else str(chosen.key_file.absolute()),
        after_s=chosen.after_days * 86_400,
        max_bytes=round(chosen.max_gib * 2**30),
        cache_bytes=round(chosen.cache_gib * 2**30),
    )
    Bucket(bucket)  # says now what is wrong with the key's file
    return bucket


def store_of(
    settings: ProbeSettings,
    stack: ExitStack,
    metrics: ProbeMetrics,
    on_problem: Callable[[str], None],
    kept: Kept | None = None,
) -> StoreWriter | None:
    """Return what keeps records to be queried, after what was `kept`.

    Raises `LimitError` where the disk allows none.
    """
    chosen = settings.store
    if chosen is None:
        return None
    limits = Limits(
        max_age_s=chosen.max_days * 86_400,
        max_bytes=round(chosen.max_gib * 2**30),
        bucket=_bucket_of(chosen.s3),
    )
    try:
        store = StoreWriter(
            chosen.directory,
            limits,
            with_telemetry=chosen.telemetry,
            on_lost=partial(metrics.count_sink_error, "store"),
            on_problem=on_problem,
            on_waiting=metrics.set_bucket_waiting,
            kept=kept,
        )
    except OSError as error:
        raise disk_error(chosen.directory, error) from error
    return stack.enter_context(store)


def rotation_of(settings: ProbeSettings) -> Rotation | None:
    """Return when files begin anew; None: never."""
    chosen = settings.rotation
    if chosen is None:
        return None
    return Rotation(
        max_bytes=round(chosen.max_mib * 2**20), period_s=chosen.every_s, kept=chosen.keep
    )


def messages_of(
    settings: ProbeSettings, metrics: ProbeMetrics, logger: Logger, clock: SystemClock
) -> Messages | None:
    """Return what tells people of incidents. Raises `LimitError` where it cannot remember them."""
    if settings.messages is None:
        return None
    try:
        return Messages(
            settings.messages,
            directory=settings.out_dir,
            metrics=metrics.messages,
            logger=logger,
            clock=clock,
        )
    except OSError as error:
        raise disk_error(settings.out_dir, error) from error


def console_of(settings: ProbeSettings) -> ConsoleChild | None:
    """Return the console's process, where one is wanted: over the store, or else the records."""
    if settings.console is None:
        return None
    store = settings.store
    return ConsoleChild(
        settings.console,
        directory=settings.out_dir if store is None else store.directory,
        zone="UTC" if store is None else store.zone,
        audit_file=settings.console.audit_file_in(settings.out_dir),
    )


def judge_of(settings: ProbeSettings) -> Judge:
    """Return a judge that knows nothing yet."""
    chosen = settings.detection
    zone = "UTC" if chosen is None else chosen.zone
    return Judge(
        shipped_ranking(),
        words=minute_clock(zone_named(zone)),
        name=settings.client_id,
        windows=() if chosen is None else chosen.windows(),
        detects=chosen is not None,
    )


def past_of(out_dir: Path, *, at: float, offset_s: float) -> Past:
    """Return what the files of an earlier process say, for a judge that starts at `at`.

    `at` is journal time; `offset_s` leads from it to the wall clock.
    """
    unix_s = at + offset_s
    return Past(
        at=at,
        offset_s=offset_s,
        retained=(),
        window=(),
        attempts=last_attempts(out_dir),
        diagnoses=last_diagnoses(out_dir),
        incidents=last_incidents(
            out_dir, since=unix_s - REMEMBERED_S, closed_since=unix_s - CLOSED_S
        ),
    )


def pages_of(
    settings: ProbeSettings,
    probe: Probe,
    metrics: ProbeMetrics,
    *,
    refresh: Callable[[], None],
    messages: Messages | None,
    act: Act,
) -> ProbePages:
    """Return what answers over HTTP. Raises `ConfigError` where it cannot take the log's posts."""

    def exposition(media_type: str) -> tuple[Iterator[bytes], str]:
        refresh()
        return metrics.exposition(media_type)

    posts: dict[str, Page] = {}
    max_body_bytes = MAX_BODY_BYTES
    if messages is not None:
        posts |= messages.pages(act)
        max_body_bytes = MAX_ASKED_BYTES
    receiver = _otlp_receiver(settings, probe)
    if receiver is not None:
        posts[LOGS_PATH] = receiver.answer
        max_body_bytes = MAX_POST_BYTES
    return ProbePages(
        metrics=exposition,
        not_ready=probe.not_ready,
        away=lambda: str(probe.away),
        posts=posts,
        max_body_bytes=max_body_bytes,
        on_defect=lambda _: metrics.count_http_defect(),
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
