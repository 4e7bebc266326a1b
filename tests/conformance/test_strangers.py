"""Programs that nobody here wrote open cars, and the monitor's records agree with what they saw."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from bench.score.incidents import TWO_TOPICS
from fleet_sim.broker.process import free_port
from fleet_sim.truth.clients.home_assistant_files import write_broker
from fleet_wire.contract.attempt import Attempt, Source, Stage
from fleet_wire.contract.causes import Outcome
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import BrokerAddress, Session
from fleet_wire.profiles.loading import load_profile
from fleet_wire.web.client import HttpClient, NoAnswerError
from tests.helpers.fleet_places import CARS, LivePlace, attempts_of, live_place
from tests.helpers.own_wires import ALL_IN_ONE
from tests.helpers.profile_files import profile_of
from tests.helpers.recorder import Recorder
from tests.helpers.strangers import (
    HOME_ASSISTANT_PACKAGES,
    program_of_debian,
    program_of_npm,
    python_with,
)

pytestmark = [pytest.mark.broker, pytest.mark.strangers]

CAR: Final = CARS[0]
AWS_PLATFORM: Final = """
import json, sys, threading
from awscrt import mqtt5
from awsiot import mqtt5_client_builder

port, folder, car = int(sys.argv[1]), sys.argv[2], sys.argv[3]
connected, done = threading.Event(), threading.Event()


def heard(data):
    status = json.loads(data.publish_packet.payload)["status"]
    print(status, flush=True)
    if status != "IN_PROGRESS":
        done.set()


client = mqtt5_client_builder.mtls_from_path(
    endpoint="localhost",
    port=port,
    cert_filepath=f"{folder}/platform.pem",
    pri_key_filepath=f"{folder}/platform.key",
    ca_filepath=f"{folder}/ca.pem",
    client_id="platform",
    on_publish_received=heard,
    on_lifecycle_connection_success=lambda _: connected.set(),
)
client.start()
assert connected.wait(60), "no connection"
root = f"$aws/commands/things/{car}/executions/x-1"
qos = mqtt5.QoS.AT_LEAST_ONCE
answers = [mqtt5.Subscription(topic_filter=f"{root}/response/json", qos=qos)]
client.subscribe(mqtt5.SubscribePacket(subscriptions=answers)).result(60)
request = mqtt5.PublishPacket(
    topic=f"{root}/request/json", payload=json.dumps({"command": "unlock"}), qos=qos
)
client.publish(request).result(60)
assert done.wait(60), "no answer"
client.stop()
"""
"""A platform that opens a car as AWS documents it, with AWS's own library."""


EXPORTER: Final = """
mqtt:
  server: tcp://127.0.0.1:{port}
  topic_path: a/+/from
  device_id_regex: "a/(?P<deviceid>.*)/from"
cache: {{ timeout: 60m }}
metrics:
  - {{ prom_name: battery_volts, mqtt_name: battery, help: The battery, type: gauge }}
"""


