"""The metrics: names, series from the start, bounds on their number, exemplars."""

from __future__ import annotations

import re
from functools import partial

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from fleet_wire.contract.attempt import (
    Attempt,
    Flag,
    PlatformSide,
    Record,
    Source,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Cause, Outcome, outcome_of
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links.link import EndReason
from platform_probe.judge_process.metrics import JudgeMetrics
from platform_probe.outputs.dimension import GIVEN_BACK_AFTER_S, MAX_LABEL_VALUES
from platform_probe.outputs.metrics import ProbeMetrics, RelockEnd, Unexported, WithheldReason
from platform_probe.settings.otlp import Signal
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.records import TRACE_ID, attempt_of

OPENMETRICS = "application/openmetrics-text"
MAX_SERIES = 2_000


@pytest.fixture
def metrics() -> ProbeMetrics:
    """Return metrics in a registry of their own."""
    return ProbeMetrics(CollectorRegistry(), version="1.2.3")


def value(metrics: ProbeMetrics | JudgeMetrics, name: str, **labels: str) -> float | None:
    """Return the value of a series; None where there is no such series."""
    return metrics.registry.get_sample_value(f"unlockpath_{name}", labels)


def series(metrics: ProbeMetrics) -> list[str]:
    """Return the lines of the page that are samples."""
    pieces, _ = metrics.exposition(OPENMETRICS)
    return [line for line in b"".join(pieces).decode().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("unlocks_total", {"source": "probe", "outcome": "ok", "cause": "none"}),
        ("unlocks_total", {"source": "customer", "outcome": "unknown", "cause": "box_silent"}),
        (
            "unlock_duration_seconds_bucket",
            {"source": "customer", "outcome": "unknown", "le": "20.0"},
        ),
        ("unlock_duration_seconds_bucket", {"source": "customer", "outcome": "ok", "le": "8.0"}),
        ("stage_duration_seconds_count", {"source": "customer", "stage": "box_received"}),
        ("stages_reached_total", {"source": "customer", "stage": "intended"}),
        ("region_unlocks_total", {"source": "customer", "region": "other", "outcome": "failed"}),
        ("firmware_unlocks_total", {"source": "customer", "firmware": "unknown", "outcome": "ok"}),
        ("operator_unlocks_total", {"source": "customer", "operator": "other", "outcome": "ok"}),
        ("hardware_unlocks_total", {"source": "probe", "hardware": "unknown", "outcome": "ok"}),
        ("region_boxes", {"region": "other", "presence": "offline"}),
        ("region_reconnects_total", {"region": "unknown"}),
        ("stray_answers_total", {"source": "customer", "kind": "late"}),
        ("stray_answers_total", {"source": "unknown", "kind": "orphan"}),
        ("attempt_flags_total", {"flag": "answered_by_another"}),
        ("starts_withheld_total", {"why": "booked"}),
        ("relocks_total", {"end": "failed"}),
        ("battery_ampere_hours_total", {"what": "wake"}),
        ("messages_total", {"topic": "telemetry"}),
        ("last_message_timestamp_seconds", {"topic": "telemetry"}),
        ("commands_not_followed_total", {}),
        ("loop_lag_seconds_count", {}),
        ("late_unlocks_total", {"source": "customer"}),
        ("malformed_messages_total", {"topic": "other"}),
        ("attempt_flags_total", {"flag": "duplicate"}),
        ("boxes", {"presence": "asleep"}),
        ("in_flight", {}),
        ("schedule_lag_seconds_count", {}),
        ("starts_dropped_total", {}),
        ("floor_duration_seconds_count", {}),
        ("broker_connected", {}),
        ("watched_seconds_total", {"connected": "no"}),
        ("broker_disconnects_total", {"why": "keepalive"}),
        ("sink_errors_total", {"sink": "jsonl"}),
        ("last_attempt_timestamp_seconds", {"source": "customer"}),
    ],
)
def test_series_exist_from_the_start(
    metrics: ProbeMetrics, name: str, labels: dict[str, str]
) -> None:
    """A first event is an increase from 0, which rate() sees."""
    assert value(metrics, name, **labels) == 0


