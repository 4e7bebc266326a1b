"""The units in deploy/systemd, and what pages of the docs do with them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from fleet_wire.contract.attempt import Attempt
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.signing import vehicle_key
from fleet_wire.links.link import BrokerAddress
from platform_probe.settings.car_files import read_keys
from platform_probe.settings.monitor import load_settings
from tests.helpers.brokers import running_mosquitto
from tests.helpers.own_commands import accept
from tests.helpers.pages import EXAMPLES, blocks, page
from tests.helpers.places import ROOT
from tests.helpers.sample_run import STARTED_AT, make_attempt, write_lines
from tests.helpers.shipped import DEPLOY, PROMETHEUS, yaml
from tests.helpers.stack import running
from tests.helpers.waiting import PATIENCE_S, wait_for

SYSTEMD = DEPLOY / "systemd"
DROP_INS = [SYSTEMD / "broker-password.conf", SYSTEMD / "vehicle-keys.conf"]
"""What gives the monitor a secret, each in a file of its own."""
UNITS = {path.name: path for path in sorted(SYSTEMD.glob("*.service"))}
PROGRAMS = "/opt/unlockpath/bin/"
WORST_EXPOSURE = "15"
"""Tenths, as `systemd-analyze security` counts: 0 is best, and a unit that says nothing has 96."""
LONGEST_STALL_S = 37
"""Seconds: docs/scale.md says when a monitor's event loop stood still for so long."""
CREDENTIALS = "%d/"
"""What systemd puts in place of the directory with a unit's credentials."""
GUIDE = "".join(map(page, ("operate.md", "stack.md", "look-up.md")))


class Unit:
    """The settings of a unit's service, those that come more than once as lists."""

    def __init__(self, path: Path) -> None:
        self.settings: dict[str, list[str]] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                self.settings.setdefault(name, []).append(value)

    @property
    def command(self) -> list[str]:
        """What it runs."""
        (command,) = self.settings["ExecStart"]
        return shlex.split(command)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its environment."""
        pairs = (variable.partition("=") for variable in self.settings["Environment"])
        return {name: value for name, _, value in pairs}

    @property
    def credentials(self) -> dict[str, str]:
        """Its secrets, by name, and the file of each."""
        pairs = (credential.partition(":") for credential in self.settings["LoadCredential"])
        return {name: path for name, _, path in pairs}


@pytest.mark.systemd
@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    """Beside the others, without a word of warning, and it may do little."""
    for program in ("platform-probe", "fleet-sim"):
        (tmp_path / program).touch(mode=0o755)
    for path in UNITS.values():
        text = path.read_text(encoding="utf-8").replace(PROGRAMS, f"{tmp_path}/")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    drop_ins = tmp_path / "platform-probe.service.d"
    drop_ins.mkdir()
    for path in DROP_INS:
        shutil.copy(path, drop_ins)
    verify = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True, check=False
    )
    assert (verify.returncode, verify.stderr) == (0, "")
    security = ["security", "--offline=true", "--no-pager", f"--threshold={WORST_EXPOSURE}"]
    subprocess.run(["systemd-analyze", *security, tmp_path / name], check=True)


def test_the_monitor_has_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its command is accepted, its file loads, and its secrets come from its credentials."""
    unit = Unit(UNITS["platform-probe.service"])
    params = accept([unit.command[0].removeprefix(PROGRAMS), *unit.command[1:]]).params
    (state,) = unit.settings["StateDirectory"]
    assert str(params["out"]) == f"/var/lib/{state}"
    file = SYSTEMD / Path(params["config"]).name
    settings = load_settings(file)
    assert (settings.brokers.first.username, settings.brokers.first.password) == (None, None)
    for drop_in in map(Unit, DROP_INS):
        for name, value in drop_in.environment.items():
            monkeypatch.setenv(name, value.replace(CREDENTIALS, f"{tmp_path}/"))
        for name in drop_in.credentials:
            (tmp_path / name).write_text(f"the {name}\n")
    monkeypatch.setenv("PLATFORM_PROBE_BROKER", "mqtt://probe@127.0.0.1")
    settings = load_settings(file)
    assert settings.brokers.first.password == "the broker.password"  # noqa: S105 - made up
    assert settings.vehicle_keys == tmp_path / "vehicle.keys"


def test_the_guide_makes_the_keys_of_cars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines write a file that the monitor reads, with the keys that the boxes have."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.secret").write_text("a secret\n")
    (tmp_path / "vehicles.txt").write_text("car-1\ncar-2\n")
    subprocess.run([sys.executable, EXAMPLES / "programs" / "make_vehicle_keys.py"], check=True)
    keys = read_keys(tmp_path / "vehicle.keys", ["car-1", "car-2"])
    assert keys == {car: vehicle_key("a secret", car) for car in ("car-1", "car-2")}


def test_systemd_notices_a_loop_that_stands_still() -> None:
    """Both services say when they are up, and give a sign of life until they end."""
    for name in ("platform-probe.service", "fleet-boxes.service"):
        settings = Unit(UNITS[name]).settings
        assert settings["Type"] == ["notify"]
        assert int(settings["WatchdogSec"][0]) > LONGEST_STALL_S
        assert settings["Restart"] == ["on-failure"], "an end by the watchdog is a failure"