async def output_of(*command: str) -> str:
    """Return what a program prints, while cars and monitor go on."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def record_of(place: LivePlace) -> Attempt:
    """Return the one unlock that the monitor has seen."""
    await place.until(lambda: attempts_of(place), "the monitor has a record")
    (attempt,) = attempts_of(place)
    return attempt


async def test_mosquitto_rr_opens_a_car(tmp_path: Path) -> None:
    """It gets the answer of its request, and the monitor has that unlock, under its id."""
    program = program_of_debian("mosquitto-clients", "mosquitto_rr")
    async with live_place(profile_of(TWO_TOPICS), tmp_path, only_watches=True) as place:
        await place.ready()
        answer = await output_of(
            str(program), "-h", "127.0.0.1", "-p", str(place.port), "-q", "1", "-W", "60",
            "-t", f"v1/{CAR}/cmd", "-e", f"v1/{CAR}/ack", "-m", '{"id": "rr-1", "op": "OPEN"}',
        )  # fmt: skip
        assert json.loads(answer) == {"id": "rr-1", "status": "OK"}
        attempt = await record_of(place)
    assert (attempt.command_id, attempt.vehicle_id) == ("rr-1", CAR)
    assert (attempt.source, attempt.outcome) == (Source.CUSTOMER, Outcome.OK)


async def test_the_library_of_aws_opens_a_car(tmp_path: Path) -> None:
    """It has a certificate of its own, and the monitor's stages are the answers that it got."""
    python, port = python_with("awsiotsdk"), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, who in (("server", "localhost"), ("platform", "platform.example")):
        certificate = authority.issue_cert(who)
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    config = (
        f"listener {port} 127.0.0.1\ncafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\n"
        f"keyfile {tmp_path}/server.key\nrequire_certificate true\n"
    )
    profile = load_profile("aws-iot")
    async with live_place(profile, tmp_path, only_watches=True, config=config) as place:
        await place.ready()
        said = await output_of(str(python), "-c", AWS_PLATFORM, str(port), str(tmp_path), CAR)
        assert said.split() == ["IN_PROGRESS", "SUCCEEDED"]
        attempt = await record_of(place)
    assert (attempt.command_id, attempt.vehicle_id) == ("x-1", CAR)
    assert (attempt.source, attempt.outcome) == (Source.CUSTOMER, Outcome.OK)
    assert Stage.BOX_RECEIVED in attempt.stages


async def test_an_exporter_beside_the_monitor_says_the_same(tmp_path: Path) -> None:
    """Both read the report of a car that mosquitto_rr has opened, and have its voltage."""
    exporter = program_of_debian("prometheus-mqtt-exporter", "prometheus-mqtt-exporter")
    program, port = program_of_debian("mosquitto-clients", "mosquitto_rr"), free_port()
    kept = ALL_IN_ONE.replace("state:\n", "state:\n  retain: true\n")
    async with live_place(profile_of(kept), tmp_path, only_watches=True) as place:
        await place.ready()
        file = tmp_path / "exporter.yaml"
        file.write_text(EXPORTER.format(port=place.port), "utf-8")
        listen = ("-listen-address", "127.0.0.1", "-listen-port", str(port))
        process = await asyncio.create_subprocess_exec(str(exporter), "-config", str(file), *listen)
        try:
            await output_of(
                str(program), "-h", "127.0.0.1", "-p", str(place.port), "-q", "1", "-W", "60",
                "-t", f"a/{CAR}/to", "-e", f"a/{CAR}/from", "-m", '{"id": "rr-2", "op": "OPEN"}',
            )  # fmt: skip
            voltage = await exported_voltage(port)
        finally:
            process.terminate()
            await process.wait()
        attempt = await record_of(place)
        evidence = place.probe.tracker.evidence.state_of(CAR)
    assert (attempt.vehicle_id, attempt.outcome) == (CAR, Outcome.OK)
    assert voltage == pytest.approx(evidence.voltage_v)


async def exported_voltage(port: int) -> float:
    """Return what the exporter says of the car, as soon as it does."""
    http = HttpClient(f"http://127.0.0.1:{port}")
    try:
        while True:
            with suppress(NoAnswerError):
                answer = await http.request("GET", "/metrics", timeout_s=30, headers={})
                found = re.search(rf'battery_volts{{.*"{CAR}".*}} ([0-9.]+)', answer.body.decode())
                if found is not None:
                    return float(found[1])
            await asyncio.sleep(0.1)
    finally:
        await http.close()