def test_each_metric_says_what_it_counts(metrics: ProbeMetrics) -> None:
    """Whoever finds a series in Prometheus reads a sentence about it."""
    ours = [one for one in metrics.registry.collect() if one.name.startswith("unlockpath_")]
    assert len(ours) > 20
    for family in ours:
        assert re.fullmatch(r"(?:[A-Z]|1 )[a-z].+[a-z0]\.", family.documentation.replace("\n", " "))
        assert not re.search("[A-Z]{2}", family.documentation), family.documentation


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("unlocks_total", {"source": "probe", "outcome": "failed", "cause": "api_failed"}),
        ("unlocks_total", {"source": "customer", "outcome": "failed", "cause": "not_published"}),
        ("stages_reached_total", {"source": "probe", "stage": "api_answered"}),
        ("stage_duration_seconds_count", {"source": "probe", "stage": "api_answered"}),
        ("api_answer_seconds_count", {"source": "customer"}),
        ("stray_answers_total", {"source": "unknown", "kind": "late"}),
        ("malformed_messages_total", {"topic": "wake"}),
        ("messages_total", {"topic": "wake"}),
    ],
)
def test_what_nothing_can_move_has_no_series(
    metrics: ProbeMetrics, name: str, labels: dict[str, str]
) -> None:
    """A zero that can only be a zero says that something works which is not there."""
    assert value(metrics, name, **labels) is None


@pytest.mark.parametrize("label", ["replay", "redelivered"])
def test_labels_of_nothing_are_gone(metrics: ProbeMetrics, label: str) -> None:
    """No unlock is repeated, and none of our commands is sent twice."""
    assert not [line for line in series(metrics) if f'"{label}"' in line]


def test_what_is_moved_after_all_gets_a_series(metrics: ProbeMetrics) -> None:
    """A record is counted, whatever was thought possible."""
    attempt = attempt_of(cause=Cause.API_FAILED, source=Source.CUSTOMER)
    stages = {**attempt.stages, "api_answered": 1.0}
    metrics.emit(msgspec.structs.replace(attempt, stages=stages))
    labels = {"source": "customer", "outcome": "failed", "cause": "api_failed"}
    assert value(metrics, "unlocks_total", **labels) == 1
    assert value(metrics, "stages_reached_total", source="customer", stage="api_answered") == 1


def test_how_long_an_api_took_is_counted_from_the_request() -> None:
    """Also where the phone asked to wait, and the answer came when the door was open."""
    metrics = ProbeMetrics(CollectorRegistry(), version="1", follows_platform=True)
    assert value(metrics, "api_answer_seconds_count", source="customer") == 0
    attempt = attempt_of(source=Source.CUSTOMER)
    stages = {**attempt.stages, "requested": 0.5, "api_answered": attempt.total_s + 1.5}
    metrics.emit(msgspec.structs.replace(attempt, stages=stages))
    assert value(metrics, "api_answer_seconds_count", source="customer") == 1
    assert value(metrics, "api_answer_seconds_sum", source="customer") == attempt.total_s + 1.0


def test_build_info_names_the_version(metrics: ProbeMetrics) -> None:
    """What runs can be read from the metrics."""
    assert value(metrics, "build_info", version="1.2.3") == 1


def test_a_cause_never_contradicts_its_outcome(metrics: ProbeMetrics) -> None:
    """Only pairs that can happen have a series."""
    for cause in set(Cause) - {Cause.API_REFUSED, Cause.API_FAILED}:
        for outcome in Outcome:
            labels = {"source": "probe", "outcome": outcome.value, "cause": cause.value}
            exists = value(metrics, "unlocks_total", **labels) is not None
            assert exists == (outcome is outcome_of(cause))


