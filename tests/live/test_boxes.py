"""`fleet-sim boxes` on a real broker, as a user starts it."""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from fleet_sim.broker.process import BrokerProcess, free_port
from fleet_wire.contract import codec
from fleet_wire.contract.messages import WakeRequest
from fleet_wire.contract.topics import TopicKind, topic_of
from fleet_wire.links.link import BrokerAddress
from fleet_wire.links.tls import tls_context
from tests.helpers.brokers import running_mosquitto, write_passwords
from tests.helpers.commands import SCENARIO, lines, run, write_scenario
from tests.helpers.forked import Forked, forked
from tests.helpers.hand_made_boxes import AnyClient, links_to, presences
from tests.helpers.pages import EXAMPLES
from tests.helpers.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.broker

BOXES = 5
ALL = BOXES + 1
"""With the null box."""


@asynccontextmanager
async def running_boxes(scenario: Path, *arguments: object) -> AsyncIterator[Forked]:
    """Run five boxes of a scenario until the block ends; `stderr` lies beside the scenario."""
    words = ("boxes", str(scenario), "--seed", "1", "--set", f"fleet.count={BOXES}")
    stderr = scenario.with_name("stderr")
    with forked("fleet_sim", *words, *map(str, arguments), stderr=stderr) as process:
        yield process


async def exit_code_of(process: Forked) -> int | None:
    """Return it as soon as the process has ended."""
    return await asyncio.to_thread(process.wait, PATIENCE_S)


async def test_sigterm_leaves_no_box_online(mosquitto: BrokerProcess, tmp_path: Path) -> None:
    """Each says `shutdown`, and that is what is retained: no monitor takes them for there.

    Somebody else unlocks them, so the scenario need not say when.
    """
    presence = topic_of(TopicKind.PRESENCE, "+")
    async with links_to(mosquitto.address) as links:
        listener = AnyClient(links, "listener", presence)
        async with running_boxes(
            write_scenario(tmp_path, SCENARIO.partition("load:")[0]), "--broker", mosquitto.address
        ) as process:
            await eventually(lambda: [*presences(listener).values()] == [("online", None)] * ALL)
            process.send_signal(signal.SIGTERM)
            assert await exit_code_of(process) == 0
        late = AnyClient(links, "late", presence)
        await eventually(lambda: len(late.messages) == ALL)
        assert [*presences(late).values()] == [("offline", "shutdown")] * ALL
        assert all(message.retain for message in late.messages)


NAP = """\
faults:
  - name: deep_sleep_modem_off
    target: {ids: [car-00001]}
    window: {start_s: 0}
    parameters: {sleep: 1}
"""
"""One car leaves the network for a second, and comes back."""
SLEEPS = """\
        asleep_share: 1
        sms_wake: 0.1
        sms_loss: 0
        modem_resume: 0.1
"""
ACL = (EXAMPLES / "mosquitto" / "boxes.acl").read_text(encoding="utf-8")
"""The access list of the docs: a box has its own topics and no other's."""


def acl_config(directory: Path) -> str:
    """Write the ACL; return the configuration that follows it, and logs what it denies."""
    path = directory / "acl"
    path.write_text(f"{ACL}user platform\ntopic readwrite #\n")
    path.chmod(0o600)
    return f"acl_file {path}\nlog_type debug\n"


def as_platform(broker: BrokerProcess) -> BrokerAddress:
    """Return the address with the user who may read everything."""
    return replace(broker.address, username="platform", password="p")  # noqa: S106


