"""The parts of a judge's process, each made as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from platform_probe.judge.judge import Judge
from platform_probe.outputs.files import Rotation
from platform_probe.outputs.sinks import disk_error
from platform_probe.settings import BucketPart, ProbeSettings
from platform_probe.store.bucket import Bucket
from platform_probe.store.limits import BucketSettings, Limits
from platform_probe.store.writer import End, StoreWriter
from platform_probe.support.times import minute_clock, zone_named
from platform_probe.weights import shipped_ranking


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


def store_of(
    settings: ProbeSettings,
    stack: ExitStack,
    *,
    ends: Mapping[str, End] | None,
    on_problem: Callable[[str], None],
    on_waiting: Callable[[int], None],
) -> StoreWriter | None:
    """Return what keeps entries to be queried, after what was committed at `ends`.

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
            ends=ends,
            on_problem=on_problem,
            on_waiting=on_waiting,
        )
    except OSError as error:
        raise disk_error(chosen.directory, error) from error
    return stack.enter_context(store)


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


def rotation_of(settings: ProbeSettings) -> Rotation | None:
    """Return when files begin anew; None: never."""
    chosen = settings.rotation
    if chosen is None:
        return None
    return Rotation(
        max_bytes=round(chosen.max_mib * 2**20), period_s=chosen.every_s, kept=chosen.keep
    )