@contextmanager
def told_systemd(directory: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """Listen where systemd would; yield the socket, and the variables of a unit."""
    path = directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(PATIENCE_S)
        yield listener, {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "60000"}


def test_the_monitor_is_up_without_a_broker(tmp_path: Path) -> None:
    """It waits for one as long as it takes, and systemd sees that its loop turns."""
    command = [sys.executable, "-m", "platform_probe", "run", "--broker", "mqtt://127.0.0.1:1"]
    command += ["--listen", "127.0.0.1:0", "--out", str(tmp_path / "records")]
    with (
        told_systemd(tmp_path) as (listener, variables),
        running(command, tmp_path / "log", environment=variables) as process,
    ):
        assert [listener.recv(100) for _ in range(3)] == [b"READY=1", *[b"WATCHDOG=1"] * 2]
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
        assert b"STOPPING=1" in iter(partial(listener.recv, 100), b"")


@pytest.mark.broker
def test_boxes_are_up_when_they_are_connected(tmp_path: Path) -> None:
    """Units that start after this one find the cars; its log, which a thread writes, says so."""
    scenario = ROOT / "scenarios" / "quiet_city.yaml"
    command = [sys.executable, "-m", "fleet_sim", "boxes", str(scenario), "--set=fleet.count=2"]
    with (
        running_mosquitto() as broker,
        told_systemd(tmp_path) as (listener, variables),
        running(
            [*command, "--broker", str(broker.address)], tmp_path / "log", environment=variables
        ),
    ):
        assert [listener.recv(100) for _ in range(2)] == [b"READY=1", b"WATCHDOG=1"]
        wait_for(lambda: "serving" in (tmp_path / "log").read_text(encoding="utf-8"))


def test_the_boxes_have_what_they_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Broker and secret come by variables that the command knows."""
    unit = Unit(UNITS["fleet-boxes.service"])
    for name, value in unit.environment.items():
        monkeypatch.setenv(name, value)
    params = accept([unit.command[0].removeprefix(PROGRAMS), *unit.command[1:]]).params
    assert BrokerAddress.parse(params["broker"]).port == 1883
    (secret,) = unit.credentials
    assert str(params["fleet_secret_file"]) == f"{CREDENTIALS}{secret}"


def test_prometheus_finds_everything_on_this_machine() -> None:
    """Each file of targets that the configuration names is there, with ports that are right."""
    named = set(re.findall(r"targets/[\w-]+\.yml", (PROMETHEUS / "prometheus.yml").read_text()))
    assert named == {f"targets/{path.name}" for path in (SYSTEMD / "targets").iterdir()}
    listen = load_settings(SYSTEMD / "platform-probe.yaml").listen
    assert f'["{listen}"]' in (SYSTEMD / "targets" / "platform-probe.yml").read_text()


def test_grafana_finds_prometheus_and_the_dashboards_on_this_machine() -> None:
    """What the guide replaces is there, and the dashboards go where they are looked for."""
    provisioning = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml(provisioning / "datasources" / "prometheus.yml")["datasources"]
    assert f"sed -i 's#{source['url']}#http://127.0.0.1:9090#' /etc/grafana" in GUIDE
    (provider,) = yaml(provisioning / "dashboards" / "unlockpath.yml")["providers"]
    home = provider["options"]["path"].removesuffix("dashboards")
    assert f"cp -r deploy/grafana/dashboards {home}\n" in GUIDE


@pytest.mark.jq
def test_the_guide_looks_up_an_unlock_by_car_and_time(tmp_path: Path) -> None:
    """Of its car and its half hour alone, in the file in use and in one put aside, with UTC."""
    (line,) = (line for line in GUIDE.splitlines() if line.startswith("jq "))
    begin_s = datetime(2026, 11, 25, 17, tzinfo=UTC).timestamp()
    unlocks = [("centre-00017", at_s) for at_s in (-0.5, 0.0, 62.75, 1_800.0)]
    records = [
        make_attempt(number, at_s=begin_s - STARTED_AT + at_s, vehicle_id=car, cause=Cause.BOX_BUSY)
        for number, (car, at_s) in enumerate([*unlocks, ("centre-00018", 60.0)])
    ]
    write_lines(tmp_path / "attempts.jsonl.1", records[:2])
    write_lines(tmp_path / "attempts.jsonl", records[2:])
    command = line.replace("/var/lib/platform-probe", str(tmp_path))
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    found = {unlock["at"]: unlock for unlock in map(json.loads, run.stdout.splitlines())}
    assert {*found} == {"2026-11-25T17:00:00Z", "2026-11-25T17:01:02Z"}
    latest = found["2026-11-25T17:01:02Z"]
    assert (latest["outcome"], latest["cause"]) == ("refused", "box_busy")
    assert latest["trace_id"] == records[2].trace_id
    assert latest.keys() - {"at"} <= {*Attempt.__struct_fields__}


def test_what_the_guide_installs_is_there() -> None:
    """Sources are files of the project, and the places those that the files name."""
    lines = [line for block in blocks(GUIDE, "bash") for line in block.splitlines()]
    sources = {word for line in lines for word in line.split() if word.startswith("deploy/")}
    assert len(sources) >= 8
    assert all((ROOT / source).exists() for source in sources)
    secrets = re.findall(r"_file: (/\S+)/", (DEPLOY / "alertmanager/alertmanager.yml").read_text())
    assert secrets
    assert any(line.endswith(f" {place}") for place in {*secrets} for line in lines)
    for unit in map(Unit, [*DROP_INS, UNITS["fleet-boxes.service"]]):
        for path in unit.credentials.values():
            assert f"| `{Path(path).name}` |" in GUIDE