@asynccontextmanager
async def running(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a program while the block lasts, and give what it prints."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.terminate()
        await process.communicate()


async def test_node_red_opens_a_car(tmp_path: Path) -> None:
    """Its own flow asks when it sees the locked door, and prints the answer."""
    program = program_of_npm("node-red")
    async with live_place(load_profile("saic"), tmp_path, only_watches=True) as place:
        await place.ready()
        (tmp_path / "flow.json").write_text(json.dumps(flow_of(place.port)), "utf-8")
        settings = f'module.exports = {{ uiHost: "127.0.0.1", uiPort: {free_port()} }};'
        (tmp_path / "settings.js").write_text(settings, "utf-8")
        arguments = ("-s", f"{tmp_path}/settings.js", "-u", f"{tmp_path}", "flow.json")
        async with running(str(program), *arguments) as printed:
            while b"Success" not in await printed.readline():
                pass
        attempt = await record_of(place)
    assert (attempt.vehicle_id, attempt.outcome) == (CAR, Outcome.OK)
    assert Stage.STATE_CHANGED in attempt.stages


def flow_of(port: int) -> list[dict[str, Any]]:
    """Return a flow of Node-RED that opens the car once, when it has heard that it is locked."""
    door = f"saic/you@example.org/vehicles/{CAR}/doors/locked"
    once = (
        'if (msg.payload !== "True" || context.get("done")) return null;'
        ' context.set("done", true); return { payload: "false" };'
    )
    broker = {"broker": "127.0.0.1", "port": f"{port}", "protocolVersion": "4", "autoConnect": True}
    of_tab = {"z": "tab", "broker": "broker", "qos": "1"}
    return [
        {"id": "tab", "type": "tab", "label": "cars"},
        {"id": "broker", "type": "mqtt-broker", "cleansession": True, "keepalive": "60", **broker},
        {"id": "state", "type": "mqtt in", "topic": door, "wires": [["once"]], **of_tab},
        {"id": "once", "type": "function", "z": "tab", "func": once, "wires": [["ask"]]},
        {"id": "ask", "type": "mqtt out", "topic": f"{door}/set", "wires": [], **of_tab},
        {
            "id": "answer",
            "type": "mqtt in",
            "topic": f"{door}/result",
            "wires": [["print"]],
            **of_tab,
        },
        {"id": "print", "type": "debug", "z": "tab", "active": True, "console": True, "wires": []},
    ]


HOME_ASSISTANT: Final = """
homeassistant: { name: t, unit_system: metric, time_zone: UTC }
mqtt:
  - lock:
      name: car
      unique_id: car
      command_topic: "DOOR/set"
      state_topic: "DOOR"
      payload_lock: "true"
      payload_unlock: "false"
      state_locked: "true"
      state_unlocked: "false"
      value_template: "{{ value | lower }}"
automation:
  - alias: go
    triggers: [{ trigger: mqtt, topic: ha/go }]
    conditions: [{ condition: state, entity_id: lock.car, state: locked }]
    mode: single
    actions:
      - action: lock.unlock
        target: { entity_id: lock.car }
      - wait_template: "{{ is_state('lock.car', 'unlocked') }}"
      - action: mqtt.publish
        data: { topic: ha/log, payload: "{{ states('lock.car') }}" }
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="Home Assistant 2025.4 needs Python 3.13")
async def test_home_assistant_opens_a_car(tmp_path: Path) -> None:
    """Its lock shows that the car is open, and the monitor has that one unlock."""
    python = python_with(*HOME_ASSISTANT_PACKAGES)
    async with live_place(load_profile("saic"), tmp_path, only_watches=True) as place:
        await place.ready()
        door = f"saic/you@example.org/vehicles/{CAR}/doors/locked"
        (tmp_path / "configuration.yaml").write_text(HOME_ASSISTANT.replace("DOOR", door), "utf-8")
        (tmp_path / ".storage").mkdir()
        address = BrokerAddress.parse(f"mqtt://127.0.0.1:{place.port}")
        write_broker(tmp_path / ".storage", address)
        page = Recorder(LeanLinkFactory(address), Session("page", ("ha/log",)))
        page.link.connect()
        hass = python.parent / "hass"
        async with running(str(hass), "-c", str(tmp_path), "--skip-pip"):
            while not page.messages:
                await asyncio.sleep(0.5)
                if page.link.is_connected:
                    page.link.publish("ha/go", b"")
        page.link.disconnect()
        attempt = await record_of(place)
    assert page.payloads == [b"unlocked"]
    assert (attempt.vehicle_id, attempt.outcome) == (CAR, Outcome.OK)
