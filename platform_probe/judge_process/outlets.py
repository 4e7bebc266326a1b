"""The parts of a judge's process, each made as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import tzinfo
from pathlib import Path

from fleet_wire.errors import ConfigError
from platform_probe.journal.files import Rotation
from platform_probe.judge.diagnosis.calibration import read_either
from platform_probe.judge.diagnosis.ranking import Ranking
from platform_probe.judge.judge import Judge
from platform_probe.judge.weights import shipped_ranking, shipped_weights
from platform_probe.outputs.sinks import disk_errors
from platform_probe.settings.monitor import BucketPart, ProbeSettings, StoreSettings
from platform_probe.store.bucket import Bucket
from platform_probe.store.layout import make_store
from platform_probe.store.limits import BucketSettings, Limits
from platform_probe.store.writer import StoreWriter, TableEnd, held_by_monitor
from platform_probe.texts.speaking import Speaker
from platform_probe.texts.times import zone_named


def judge_of(settings: ProbeSettings, ranking: Ranking) -> Judge:
    """Return a judge that knows nothing yet."""
    chosen = settings.detection
    return Judge(
        ranking,
        english=Speaker("en", zone_of(settings)),
        name=settings.client_id,
        windows=() if chosen is None else chosen.windows(),
        detects=chosen is not None,
    )


def zone_of(settings: ProbeSettings) -> tzinfo:
    """Return the zone of times in titles and messages."""
    return zone_named("UTC" if settings.detection is None else settings.detection.zone)


def ranking_of(weights: Path | None, *, name: str = "weights") -> Ranking:
    """Return the ranking with the weights of a file, or a calibration in it; None: the release's.

    Raises `ConfigError` that has `name`, the setting or option, and the file.
    """
    if weights is None:
        return shipped_ranking()
    try:
        return Ranking(read_either(weights.read_bytes(), shipped_weights()))
    except OSError as error:
        raise ConfigError([f"{name} {weights}: {error.strerror}"]) from None
    except ConfigError as error:
        raise ConfigError([f"{name} {weights}: {'; '.join(error.problems)}"]) from None


def store_of(
    settings: ProbeSettings,
    stack: ExitStack,
    *,
    ends: Mapping[str, TableEnd] | None,
    on_problem: Callable[[str], None],
    on_waiting: Callable[[int], None],
) -> StoreWriter | None:
    """Return what keeps entries to be queried, after what was committed at `ends`.

    Raises `LimitError` where the disk allows none.
    """
    chosen = settings.store
    if chosen is None:
        return None
    with disk_errors(chosen.directory):
        store = StoreWriter(
            chosen.directory,
            _limits_of(chosen, settings.journal_dir),
            with_telemetry=chosen.telemetry,
            ends=ends,
            on_problem=on_problem,
            on_waiting=on_waiting,
        )
    return stack.enter_context(store)


def hold_store(settings: ProbeSettings, stack: ExitStack) -> None:
    """Hold the store for this monitor and its judge, until the stack is closed.

    Raises `ConfigError` where another monitor holds it, or the directory cannot be a store, and
    `LimitError` where the disk allows none.
    """
    chosen = settings.store
    if chosen is not None:
        _limits_of(chosen, settings.journal_dir)
        with disk_errors(chosen.directory):
            make_store(chosen.directory)
            stack.enter_context(held_by_monitor(chosen.directory))


def _limits_of(chosen: StoreSettings, journal: Path) -> Limits:
    return Limits(
        max_age_s=chosen.max_days * 86_400,
        max_bytes=round(chosen.max_gib * 2**30),
        journal=str(journal.absolute()),
        journal_max_age_s=chosen.journal_days * 86_400,
        bucket=_bucket_of(chosen.s3),
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


def rotation_of(settings: ProbeSettings) -> Rotation | None:
    """Return when files begin anew; None: never."""
    chosen = settings.rotation
    if chosen is None:
        return None
    return Rotation(
        max_bytes=round(chosen.max_mib * 2**20), period_s=chosen.every_s, kept=chosen.keep
    )
