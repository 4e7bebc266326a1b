"""What is counted of the records: unlocks by end, stage and kind of car, and stray answers.

Every series that something can move exists at 0 from the start, so that `rate()` sees the first
event. Bucket edges lie exactly on the thresholds of the service levels and on the customer's
deadline. A cause is a label of counters only. Everything counted by unlock has a label for who
asked: many synthetic ones must not hide few customers. Failures have an exemplar: a link from the
number to the trace of one such unlock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from typing import Final

from prometheus_client import CollectorRegistry

from fleet_wire.contract.attempt import (
    Attempt,
    Complaint,
    Flag,
    Record,
    Source,
    Stage,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.series import Counter, Histogram, Series, SeriesMaker, count_each, observe_each
from platform_probe.outputs.dimension import SOURCES, UNKNOWN, Dimension
from platform_probe.outputs.platform_metrics import PlatformMetrics

NO_CAUSE: Final = "none"
UNLOCK_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 1.5, 2, 3, 4, 5, 8, 10, 15, 20, 30, 60)
STAGE_BUCKETS_S: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20)
FLOOR_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1)

_OF_AN_API: Final = frozenset({Cause.API_REFUSED, Cause.API_FAILED})
_REQUESTED, _API_ANSWERED = Stage.REQUESTED.value, Stage.API_ANSWERED.value
_FLAGS_OF_AN_API: Final = frozenset({Flag.TOLD_OTHERWISE, Flag.ONLY_TOLD})
_OF_SENDING: Final = frozenset({Cause.NOT_PUBLISHED, Cause.BROKER_UNREACHABLE, Cause.BROKER_DENIED})
"""Causes before the broker: for a customer's unlock only the platform's log shows these."""


def is_measured(attempt: Attempt) -> bool:
    """Return whether what became of an attempt, and when, was seen as it happened."""
    return attempt.cause is not Cause.NOT_OBSERVED and Flag.OBSERVED_LATE not in attempt.flags


class AttemptMetrics(SeriesMaker):
    """The metrics that records move: a sink.

    `follows_platform` says whether the platform's log is joined, `asks_api` whether the monitor's
    own unlocks go through an API: what neither can move has no series.
    """

    def __init__(
        self, registry: CollectorRegistry, *, follows_platform: bool = False, asks_api: bool = False
    ) -> None:
        super().__init__(registry)
        self._has_api = {Source.CUSTOMER: follows_platform, Source.PROBE: asks_api}
        """The sources whose unlocks can have an API stage."""
        self._make_unlocks()
        self._make_stages()
        self._make_strays()
        self._make_dimensions()
        self.platform = PlatformMetrics(registry) if follows_platform else None
        """Metrics that need the platform's log."""

    def _make_unlocks(self) -> None:
        unlocks = self._counter(
            "unlocks", "Unlocks that ended, by who asked and why they ended.",
            "source", "outcome", "cause",
        )  # fmt: skip
        self._unlocks = Series(unlocks, filter(self._can_end_so, _ENDS), _labels_of_end)
        duration = self._histogram(
            "unlock_duration_seconds", UNLOCK_BUCKETS_S,
            "From the intended start to the end; a timeout counts with its deadline.",
            "source", "outcome",
        )  # fmt: skip
        self._duration = Series(duration, product(SOURCES, Outcome))
        self._floor_duration = self._histogram(
            "floor_duration_seconds", FLOOR_BUCKETS_S,
            "Unlocks of the null box: what broker, network and probe take by themselves.",
        ).labels()  # fmt: skip
        flags = self._counter("attempt_flags", "Ended unlocks that had this oddity.", "flag")
        has_api = any(self._has_api.values())
        can_be = [flag for flag in Flag if has_api or flag not in _FLAGS_OF_AN_API]
        self._flags = Series(flags, can_be)
        last_attempt = self._gauge(
            "last_attempt_timestamp_seconds", "Unix time at which an unlock last ended; 0: never.",
            "source",
        )  # fmt: skip
        self._last_end_unix_s = dict.fromkeys(SOURCES, 0.0)
        for source in SOURCES:
            of_source = partial(self._last_end_unix_s.__getitem__, source)
            last_attempt.labels(source.value).set_function(of_source)

    def _make_stages(self) -> None:
        duration = self._histogram(
            "stage_duration_seconds", STAGE_BUCKETS_S,
            "From the stage before to this stage, also where it was waited for in vain; the hops of"
            " one unlock add up to its total.",
            "source", "stage",
        )  # fmt: skip
        reached = self._counter(
            "stages_reached", "Unlocks that got as far as this stage.", "source", "stage"
        )
        api_answer = self._histogram(
            "api_answer_seconds", UNLOCK_BUCKETS_S,
            "From the request for an unlock to the platform's answer; where that is the result, the"
            " time that the car takes too.", "source",
        )  # fmt: skip
        asking = [source for source in SOURCES if self._has_api[source]]
        self._api_answer = Series(api_answer, asking)
        self._stage_duration: dict[Source, Series[str, Histogram]] = {}
        self._stages_reached: dict[Source, Series[str, Counter]] = {}
        for source in SOURCES:
            labels_of = partial(_labels_of_stage, source)
            stages = self._stages_of(source)
            self._stage_duration[source] = Series(duration, stages[1:], labels_of)
            self._stages_reached[source] = Series(reached, stages, labels_of)

    def _stages_of(self, source: Source) -> list[str]:
        """Return the stages that an unlock can reach, the intended start first."""
        has_api = self._has_api[source]
        return [stage.value for stage in Stage if has_api or stage is not Stage.API_ANSWERED]

    def _can_end_so(self, end: _End) -> bool:
        source, cause = end
        if self._has_api[source]:
            return True
        return cause not in _OF_AN_API and not (source is Source.CUSTOMER and cause in _OF_SENDING)

    def _make_strays(self) -> None:
        strays = self._counter(
            "stray_answers", "Answers outside of an open unlock, by who had asked.",
            "source", "kind",
        )  # fmt: skip
        known = product((Source.FLOOR, *SOURCES), StrayKind)
        # An unknown source has no attempt for which the answer could be late.
        self._strays = Series(strays, [*known, (None, StrayKind.ORPHAN)], _labels_of_stray)
        late = self._counter(
            "late_unlocks", "Cars that opened after their customer had been told that they did"
            " not, by who had asked.", "source",
        )  # fmt: skip
        self._late_unlocks = {source: late.labels(source.value) for source in SOURCES}

    def _make_dimensions(self) -> None:
        self._regions = self._dimension("region", "region of the car")
        self._dimensions = [
            self._regions,
            self._dimension("firmware", "firmware of the box"),
            self._dimension("operator", "mobile network of the box"),
            self._dimension("hardware", "model of the box"),
        ]
        """In the order of `_versions_of`; without an API its releases are left out."""
        if self._has_api[Source.CUSTOMER]:
            self._dimensions += (
                self._dimension("app_version", "app of the phone"),
                self._dimension("api_release", "release of the API"),
            )

    def _dimension(self, name: str, what: str) -> Dimension:
        return Dimension(
            self._counter(
                f"{name}_unlocks", f"Unlocks that ended, by {what}.", "source", name, "outcome"
            )
        )

    def set_last_ends(self, unix_s: Mapping[Source, float]) -> None:
        """Set when an unlock of each of these sources last ended, before this probe started."""
        for source, ended_unix_s in unix_s.items():
            self._last_end_unix_s[source] = ended_unix_s

    def emit(self, record: Record) -> None:
        """Count one ended attempt, one stray answer, or one call to support.

        An attempt that was observed late adds only its flags. A revision adds nothing: a counter
        cannot take back a count.
        """
        if isinstance(record, Complaint):
            return
        if not isinstance(record, Attempt):
            self._count_stray(record)
        elif not record.is_first:
            if self.platform is not None:
                self.platform.revisions.inc()
        elif record.source is not Source.FLOOR:
            self._count_unlock(record)
        elif is_measured(record):
            self._floor_duration.observe(record.total_s)

    def emit_together(self, records: Sequence[Record]) -> None:
        """Count several. Successes with the same traits are counted at once."""
        alike: dict[_Alike, list[float]] = {}
        for record in records:
            if isinstance(record, Attempt) and _is_plain(record):
                ended_s = self._count_times(record, Outcome.OK)
                alike.setdefault((record.source, _versions_of(record)), []).append(ended_s)
            else:
                self._count_alike(alike)
                self.emit(record)
        self._count_alike(alike)

    def _count_alike(self, alike: dict[_Alike, list[float]]) -> None:
        """Count unlocks that went well, with when they ended, and forget them."""
        for (source, said), ends_s in alike.items():
            number, ended_s, end = len(ends_s), max(ends_s), (source, Outcome.OK)
            self._unlocks[source, None].inc(number)
            for dimension, value in zip(self._dimensions, said, strict=False):
                dimension.count(value, end, ended_s, None, number)
        alike.clear()

    def _count_unlock(self, attempt: Attempt) -> None:
        source, cause = attempt.source, attempt.cause
        if self.platform is not None:
            for origin in attempt.sources_missing or ():
                self.platform.missing[origin].inc()
        failure = None if cause is None else attempt
        if cause is Cause.NOT_OBSERVED:
            self._unlocks[source, cause].inc(1, attempt)
            return  # nothing was measured
        for flag in attempt.flags:
            self._flags[flag].inc()
        if not is_measured(attempt):
            return  # an outcome without times belongs into no ratio and no histogram
        self._unlocks[source, cause].inc(1, failure)
        ended_s = self._count_times(attempt, attempt.outcome)
        end = source, attempt.outcome
        for dimension, value in zip(self._dimensions, _versions_of(attempt), strict=False):
            dimension.count(value, end, ended_s, failure)

    def _count_times(self, attempt: Attempt, outcome: Outcome) -> float:
        """Count how long an unlock and its stages took; return when it ended, in Unix seconds."""
        source, stages = attempt.source, attempt.stages
        self._duration[source, outcome].observe(attempt.total_s, attempt)
        observe_each(self._stage_duration[source], attempt.hops_s)
        count_each(self._stages_reached[source], stages)
        answered_s = stages.get(_API_ANSWERED)
        if answered_s is not None:
            self._api_answer[source].observe(answered_s - stages.get(_REQUESTED, 0.0), attempt)
        self._last_end_unix_s[source] = ended_s = attempt.started_at + attempt.total_s
        return ended_s

    def _count_stray(self, stray: StrayAnswer) -> None:
        self._strays[stray.source, stray.kind].inc()
        if stray.is_late_unlock and stray.source in self._late_unlocks:
            self._late_unlocks[stray.source].inc()