def test_number_of_series_is_bounded(metrics: ProbeMetrics) -> None:
    """Thousands of regions, firmwares and boxes make no more series than a few dozen do."""
    online: dict[tuple[str | None, str], int] = {}
    for number in range(3_000):
        region = f"region-{number}"
        online[region, "online"] = 1
        attempt = attempt_of(region=region, firmware=f"firmware-{number}")
        metrics.emit(
            msgspec.structs.replace(
                attempt, operator=f"operator-{number}", hardware=f"hardware-{number}"
            )
        )
    boxes = {"online": 3_000, "asleep": 0, "offline": 0}
    metrics.set_fleet(in_flight=1, boxes=boxes, by_region=online)
    assert len(series(metrics)) <= MAX_SERIES
    assert (
        value(metrics, "region_unlocks_total", source="probe", region="region-0", outcome="ok") == 1
    )
    others = 3_000 - MAX_LABEL_VALUES
    assert (
        value(metrics, "region_unlocks_total", source="probe", region="other", outcome="ok")
        == others
    )
    assert (
        value(metrics, "firmware_unlocks_total", source="probe", firmware="other", outcome="ok")
        == others
    )
    assert value(metrics, "region_boxes", region="other", presence="online") == others


def firmware_of(number: int, after_s: float = 0.0) -> Attempt:
    """Return an unlock of a car with this firmware."""
    attempt = attempt_of(firmware=f"2.{number}")
    return msgspec.structs.replace(attempt, started_at=attempt.started_at + after_s)


def counted(metrics: ProbeMetrics, firmware: str) -> float | None:
    """Return how many unlocks were counted for a firmware; None where it has no series."""
    return value(metrics, "firmware_unlocks_total", source="probe", firmware=firmware, outcome="ok")


def test_a_new_firmware_takes_the_place_of_one_that_is_no_more(metrics: ProbeMetrics) -> None:
    """The roll-out after many is the one to watch; a firmware that still runs keeps its place."""
    for number in range(MAX_LABEL_VALUES):
        metrics.emit(firmware_of(number))
    metrics.emit(firmware_of(0, GIVEN_BACK_AFTER_S - 1.0))
    metrics.emit(firmware_of(99, GIVEN_BACK_AFTER_S - 1.0))
    assert (counted(metrics, "2.99"), counted(metrics, "other")) == (None, 1)
    before = len(series(metrics))
    for _ in range(2):
        metrics.emit(firmware_of(99, GIVEN_BACK_AFTER_S))
    assert (counted(metrics, "2.99"), counted(metrics, "2.0")) == (2, 2)
    assert counted(metrics, "2.1") is None
    assert len(series(metrics)) == before
    metrics.emit(firmware_of(1, 2 * GIVEN_BACK_AFTER_S))
    assert counted(metrics, "2.1") == 1
    assert len(series(metrics)) == before


def test_the_hour_of_a_value_begins_with_the_end_of_its_last_unlock(metrics: ProbeMetrics) -> None:
    """Not with its start: what is seen of a car is seen when its unlock ends."""
    for number in range(MAX_LABEL_VALUES):
        metrics.emit(msgspec.structs.replace(firmware_of(number), total_s=20.0))
    for after_s, count in ((GIVEN_BACK_AFTER_S + 10.0, None), (GIVEN_BACK_AFTER_S + 20.0, 1)):
        metrics.emit(msgspec.structs.replace(firmware_of(99, after_s), total_s=0.0))
        assert counted(metrics, "2.99") == count


