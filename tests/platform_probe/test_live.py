"""The probe as a user runs it: its own process, a real broker, hand-made boxes."""

from __future__ import annotations

import signal
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme

from fleet_sim.broker.process import BrokerProcess, free_port
from fleet_wire.contract.attempt import Source
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.codec import encode
from fleet_wire.contract.messages import Action, Command
from fleet_wire.links.link import BrokerAddress, LinkFactory, PublishProperties
from platform_probe.measure.watching.group import PRESENT
from tests.helpers.brokers import running_mosquitto
from tests.helpers.hand_made_boxes import AnyClient, links_to
from tests.helpers.live_fleet import CARS, SILENT, fleet_of, load_of
from tests.helpers.platform_log_file import PlatformLogFile
from tests.helpers.running_probe import RunningProbe, running_probe
from tests.helpers.stores import ids_in, selected
from tests.helpers.waiting import eventually

pytestmark = pytest.mark.broker

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def ended_all(probe: RunningProbe, at_least: int = 1) -> bool:
    """Return whether it last said that everything that was sent has ended."""
    latest = probe.latest
    sent: int = latest.get("sent", 0)
    return sent >= at_least and sent == latest["ended"]


async def test_metrics_equal_the_lines_on_disk(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """A scrape adds up to attempts.jsonl, by source, outcome and cause.

    Of a car without a box the broker says so.
    """
    await fleet_of(links)
    customer = AnyClient(links, "customer")
    load = load_of(deadline_s=5.0, vehicles=[*CARS, SILENT, "ghost-0"])
    async with running_probe(tmp_path, mosquitto.address, load=load) as probe:
        await probe.ready()
        command = Command("k1", Action.UNLOCK, 0, 2**50, 1, "unsigned")
        traceparent = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
        properties = PublishProperties(user_properties=(("traceparent", traceparent),))
        customer.send(f"cars/{CARS[0]}/command", encode(command), properties)
        await eventually(lambda: ended_all(probe, 20) and len(probe.of_kind("progress")) >= 3)
        await eventually(lambda: "k1" in commands_of(probe) and ended_all(probe, 20))
        unlocks = await probe.series("unlocks_total")
        counted = {
            (source, outcome, cause): count
            for (cause, outcome, source), count in unlocks.items()
            if count
        }
        assert counted == probe.counts()
        assert counted["customer", "ok", "none"] == 1
        assert counted["probe", "ok", "none"] > 0
        assert counted["probe", "unknown", "box_silent"] > 0
        assert counted["probe", "failed", "no_subscriber"] > 0
        by_region = await probe.series("region_unlocks_total")
        assert sum(by_region.values()) == sum(counted.values())
        assert (await probe.series("boxes"))[("online",)] == len(CARS) + 1
        assert (await probe.get("/healthz"))[0] == 200
        assert (await probe.get("/readyz"))[0] == 200
        probe.process.send_signal(signal.SIGTERM)
        assert await probe.exit_code() == 0
    (customers,) = [one for one in probe.attempts() if one.source is Source.CUSTOMER]
    assert customers.trace_id == TRACE_ID
    logged = [line for line in probe.log() if line["event"] == "unlock"]
    assert len(logged) == len(probe.attempts())


async def test_killed_probe_loses_nothing_that_ended(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """SIGKILL in mid-run: what was reported as ended is on disk, in whole lines.

    The store has each unlock once, while the probe runs and afterwards; it may lack the last ones.
    No file of it is for everybody, and no process of the probe outlives it.
    """
    await fleet_of(links)
    store = tmp_path / "store"
    settings = {
        "load": load_of(rate_per_s=100, duration_s=60),
        "otlp": {"endpoint": "http://127.0.0.1:1"},
        "store": {"directory": str(store)},
    }
    async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
        await eventually((store / "store.json").exists)
        await eventually(lambda: probe.latest.get("ended", 0) > 50 and len(ids_in(store)) > 50)
        while_running = ids_in(store)
        children = [probe.child(name) for name in ("otlp", "judge_process")]
        assert None not in children
        probe.process.send_signal(signal.SIGKILL)
        assert await probe.exit_code() == -signal.SIGKILL
    await eventually(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert not [path for path in store.rglob("*.*") if path.stat().st_mode & stat.S_IRWXO]
    written = [attempt.attempt_id for attempt in probe.attempts()]
    assert len(written) >= probe.of_kind("progress")[-1]["ended"] > 50
    await eventually(lambda: len(ids_in(store)) > len(written) - 100)
    found = ids_in(store)
    assert set(while_running) <= set(found) <= set(written)
    assert len(found) == len(set(found))
    kinds = dict(selected(store, "SELECT kind, count(*) FROM observations GROUP BY kind"))
    assert kinds["result"] > 50


async def test_what_the_platform_logs_while_nobody_runs_is_read(
    tmp_path: Path, mosquitto: BrokerProcess
) -> None:
    """What had been read before the kill is read again, and has one record, and is kept once."""
    log = PlatformLogFile(tmp_path / "platform.jsonl")
    log.refuse(CARS[0])
    store = tmp_path / "store"
    settings = {
        "platform": {"log_file": str(log.path), "late_s": 1, "wait_s": 2},
        "store": {"directory": str(store)},
    }
    async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
        await probe.ready()
        known = log.refuse(CARS[1])
        await eventually(lambda: refused_of(probe) == [known])
        probe.process.send_signal(signal.SIGKILL)
        await probe.exit_code()
    missed = log.refuse(CARS[2])
    async with running_probe(tmp_path, mosquitto.address, **settings) as probe:
        await probe.ready()
        ends = await probe.series("last_attempt_timestamp_seconds")
        assert ends["customer",] > 0, "else each restart would look like one that has seen none"
        last = log.refuse(CARS[3])
        await eventually(lambda: last in refused_of(probe))
        assert refused_of(probe) == [known, missed, last]
        probe.process.send_signal(signal.SIGTERM)
        await probe.exit_code()
    sql = "SELECT trace_id, count(*) FROM {} GROUP BY trace_id"
    assert dict(selected(store, sql.format("platform_events"))) == {known: 2, missed: 2, last: 2}
    assert dict(selected(store, sql.format("attempts"))) == {known: 1, missed: 1, last: 1}


async def test_sigterm_drains(tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory) -> None:
    """SIGTERM: nothing new starts, what is in flight ends by itself at its deadline, exit 0."""
    await fleet_of(links)
    load = load_of(duration_s=60, deadline_s=6, vehicles=[SILENT])
    async with running_probe(tmp_path, mosquitto.address, load=load) as probe:
        await eventually(lambda: probe.latest.get("in_flight", 0) > 0)
        probe.process.send_signal(signal.SIGTERM)
        assert await probe.exit_code() == 0
    done = probe.latest
    assert (done["event"], done["in_flight"]) == ("done", 0)
    kinds = [each["event"] for each in probe.events]
    assert kinds.count("stopping") == 1
    assert "progress" in kinds[kinds.index("stopping") :], "who starts us hears that we go on"
    assert len(probe.attempts()) == done["sent"]
    assert {one.cause for one in probe.measured()} <= {Cause.BOX_SILENT}
    assert all(one.total_s >= load["deadline_s"] for one in probe.attempts())
    assert probe.stats()["ended"] == done["ended"]


async def test_broker_that_dies_and_comes_back(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """In flight ends as unknown at once, readiness goes, and all comes back with the broker.

    Ctrl-C twice: what is in flight is written as not observed, exit 0.
    """
    *_, silent = await fleet_of(links)
    load = load_of(duration_s=60, deadline_s=600)
    async with running_probe(tmp_path, mosquitto.address, load=load) as probe:
        await eventually(lambda: silent.commands and probe.latest.get("in_flight", 0) > 2)
        mosquitto.kill()
        await eventually(
            lambda: any(
                one.cause is Cause.BROKER_UNREACHABLE and one.vehicle_id == SILENT
                for one in probe.attempts()
            )
        )
        status, body = await probe.get("/readyz")
        assert status == 503
        assert str(mosquitto.address) in body
        assert (await probe.series("broker_connected"))[()] == 0
        assert sum((await probe.series("broker_disconnects_total")).values()) >= 1
        mosquitto.restart()
        mosquitto.wait_until_accepting()
        ok = probe.latest["ok"]
        await eventually(lambda: probe.latest["ok"] > ok, message="no unlock after the restart")
        assert (await probe.get("/readyz"))[0] == 200
        for _ in range(2):  # Ctrl-C, and again when the probe has noticed
            probe.process.send_signal(signal.SIGINT)
            await eventually(lambda: probe.of_kind("stopping"))
        assert await probe.exit_code() == 0
    unreachable = [one for one in probe.attempts() if one.cause is Cause.BROKER_UNREACHABLE]
    assert {one.outcome for one in unreachable} == {Outcome.UNKNOWN}
    assert len(probe.attempts()) == probe.latest["sent"]
    assert Cause.NOT_OBSERVED in {one.cause for one in probe.attempts()}


async def test_tls_with_a_client_certificate(tmp_path: Path) -> None:
    """The certificates of the settings are those that the broker sees and is trusted by."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = authority.issue_cert("127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    client = authority.issue_cert("probe@example.org")
    client.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    port = free_port()
    listener = (
        f"listener {port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.pem\n"
    )
    address = BrokerAddress("mqtts", "127.0.0.1", port)
    tls = {"ca_file": f"{tmp_path}/ca.pem", "cert_file": f"{tmp_path}/client.pem"}
    with running_mosquitto(listener) as broker:
        async with links_to(broker.address) as links:
            await fleet_of(links)
            settings = {"tls": tls, "load": load_of(), "exit_when_done": True}
            async with running_probe(tmp_path, address, **settings) as probe:
                assert await probe.exit_code() == 0
        async with running_probe(tmp_path, address, tls={}, wait_s=0.5) as stranger:
            assert await stranger.exit_code() == 2
    assert Outcome.OK in {one.outcome for one in probe.attempts()}
    assert f"no connection to {address}" in stranger.stderr()


async def test_two_probes_that_share_count_every_customer_once(
    tmp_path: Path, mosquitto: BrokerProcess, links: LinkFactory
) -> None:
    """Customers whose commands reach the broker, and those that the API refused, one record each.

    When one of the two leaves, the other has them all.
    """
    await fleet_of(links)
    customer = AnyClient(links, "platform")
    log = PlatformLogFile(tmp_path / "platform.jsonl")
    settings: dict[str, Any] = {
        "watch_group": "monitors",
        "load": {"deadline_s": 1},
        "platform": {"log_file": str(log.path), "late_s": 1, "wait_s": 2},
    }
    said = AnyClient(links, "group", "probes/monitors/+")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    broker = mosquitto.address
    async with (
        running_probe(tmp_path / "one", broker, client_id="one", **settings) as first,
        running_probe(tmp_path / "two", broker, client_id="two", **settings) as second,
    ):
        probes = first, second
        for probe in probes:
            await probe.ready()
        await eventually(lambda: counting(said) == {"one", "two"})
        customer.send(f"cars/{CARS[0]}/result", b"?")  # what they hear after the other's word
        await eventually(lambda: all(map(has_complained, probes)))
        opened, refused = log.play(customer, CARS, customers=40)
        await eventually(lambda: len(commands_of(*probes)) + len(refused_of(*probes)) >= 80)
        assert sorted(commands_of(*probes)) == sorted(opened)
        assert sorted(refused_of(*probes)) == sorted(refused)
        for probe in probes:
            assert commands_of(probe)
            assert refused_of(probe)
        second.process.send_signal(signal.SIGTERM)
        assert await second.exit_code() == 0
        opened_alone, refused_alone = log.play(customer, CARS, customers=10)
        await eventually(lambda: set(opened_alone) <= set(commands_of(first)))
        await eventually(lambda: set(refused_alone) <= set(refused_of(first)))
    everything = [*commands_of(*probes), *refused_of(*probes)]
    assert len(everything) == len(set(everything)) == 100
    for probe in probes:  # what was answered to the other's commands is nobody's stray
        assert (probe.directory / "out" / "stray_answers.jsonl").read_bytes() == b""
    for record in [record for probe in probes for record in probe.attempts()]:
        assert record.sources_missing == ()


def counting(listener: AnyClient) -> set[str]:
    """Return the probes of a group that have said last that they count customers."""
    latest = {message.topic: message.payload for message in listener.messages}
    return {topic.rpartition("/")[2] for topic, word in latest.items() if word.startswith(PRESENT)}


def has_complained(probe: RunningProbe) -> bool:
    """Return whether a probe has logged a message that it could not read."""
    return any(line["event"] == "malformed_message" for line in probe.log())


def commands_of(*probes: RunningProbe) -> list[str]:
    """Return the commands of the unlocks that were written, each as often as it was."""
    attempts = [attempt for probe in probes for attempt in probe.attempts()]
    return [attempt.command_id for attempt in attempts if attempt.command_id is not None]


def refused_of(*probes: RunningProbe) -> list[str]:
    """Return the traces of the unlocks that the API refused."""
    attempts = [attempt for probe in probes for attempt in probe.attempts()]
    return [one.trace_id for one in attempts if one.cause is Cause.API_REFUSED]