def _is_plain(attempt: Attempt) -> bool:
    """Return whether an unlock went well and nothing about it was odd: so nearly all."""
    return (
        attempt.cause is None
        and not attempt.flags
        and attempt.is_first
        and not attempt.sources_missing
        and attempt.source is not Source.FLOOR
    )


def _versions_of(attempt: Attempt) -> tuple[str | None, ...]:
    """Return what the car says of itself, and the releases of app and API."""
    side = attempt.platform
    return (
        attempt.region, attempt.firmware, attempt.operator, attempt.hardware,
        side.app_version if side else None, side.api_release if side else None,
    )  # fmt: skip


_Alike = tuple[Source, tuple[str | None, ...]]
"""The source, and the traits of car, app and API."""
_End = tuple[Source, Cause | None]
_ENDS: Final[tuple[_End, ...]] = tuple(product(SOURCES, (None, *Cause)))


def _labels_of_end(end: _End) -> tuple[str, ...]:
    source, cause = end
    return source.value, outcome_of(cause).value, NO_CAUSE if cause is None else cause.value


def _labels_of_stage(source: Source, stage: str) -> tuple[str, ...]:
    return source.value, stage


def _labels_of_stray(stray: tuple[Source | None, StrayKind]) -> tuple[str, ...]:
    source, kind = stray
    return UNKNOWN if source is None else source.value, kind.value
