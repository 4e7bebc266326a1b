"""A running probe and an OTLP backend: what arrives, and what becomes of it where nothing does."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.broker.process import BrokerProcess
from fleet_wire.contract.attempt import Source
from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.trace_context import TraceContext
from fleet_wire.links.link import LinkFactory, PublishProperties
from tests.helpers.hand_made_boxes import AnyClient
from tests.helpers.live_fleet import CARS, SILENT, fleet_of
from tests.helpers.otlp_receiver import attributes, otlp_receiver, values_of
from tests.helpers.running_probe import running_probe
from tests.helpers.waiting import eventually, eventually_answers

pytestmark = [pytest.mark.long, pytest.mark.broker]

TRACE = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
PATIENCE_S = 20.0


def load_of(*cars: str, rate_per_s: float = 40, duration_s: float = 2.0) -> dict[str, Any]:
    """Return the settings of a load on these cars; only for the silent one patience is short."""
    stage = {"kind": "constant", "rate_per_s": rate_per_s, "duration_s": duration_s}
    patience_s = 1.5 if SILENT in cars else PATIENCE_S
    load = {"stages": [stage], "vehicles": cars, "start_delay_s": 0.1, "deadline_s": patience_s}
    return load | {"relock": False}


async def test_a_trace_a_log_and_metrics_of_each_unlock_arrive(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """Nothing is missing after an orderly end, and the numbers are those of /metrics."""
    await fleet_of(links)
    customer = AnyClient(links, "customer")
    with otlp_receiver() as backend:
        settings: dict[str, Any] = {
            "load": load_of(*CARS, SILENT),
            "client_id": "probe-7",
            "otlp": {"endpoint": backend.url, "metrics": {"every_s": 1}},
        }
        async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
            await probe.ready()
            command = encode(Command("k1", Action.UNLOCK, 0, 2**50, 1, "unsigned"))
            properties = PublishProperties(user_properties=(("traceparent", TRACE.traceparent),))
            customer.send(f"cars/{CARS[0]}/command", command, properties)
            await eventually(lambda: probe.latest.get("ended", 0) == 81)
            scraped = await probe.series("unlocks_total")
            probe.process.send_signal(signal.SIGTERM)
            assert await probe.exit_code() == 0
            attempts, logged = probe.attempts(), probe.log()
    traced = Counter(span.trace_id.hex() for span in backend.spans if span.name == "unlock")
    assert traced == Counter(attempt.trace_id for attempt in attempts)
    (of_customer,) = [one for one in backend.trace(TRACE.trace_id) if one.name == "unlock"]
    assert of_customer.parent_span_id.hex() == TRACE.span_id
    assert attributes(of_customer)["unlockpath.source"] == Source.CUSTOMER
    events = Counter(line["event"] for line in logged)
    assert Counter(record.event_name for record in backend.logs) == events
    assert events["unlock"] == 81
    unlocks = values_of(backend.collections[-1]["unlockpath_unlocks_total"])
    exported = {tuple(value for _, value in labels): count for labels, count in unlocks.items()}
    assert exported == scraped
    assert all(one["service.instance.id"] == "probe-7" for one in backend.resources)


REFUSES = {"refuses": None}


@pytest.mark.parametrize(
    "behaviour",
    [{"hangs": True}, {"status": 503}, {"status": 401}, REFUSES],
    ids=["never answers", "503", "401", "refuses connections"],
)
async def test_a_dead_backend_costs_no_unlock(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory, behaviour: dict[str, Any]
) -> None:
    """All unlocks go well and are recorded; what the backend did not get is counted, all of it."""
    await fleet_of(links)
    with otlp_receiver(**({} if behaviour is REFUSES else behaviour)) as backend:
        url = "http://127.0.0.1:1" if behaviour is REFUSES else backend.url
        otlp = {"endpoint": url, "timeout_s": 0.3, "max_queued": 100, "metrics": {"every_s": 1}}
        settings = {"load": load_of(*CARS, rate_per_s=150), "otlp": otlp}
        async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
            await probe.ready()
            await eventually(lambda: probe.latest.get("ended", 0) == 300)

            async def are_all_lost() -> bool:
                """Return whether all traces are counted, each for a reason but the end."""
                lost = await probe.series("otlp_dropped_total")
                undelivered, ended = lost["traces", "undelivered"], lost["traces", "ended"]
                return undelivered > 0 and sum_of(lost, "traces") == 300 and ended == 0

            await eventually_answers(are_all_lost)
            assert probe.latest["ok"] == 300
            probe.process.send_signal(signal.SIGTERM)
            assert await probe.exit_code() == 0
            assert len(probe.attempts()) == 300
            said = [line for line in probe.log() if line["event"] == "otlp_dropped"]
    assert sum(said[0]["dropped"].values()) > 0  # of whichever signal was given up first
    # The queue may be full before the first answer is given up.
    assert any(line["error"] for line in said) or behaviour == {"hangs": True}
    assert backend.spans == []


def sum_of(series: dict[tuple[str, ...], float], signal_name: str) -> float:
    """Return the total of one signal, whatever else its labels say."""
    return sum(count for labels, count in series.items() if labels[0] == signal_name)


async def test_ctrl_c_twice_does_not_wait_for_a_backend(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """As it waits for no unlock."""
    await fleet_of(links)
    with otlp_receiver(hangs=True) as backend:
        settings = {"load": load_of(SILENT, duration_s=600), "otlp": {"endpoint": backend.url}}
        async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
            await probe.ready()
            await eventually(lambda: backend.paths["/v1/traces"] > 0)
            probe.process.send_signal(signal.SIGINT)
            await eventually(lambda: "stopping" in {line["event"] for line in probe.log()})
            probe.process.send_signal(signal.SIGINT)
            assert await probe.exit_code() == 0