def test_a_region_with_boxes_keeps_its_place(metrics: ProbeMetrics) -> None:
    """Also where nobody unlocks; one that gave its place up takes its boxes' series along."""
    for number in range(MAX_LABEL_VALUES):
        metrics.emit(attempt_of(region=f"region-{number}"))
    boxes: dict[tuple[str | None, str], int] = {("region-0", "online"): 7}
    later = attempt_of(region="region-0")
    later = msgspec.structs.replace(later, started_at=later.started_at + GIVEN_BACK_AFTER_S)
    for region in ("region-0", "new"):
        metrics.set_fleet(in_flight=0, boxes={}, by_region=boxes)
        metrics.emit(msgspec.structs.replace(later, region=region))
    metrics.set_fleet(in_flight=0, boxes={}, by_region=boxes)
    assert value(metrics, "region_boxes", region="region-0", presence="online") == 7
    assert value(metrics, "region_boxes", region="new", presence="online") == 0
    assert value(metrics, "region_boxes", region="region-1", presence="online") is None
    assert value(metrics, "region_boxes", region="region-2", presence="online") == 0


@pytest.mark.parametrize("name", ["unknown", "other"])
def test_a_value_that_is_named_as_ours_takes_no_place(metrics: ProbeMetrics, name: str) -> None:
    """And never gives back what is not its own."""
    metrics.emit(attempt_of(firmware=name))
    for number in range(MAX_LABEL_VALUES):
        metrics.emit(firmware_of(number, 2 * GIVEN_BACK_AFTER_S))
    assert counted(metrics, name) == 1
    assert counted(metrics, f"2.{MAX_LABEL_VALUES - 1}") == 1


def test_attempt_is_counted_everywhere(metrics: ProbeMetrics) -> None:
    """One record moves each of its series by one."""
    metrics.emit(attempt_of(cause=Cause.BOX_SILENT, total_s=20.0, flags=(Flag.WOKEN,)))
    labels = {"source": "probe", "outcome": "unknown", "cause": "box_silent"}
    assert value(metrics, "unlocks_total", **labels) == 1
    labels = {"source": "probe", "outcome": "unknown"}
    assert value(metrics, "unlock_duration_seconds_bucket", **labels, le="15.0") == 0
    assert value(metrics, "unlock_duration_seconds_bucket", **labels, le="20.0") == 1
    assert value(metrics, "stage_duration_seconds_sum", source="probe", stage="published") == 19.5
    assert (
        value(metrics, "region_unlocks_total", source="probe", region="centre", outcome="unknown")
        == 1
    )
    assert (
        value(
            metrics, "firmware_unlocks_total", source="probe", firmware="2.4.1", outcome="unknown"
        )
        == 1
    )
    assert value(metrics, "attempt_flags_total", flag="woken") == 1
    assert value(metrics, "last_attempt_timestamp_seconds", source="probe") == 1_700_000_020.0


@pytest.mark.parametrize("kind", ["region", "firmware", "operator", "hardware"])
def test_an_unlock_counts_for_what_its_car_is(metrics: ProbeMetrics, kind: str) -> None:
    """Under the car's own value, and no other."""
    values = {name: f"{name}-1" for name in ("region", "firmware", "operator", "hardware")}
    metrics.emit(msgspec.structs.replace(attempt_of(), **values))
    for label, count in ((f"{kind}-1", 1), ("unknown", 0), ("other", 0)):
        labels = {"source": "probe", kind: label, "outcome": "ok"}
        assert value(metrics, f"{kind}_unlocks_total", **labels) == count


def test_what_was_not_observed_is_no_measurement(metrics: ProbeMetrics) -> None:
    """The monitor's own blindness is counted, and makes nobody's numbers worse."""
    before = series(metrics)
    metrics.emit(attempt_of(cause=Cause.NOT_OBSERVED, total_s=20.0))
    moved = {line for line in set(series(metrics)) - set(before) if "process_" not in line}
    assert {line.partition(" # ")[0] for line in moved} == {
        'unlockpath_unlocks_total{cause="not_observed",outcome="unknown",source="probe"} 1.0'
    }


