"""The metrics: names, series from the start, bounds on their number, exemplars.

`counts.txt` says what moves them.
"""

from __future__ import annotations

import re

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from fleet_wire.contract.attempt import Flag, PlatformSide, Record, Source
from fleet_wire.contract.causes import Cause
from platform_probe.outputs.dimension import MAX_LABEL_VALUES
from platform_probe.outputs.metrics import ProbeMetrics
from tests.helpers.records import STRAY, TRACE_ID, attempt_of

OPENMETRICS = "application/openmetrics-text"
MAX_SERIES = 2_000


@pytest.fixture
def metrics() -> ProbeMetrics:
    """Return metrics in a registry of their own."""
    return ProbeMetrics(CollectorRegistry(), version="1.2.3")


def value(metrics: ProbeMetrics, name: str, **labels: str) -> float | None:
    """Return the value of a series; None where there is no such series."""
    return metrics.registry.get_sample_value(f"unlockpath_{name}", labels)


def series(metrics: ProbeMetrics) -> list[str]:
    """Return the lines of the page that are samples."""
    pieces, _ = metrics.exposition(OPENMETRICS)
    return [line for line in b"".join(pieces).decode().splitlines() if not line.startswith("#")]


def test_each_metric_says_what_it_counts_and_begins_at_0() -> None:
    """Whoever finds a series reads a sentence about it, and `rate()` sees its first event."""
    metrics = ProbeMetrics(CollectorRegistry(), version="1.2.3", asks_api=True)
    ours = [one for one in metrics.registry.collect() if one.name.startswith("unlockpath_")]
    assert len(ours) > 20
    for family in ours:
        assert re.fullmatch(r"(?:[A-Z]|1 )[a-z].+[a-z0]\.", family.documentation.replace("\n", " "))
        assert not re.search("[A-Z]{2}", family.documentation), family.documentation
        begins = {"1.2.3": 1} if family.name == "unlockpath_build_info" else {}
        assert family.samples
        for sample in family.samples:
            assert sample.value == begins.get(sample.labels.get("version", ""), 0), sample


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


def test_number_of_series_is_bounded(metrics: ProbeMetrics) -> None:
    """Thousands of regions, firmwares and boxes make no more series than a few dozen do."""
    online: dict[tuple[str | None, str], int] = {}
    for number in range(3_000):
        kinds = ("region", "firmware", "operator", "hardware")
        made_up = {kind: f"{kind}-{number}" for kind in kinds}
        online[made_up["region"], "online"] = 1
        metrics.emit(msgspec.structs.replace(attempt_of(), **made_up))
    metrics.set_fleet(in_flight=1, boxes={"online": 3_000}, by_region=online)
    assert len(series(metrics)) <= MAX_SERIES
    others = 3_000 - MAX_LABEL_VALUES
    for kind, label, count in (("region", "region-0", 1), ("region", "other", others),
                               ("firmware", "other", others)):  # fmt: skip
        labels = {"source": "probe", kind: label, "outcome": "ok"}
        assert value(metrics, f"{kind}_unlocks_total", **labels) == count
    assert value(metrics, "region_boxes", region="other", presence="online") == others


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


def test_plain_text_for_those_who_ask_for_nothing(metrics: ProbeMetrics) -> None:
    """Without an Accept header the page is Prometheus text, without exemplars."""
    metrics.emit(attempt_of())
    pieces, content_type = metrics.exposition("")
    assert content_type.startswith("text/plain")
    assert TRACE_ID.encode() not in b"".join(pieces)


def test_several_at_once_are_counted_as_one_by_one() -> None:
    """Those that went well and are alike, others among them, and what has no series of its own."""
    side = PlatformSide(app_version="5.1", api_release="7")
    ok = msgspec.structs.replace(
        attempt_of(source=Source.CUSTOMER), platform=side, sources_missing=(), revision=1
    )
    records: list[Record] = [
        ok,
        msgspec.structs.replace(ok, total_s=4.5),
        attempt_of(cause=Cause.BOX_SILENT),
        *(msgspec.structs.replace(ok, region=f"region-{number}") for number in range(30)),
        attempt_of(flags=(Flag.DUPLICATE,)),
        attempt_of(source=Source.FLOOR),
        msgspec.structs.replace(ok, revision=2),
        STRAY,
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