async def check_heard(
    expected: set[str],
    *arguments: object,
    on: BrokerAddress,
    scenario: Path,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Run boxes until they serve; these cars and no others must have said so and gone."""
    async with links_to(on, tls) as links:
        listener = AnyClient(links, "listener", topic_of(TopicKind.PRESENCE, "+"))
        async with running_boxes(scenario, *arguments) as process:
            await line_with(process, b"serving")
            process.send_signal(signal.SIGTERM)
            assert await exit_code_of(process) == 0
        gone = {topic_of(TopicKind.PRESENCE, one): ("offline", "shutdown") for one in expected}
        await eventually(lambda: presences(listener) == gone, message=f"{presences(listener)}")


async def test_the_access_list_of_the_docs_is_enough(tmp_path: Path) -> None:
    """Nothing is denied, and a car that sleeps is woken: the user of the others hears `wake/+`."""
    scenario = write_scenario(tmp_path, SCENARIO.replace("box:", f"box:\n{SLEEPS}"))
    ids = [f"car-{number:05d}" for number in range(BOXES)]
    config = write_passwords(
        tmp_path / "passwords", {"fleet": "f", "platform": "p", **dict.fromkeys(ids, "b")}
    )
    (tmp_path / "box").write_text("b")
    (tmp_path / "fleet").write_text("f")
    with running_mosquitto(config + acl_config(tmp_path)) as broker:
        url = f"mqtt://fleet@127.0.0.1:{broker.port}"
        own = (
            *("--box-user", "{vehicle_id}", "--box-password-file", tmp_path / "box"),
            *("--broker-password-file", tmp_path / "fleet"),
        )
        sleeper = topic_of(TopicKind.PRESENCE, ids[0])
        async with (
            links_to(as_platform(broker)) as links,
            running_boxes(scenario, "--broker", url, *own) as process,
        ):
            platform = AnyClient(links, "platform", topic_of(TopicKind.PRESENCE, "+"))
            await line_with(process, b"serving")
            await eventually(lambda: presences(platform).get(sleeper) == ("offline", "sleep"))
            wake = codec.encode(WakeRequest(request_id="w", requested_at_ms=0))
            platform.send(topic_of(TopicKind.WAKE, ids[0]), wake)
            await eventually(lambda: presences(platform)[sleeper][0] == "online")
            process.send_signal(signal.SIGTERM)
            assert await exit_code_of(process) == 0
        everybody = {f"cars/{one}/presence" for one in (*ids, "null-box-0")}
        assert presences(platform).keys() == everybody
        log = broker.log_text()
    assert "Denied" not in log


async def test_each_box_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    """Whose name is the box's: with `use_identity_as_username` the same ACL holds."""
    scenario, authority = write_scenario(tmp_path), trustme.CA()
    names = [f"car-{number:05d}" for number in range(BOXES)]
    for name in [*names, "fleet", "platform", "127.0.0.1"]:
        certificate = authority.issue_cert(name, common_name=name)
        certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    port = free_port()
    config = (
        f"{acl_config(tmp_path)}listener {port} 127.0.0.1\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/127.0.0.1.pem\n"
        f"keyfile {tmp_path}/127.0.0.1.pem\n"
        "require_certificate true\nuse_identity_as_username true\n"
    )
    own = tmp_path / "fleet.pem"
    with running_mosquitto(config, also_port=port) as broker:
        context = tls_context(ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "platform.pem")
        await check_heard(
            {*names, "null-box-0"},
            *("--broker", f"mqtts://127.0.0.1:{port}"),
            *("--ca-file", tmp_path / "ca.pem", "--cert-file", own),
            *("--box-cert-file", f"{tmp_path}/{{vehicle_id}}.pem"),
            on=BrokerAddress.parse(f"mqtts://127.0.0.1:{port}"),
            scenario=scenario,
            tls=context,
        )
        log = broker.log_text()
    assert "Denied" not in log


async def test_a_box_with_anothers_credentials_is_not_heard(tmp_path: Path) -> None:
    """The ACL of these tests is at work: a box that comes as another can say nothing."""
    config = write_passwords(
        tmp_path / "passwords", {"fleet": "f", "platform": "p", "another": "b"}
    )
    (tmp_path / "box").write_text("b")
    with running_mosquitto(config + acl_config(tmp_path)) as broker:
        await check_heard(
            {"null-box-0"},
            *("--broker", f"mqtt://fleet:f@127.0.0.1:{broker.port}"),
            *("--box-user", "another", "--box-password-file", tmp_path / "box"),
            on=as_platform(broker),
            scenario=write_scenario(tmp_path),
        )
        log = broker.log_text()
    assert "Denied PUBLISH" in log


async def line_with(process: Forked, words: bytes) -> bytes:
    """Return the next line on stdout that has these words."""
    while line := await asyncio.to_thread(process.stdout.readline):
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never said")


async def drill(*arguments: object) -> tuple[int, str]:
    """Run `fleet-sim inject`; return its exit code, and what it says on either output."""
    code, stdout, stderr = await asyncio.to_thread(run, "fleet_sim", "inject", *arguments)
    return code, stdout + stderr


async def test_a_drill_on_running_boxes(mosquitto: BrokerProcess, tmp_path: Path) -> None:
    """The scenario's own fault and the drill are said and written down, with what they hit."""
    scenario = write_scenario(tmp_path, SCENARIO + NAP)
    control, out = tmp_path / "control", tmp_path / "out"
    async with running_boxes(
        scenario, *("--broker", mosquitto.address, "--control", control, "--out", out)
    ) as process:
        await line_with(process, b"fault deep_sleep_modem_off begins: 1 car, 7 s (injection 0)")
        code, said = await drill("deep_slep_modem_off", "--for", "1s", "--control", control)
        assert (code, said.split(";")[0]) == (2, "fleet-sim: unknown fault 'deep_slep_modem_off'")
        code, said = await drill(
            *("regional_carrier_outage", "--for", "1s", "--control", control),
            *("--target", "ids=[car-00000, car-00002]"),
        )
        assert (code, said) == (
            0,
            f"regional_carrier_outage: injection 1 on 2 of {BOXES} boxes, for 1 s ({control})\n",
        )
        await line_with(process, b"fault regional_carrier_outage ends (injection 1)")
        process.send_signal(signal.SIGTERM)
        assert await exit_code_of(process) == 0
    assert not control.exists()
    began, *truth = lines(out / "ground_truth.jsonl")
    assert began["type"] == "began"
    assert [line["vehicles"] for line in truth if line["type"] == "injection"] == [
        ["car-00001"],
        ["car-00000", "car-00002"],
    ]
    hits = {(line["fault"], line["vehicle_id"]) for line in truth if line["type"] == "hit"}
    assert hits == {
        ("deep_sleep_modem_off", "car-00001"),
        ("regional_carrier_outage", "car-00000"),
        ("regional_carrier_outage", "car-00002"),
    }