def test_car_without_a_state_counts_as_unknown(metrics: ProbeMetrics) -> None:
    """A box that never said what it is has a label of its own."""
    metrics.emit(attempt_of(region=None, firmware=None))
    assert (
        value(metrics, "region_unlocks_total", source="probe", region="unknown", outcome="ok") == 1
    )
    assert (
        value(metrics, "firmware_unlocks_total", source="probe", firmware="unknown", outcome="ok")
        == 1
    )


def test_floor_counts_in_the_floor_alone(metrics: ProbeMetrics) -> None:
    """The null box must not make the fleet look better."""
    before = [line for line in series(metrics) if "floor" not in line and "process_" not in line]
    metrics.emit(attempt_of(source=Source.FLOOR, total_s=0.0004))
    after = [line for line in series(metrics) if "floor" not in line and "process_" not in line]
    assert value(metrics, "floor_duration_seconds_bucket", le="0.0005") == 1
    assert before == after


def stray_of(
    kind: StrayKind, source: Source | None, *, is_late_unlock: bool = False
) -> StrayAnswer:
    """Return an answer outside of its attempt."""
    return StrayAnswer(
        kind=kind, vehicle_id="v", command_id="c", phase="executed", at=0.0, source=source,
        is_late_unlock=is_late_unlock,
    )  # fmt: skip


def test_customers_are_counted_apart(metrics: ProbeMetrics) -> None:
    """No synthetic unlock moves a customer's series, and none of theirs a synthetic one's."""
    own = {line for line in series(metrics) if 'source="probe"' in line}
    customers = {line for line in series(metrics) if 'source="customer"' in line}
    metrics.emit(attempt_of(source=Source.CUSTOMER))
    assert own <= set(series(metrics))
    theirs = {line for line in series(metrics) if 'source="customer"' in line}
    metrics.emit(attempt_of(source=Source.PROBE))
    assert theirs <= set(series(metrics))
    moved = {line.split("{")[0] for line in theirs - customers}
    assert {name for name in moved if not name.endswith(("_bucket", "_sum"))} == {
        "unlockpath_unlocks_total",
        "unlockpath_unlock_duration_seconds_count",
        "unlockpath_stage_duration_seconds_count",
        "unlockpath_stages_reached_total",
        "unlockpath_region_unlocks_total",
        "unlockpath_firmware_unlocks_total",
        "unlockpath_operator_unlocks_total",
        "unlockpath_hardware_unlocks_total",
        "unlockpath_last_attempt_timestamp_seconds",
    }


def test_a_stage_that_was_waited_for_in_vain_was_not_reached(metrics: ProbeMetrics) -> None:
    """Its hop has a duration all the same, so that the hops add up."""
    attempt = attempt_of(cause=Cause.BOX_SILENT)
    hops_s = {**attempt.hops_s, "box_received": 17.5}
    metrics.emit(msgspec.structs.replace(attempt, hops_s=hops_s, total_s=20.0))
    for stage, reached in (("intended", 1), ("published", 1), ("box_received", 0)):
        assert value(metrics, "stages_reached_total", source="probe", stage=stage) == reached
    labels = {"source": "probe", "stage": "box_received"}
    assert value(metrics, "stage_duration_seconds_sum", **labels) == 17.5


def test_late_unlocks_are_counted_beside_late_answers(metrics: ProbeMetrics) -> None:
    """Most late answers open nothing, and a null box has no customer."""
    metrics.emit(stray_of(StrayKind.LATE, Source.CUSTOMER))
    assert value(metrics, "late_unlocks_total", source="customer") == 0
    metrics.emit(stray_of(StrayKind.LATE, Source.CUSTOMER, is_late_unlock=True))
    metrics.emit(stray_of(StrayKind.LATE, Source.FLOOR, is_late_unlock=True))
    assert value(metrics, "late_unlocks_total", source="customer") == 1
    assert value(metrics, "late_unlocks_total", source="probe") == 0


def test_strays_are_counted_by_kind(metrics: ProbeMetrics) -> None:
    """Stray answers are no attempts."""
    for kind in StrayKind:
        for source in (Source.CUSTOMER, Source.FLOOR, None):
            metrics.emit(stray_of(kind, source))
            label = source.value if source else "unknown"
            assert value(metrics, "stray_answers_total", source=label, kind=kind.value) == 1
    assert value(metrics, "unlocks_total", source="probe", outcome="ok", cause="none") == 0


def test_openmetrics_has_exemplars_with_the_trace(metrics: ProbeMetrics) -> None:
    """From a bucket to the trace of an unlock in it; and the page is valid OpenMetrics."""
    metrics.emit(attempt_of(total_s=2.5, region='we"st\n\\', firmware="2.4.1"))
    pieces, content_type = metrics.exposition(OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    exemplars = [
        (sample.labels["le"], sample.exemplar.labels["trace_id"])
        for family in text_string_to_metric_families(  # type: ignore[no-untyped-call]
            b"".join(pieces).decode()
        )
        for sample in family.samples
        if sample.exemplar is not None
    ]
    assert exemplars == [("3.0", TRACE_ID)]


def test_failures_have_exemplars_too(metrics: ProbeMetrics) -> None:
    """From a cause, a region or a firmware that fails to the trace of an unlock that did."""
    metrics.emit(attempt_of())
    metrics.emit(attempt_of(cause=Cause.BOX_SILENT, total_s=20.0))
    metrics.emit(attempt_of(cause=Cause.NOT_OBSERVED))
    pieces, _ = metrics.exposition(OPENMETRICS)
    page = b"".join(pieces).decode()
    with_exemplar = {
        line.partition("{")[0]: line for line in page.splitlines() if f'"{TRACE_ID}"' in line
    }
    assert set(with_exemplar) == {
        "unlockpath_unlocks_total",
        "unlockpath_unlock_duration_seconds_bucket",
        "unlockpath_region_unlocks_total",
        "unlockpath_firmware_unlocks_total",
        "unlockpath_operator_unlocks_total",
        "unlockpath_hardware_unlocks_total",
    }
    causes = [line for line in page.splitlines() if "unlocks_total{cause" in line and "# {" in line]
    assert [line.split('"')[1] for line in causes] == ["box_silent", "not_observed"]
    assert 'outcome="unknown"' in with_exemplar["unlockpath_firmware_unlocks_total"]


def test_what_is_exported_and_what_is_not_is_counted(metrics: ProbeMetrics) -> None:
    """By signal, and what is lost by its reason too; every series is there from the start."""
    for why in Unexported:
        assert value(metrics, "otlp_dropped_total", signal="metrics", why=why.value) == 0
    metrics.exported[Signal.TRACES].inc(3)
    metrics.exported[Signal.TRACES].inc(4)
    metrics.unexported[Signal.LOGS, Unexported.QUEUE_FULL].inc(5)
    assert value(metrics, "otlp_exported_total", signal="traces") == 7
    assert value(metrics, "otlp_exported_total", signal="logs") == 0
    assert value(metrics, "otlp_dropped_total", signal="logs", why="queue_full") == 5
    assert value(metrics, "otlp_dropped_total", signal="logs", why="ended") == 0


def test_plain_text_for_those_who_ask_for_nothing(metrics: ProbeMetrics) -> None:
    """Without an Accept header the page is Prometheus text, without exemplars."""
    metrics.emit(attempt_of())
    pieces, content_type = metrics.exposition("")
    assert content_type.startswith("text/plain")
    assert TRACE_ID.encode() not in b"".join(pieces)


def test_reconnects_are_counted_by_region(metrics: ProbeMetrics) -> None:
    """The evidence keeps the totals; the counter follows them, for regions without a place too."""
    metrics.note_reconnects({"north": 2, None: 1})
    metrics.note_reconnects({"north": 5, None: 1})
    assert value(metrics, "region_reconnects_total", region="north") == 5
    assert value(metrics, "region_reconnects_total", region="unknown") == 1
    assert value(metrics, "region_reconnects_total", region="other") == 0


def test_gauges_of_regions_go_back_to_zero(metrics: ProbeMetrics) -> None:
    """A region whose last box went offline shows 0, not its last number."""
    metrics.set_fleet(
        in_flight=0, boxes={}, by_region={("north", "online"): 2, (None, "online"): 1}
    )
    metrics.set_fleet(in_flight=3, boxes={"offline": 3}, by_region={})
    assert value(metrics, "region_boxes", region="north", presence="online") == 0
    assert value(metrics, "region_boxes", region="unknown", presence="online") == 0
    assert value(metrics, "boxes", presence="offline") == 3
    assert value(metrics, "in_flight") == 3


def test_events_of_the_probe_itself(metrics: ProbeMetrics) -> None:
    """Each event of the probe moves its own series."""
    metrics.start_lag.observe(0.0004)
    metrics.loop_lag.observe(0.003)
    metrics.dropped_starts.inc()
    metrics.withheld_starts[WithheldReason.RELOCKING].inc()
    metrics.relocks[RelockEnd.LEFT].inc()
    metrics.malformed[TopicKind.STATE].inc()
    metrics.malformed[None].inc()
    metrics.sink_errors["log"].inc()
    metrics.sink_errors["jsonl"].inc(3)
    metrics.disconnects[EndReason.REFUSED].inc()
    metrics.connected.set(True)
    metrics.add_watched(2.5, connected=True)
    metrics.add_watched(1.5, connected=False)
    assert value(metrics, "watched_seconds_total", connected="yes") == 2.5
    assert value(metrics, "watched_seconds_total", connected="no") == 1.5
    assert value(metrics, "schedule_lag_seconds_bucket", le="0.0005") == 1
    assert value(metrics, "loop_lag_seconds_sum") == 0.003
    assert value(metrics, "starts_dropped_total") == 1
    assert value(metrics, "starts_withheld_total", why="relocking") == 1
    assert value(metrics, "starts_withheld_total", why="booked") == 0
    assert value(metrics, "relocks_total", end="left") == 1
    assert value(metrics, "relocks_total", end="failed") == 0
    assert value(metrics, "malformed_messages_total", topic="state") == 1
    assert value(metrics, "malformed_messages_total", topic="other") == 1
    assert value(metrics, "sink_errors_total", sink="log") == 1
    assert value(metrics, "sink_errors_total", sink="jsonl") == 3
    assert value(metrics, "broker_disconnects_total", why="refused") == 1
    assert value(metrics, "broker_connected") == 1
    metrics.brokers_away.set(2)
    assert value(metrics, "brokers_away") == 2
    metrics.connected.set(False)
    assert value(metrics, "broker_connected") == 0
    assert value(metrics, "build_info", version="1.2.3") == 1


def test_traffic_follows_the_totals_of_the_inbox(metrics: ProbeMetrics) -> None:
    """What has grown was heard just now; what has not keeps its time."""
    first = dict.fromkeys(TopicKind, 0) | {TopicKind.STATE: 2, TopicKind.RESULT: 5}
    metrics.note_traffic(first, 1, 1_000.0)
    metrics.note_traffic(first | {TopicKind.STATE: 3}, 4, 2_000.0)
    for topic, count, heard_s in (("state", 3, 2_000), ("result", 5, 1_000), ("presence", 0, 0)):
        assert value(metrics, "messages_total", topic=topic) == count
        assert value(metrics, "last_message_timestamp_seconds", topic=topic) == heard_s
    assert value(metrics, "commands_not_followed_total") == 4


def test_a_restart_does_not_forget_when_an_unlock_last_ended(metrics: ProbeMetrics) -> None:
    """Else every restart would begin a time without any."""
    metrics.set_last_ends({Source.PROBE: 1_000.0, Source.CUSTOMER: 2_000.0})
    for source, ended_s in (("probe", 1_000.0), ("customer", 2_000.0)):
        assert value(metrics, "last_attempt_timestamp_seconds", source=source) == ended_s


def test_what_was_observed_late_is_in_no_ratio_and_no_histogram(metrics: ProbeMetrics) -> None:
    """Its times are not known, so that it is neither fast nor slow; that it was so is counted."""
    before = [line for line in series(metrics) if "flag" not in line and "process" not in line]
    flags = (Flag.OBSERVED_LATE,)
    metrics.emit(attempt_of(total_s=0.0, flags=flags))
    metrics.emit(attempt_of(cause=Cause.BOX_SILENT, flags=flags))
    metrics.emit(attempt_of(source=Source.FLOOR, flags=flags))
    after = [line for line in series(metrics) if "flag" not in line and "process" not in line]
    assert after == before
    assert value(metrics, "attempt_flags_total", flag="observed_late") == 2


def test_diagnoses_are_counted_by_their_likeliest_mode() -> None:
    """Every mode has its series from the start, so that no label comes from outside."""
    metrics = JudgeMetrics(CollectorRegistry())
    modes = (RankedMode("ack_lost_executed", 0.97), RankedMode("half_open_tcp_nat", 0.02))
    metrics.count_diagnosis(diagnosis_of(*modes))
    counted = partial(value, metrics, "unlock_diagnoses_total", source="customer")
    assert counted(mode="ack_lost_executed") == 1
    assert counted(mode="half_open_tcp_nat") == 0
    assert [counted(mode=mode) for mode in ("unknown", "nothing_wrong")] == [0, 0]


def test_releases_are_counted_where_the_platform_tells_of_them() -> None:
    """Apps and releases of the API by outcome; without the platform's log there are no series."""
    follows = ProbeMetrics(CollectorRegistry(), version="1", follows_platform=True)
    side = PlatformSide(app_version="5.12.0", api_release="2026.7.0")
    attempt = attempt_of(cause=Cause.BOX_OFFLINE, source=Source.CUSTOMER)
    follows.emit(msgspec.structs.replace(attempt, platform=side))
    follows.emit(attempt)

    ended = {"source": "customer", "outcome": "unknown"}
    for name, release in (("app_version", "5.12.0"), ("api_release", "2026.7.0")):
        for label in (release, "unknown"):
            assert value(follows, f"{name}_unlocks_total", **{**ended, name: label}) == 1
    without = ProbeMetrics(CollectorRegistry(), version="1")
    assert value(without, "app_version_unlocks_total", **ended, app_version="unknown") is None


def test_several_at_once_are_counted_as_one_by_one() -> None:
    """Those that went well and are alike, others among them, and what has no series of its own."""
    side = PlatformSide(app_version="5.1", api_release="7")
    ok = msgspec.structs.replace(
        attempt_of(source=Source.CUSTOMER), platform=side, sources_missing=(), revision=1
    )
    stray = StrayAnswer(
        at=1.0, command_id="c1", vehicle_id="car-1", phase="executed", kind=StrayKind.ORPHAN
    )
    records: list[Record] = [
        ok,
        msgspec.structs.replace(ok, total_s=4.5),
        attempt_of(cause=Cause.BOX_SILENT),
        *(msgspec.structs.replace(ok, region=f"region-{number}") for number in range(30)),
        attempt_of(flags=(Flag.DUPLICATE,)),
        attempt_of(source=Source.FLOOR),
        msgspec.structs.replace(ok, revision=2),
        stray,
        attempt_of(),
    ]
    each, together = (
        ProbeMetrics(CollectorRegistry(), version="1", follows_platform=True) for _ in range(2)
    )
    for record in records:
        each.emit(record)
    together.emit_together(records)
    counted = [
        [line.partition(" # ")[0] for line in series(one) if not line.startswith("process_")]
        for one in (each, together)
    ]
    assert counted[0] == counted[1]
    assert value(together, "unlocks_total", source="customer", outcome="ok", cause="none") == 32
