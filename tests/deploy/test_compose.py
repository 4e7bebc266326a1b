"""docker-compose.yml, as far as it can be checked without a container engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.scenario.form import select
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.link import BrokerAddress
from platform_probe.service.running import drain_s
from platform_probe.settings.load import LoadSettings
from platform_probe.settings.monitor import load_settings
from tests.helpers.compose import compose_services, in_tree
from tests.helpers.own_commands import accept
from tests.helpers.places import ROOT
from tests.helpers.shipped import DEPLOY, PROMETHEUS, yaml

pytestmark = pytest.mark.compose

BUILDER = "console-token"
ONCE = {BUILDER, "welcome"}
"""Services that end by themselves."""
OURS = {*ONCE, "platform", "boxes", "probe", "slack"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services, as docker-compose resolves them."""
    return compose_services()


def test_services_are_pinned_and_local(services: dict[str, Any]) -> None:
    """Every image has a version, and every port is this machine's own."""
    assert set(services) == {
        *OURS, "mosquitto", "prometheus", "alertmanager", "grafana",
    }  # fmt: skip
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", []))


def test_one_service_builds_the_image(services: dict[str, Any]) -> None:
    """The others never pull it, and none starts before that one has ended."""
    assert [name for name, service in services.items() if "build" in service] == [BUILDER]
    for name in OURS - {BUILDER}:
        assert services[name]["image"] == services[BUILDER]["image"]
        assert services[name]["pull_policy"] == "never"
        assert BUILDER in set(_waits_for(services, name)), name


def _waits_for(services: dict[str, Any], name: str) -> Iterator[str]:
    for other in services[name].get("depends_on", {}):
        yield other
        yield from _waits_for(services, other)


def test_ports_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each published port has a variable; links name the console by the port that it then has."""
    variables = re.findall(r"\$\{(\w+_PORT):-(\d+)\}", (ROOT / "docker-compose.yml").read_text())
    for name, number in variables:
        monkeypatch.setenv(name, str(int(number) + 10_000))
    moved = compose_services()
    for service in moved.values():
        for port in service.get("ports", ()):
            assert int(port["published"]) >= 10_000, port
    url = moved["probe"]["environment"]["PLATFORM_PROBE_MESSAGES__CONSOLE_URL"]
    assert url == "http://localhost:19465"
    assert moved["welcome"]["environment"]["CONSOLE_PORT"] == "19465"


def test_what_is_mounted_exists(services: dict[str, Any]) -> None:
    """Each bind mount is a file or directory of this tree, and read-only."""
    for service in services.values():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume
                assert volume["read_only"], volume


def test_dependencies_can_become_healthy(services: dict[str, Any]) -> None:
    """Who waits for a healthy service waits for one that has a health check."""
    for service in services.values():
        for name, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                check = services[name].get("healthcheck", {})
                assert check.get("test") or (name in OURS and not check.get("disable")), name


def test_health_is_asked_where_each_service_listens(services: dict[str, Any]) -> None:
    """The check of the image asks the port that is published, or the one that it names itself."""
    for name in OURS:
        service = services[name]
        if service.get("healthcheck", {}).get("disable"):
            continue
        url = service.get("environment", {}).get("HEALTH_URL", "http://127.0.0.1:9464/readyz")
        port = int(url.split(":")[2].partition("/")[0])
        assert port in {entry["target"] for entry in service["ports"]}, name


def test_our_commands_are_accepted(services: dict[str, Any]) -> None:
    """Our own CLIs parse the commands, on files that are mounted where they say."""
    boxes = services["boxes"]
    context = accept(boxes["command"])
    scenario = in_tree(boxes, str(context.params["scenario"]))
    loaded = load_scenario(scenario)
    assert context.params["broker"] == "mqtt://mosquitto:1883"
    assert context.params["platform_url"] == "http://platform:8080"
    (fault,) = loaded.faults
    assert fault.window.start_s == 180, "as the comments and the welcome say"

    platform = services["platform"]
    context = accept(platform["command"])
    assert in_tree(platform, str(context.params["scenario"])) == scenario
    assert context.params["broker"] == "mqtt://mosquitto:1883"
    log_file = context.params["log_file"]

    probe = services["probe"]
    context = accept(probe["command"])
    settings = load_settings(in_tree(probe, str(context.params["config"])))
    assert BrokerAddress.parse(settings.broker) == BrokerAddress.parse("mqtt://mosquitto:1883")
    assert (settings.listen_host, settings.listen_port) == ("0.0.0.0", 9464)  # noqa: S104
    assert settings.platform is not None
    assert settings.platform.log_file == log_file
    assert settings.load is not None
    assert drain_s(settings.load) < float(probe["stop_grace_period"].removesuffix("m0s")) * 60
    assert settings.load.every_s
    assert settings.load.relock
    assert not settings.exit_when_done


def test_probe_opens_cars_that_nobody_rents(services: dict[str, Any]) -> None:
    """Its cars are the scenario's test cars; each operator has some."""
    probe = services["probe"]
    settings = load_settings(in_tree(probe, "/demo/platform-probe.yaml"))
    assert settings.load is not None
    assert settings.load.vehicles_file is not None
    vehicles_file = in_tree(probe, str(settings.load.vehicles_file))
    chosen = settings.load.model_copy(update={"vehicles_file": vehicles_file}).vehicle_ids()
    scenario = load_scenario(DEPLOY / "demo" / "city.yaml")
    assert scenario.customers is not None
    specs = {spec.vehicle_id: spec for spec in scenario.cars()}
    rented = {
        spec.vehicle_id for spec in select([*specs.values()], scenario.customers.targets, 1, "")
    }
    assert set(chosen) == set(specs) - rented
    assert {specs[vehicle_id].traits.operator for vehicle_id in chosen} == {
        spec.traits.operator for spec in specs.values()
    }


def test_messages_go_to_the_stand_in(services: dict[str, Any]) -> None:
    """Those of the monitor and those of Alertmanager, whose secrets are files."""
    settings = load_settings(in_tree(services["probe"], "/demo/platform-probe.yaml"))
    assert settings.messages is not None
    assert settings.messages.slack is not None
    address = services["slack"]["command"][-1]
    assert settings.messages.slack.api_url == f"http://slack:{address.partition(':')[2]}/api/"
    for name in ("slack_url", "webhook_url", "dead_man_url"):
        file = in_tree(services["alertmanager"], f"/etc/alertmanager/secrets/{name}")
        assert file.read_text(encoding="ascii").startswith("http://slack:9466/hooks/")


def test_no_command_outlives_its_customer() -> None:
    """The shipped monitor does not itself open cars whose customers have given up."""
    load = yaml(DEPLOY / "demo" / "platform-probe.yaml")["load"]
    settings = LoadSettings.model_validate({**load, "vehicles_file": None, "vehicles": ["car-1"]})
    assert settings.command_life_s <= settings.deadline_s


def test_scrape_targets_are_services(services: dict[str, Any]) -> None:
    """Prometheus looks for what it scrapes, and for Alertmanager, under names and ports here."""
    for job, service in (
        ("platform-probe", "probe"),
        ("platform-console", "probe"),
        ("platform-api", "platform"),
        ("alertmanager", "alertmanager"),
    ):
        text = (PROMETHEUS / "targets" / f"{job}.yml").read_text(encoding="utf-8")
        (host, port) = re.findall(r"targets: \[([\w-]+):(\d+)\]", text)[0]
        assert host == service
        assert int(port) in {entry["target"] for entry in services[service]["ports"]}


def test_prometheus_is_what_the_tests_run(services: dict[str, Any]) -> None:
    """The flags and paths of the containers are those of the configuration files."""
    prometheus, alertmanager = services["prometheus"], services["alertmanager"]
    assert "--enable-feature=exemplar-storage" in prometheus["command"]
    for service, flag in ((prometheus, "prometheus"), (alertmanager, "alertmanager")):
        config = f"/etc/{flag}/{flag}.yml"
        assert f"--config.file={config}" in service["command"]
        assert in_tree(service, config).is_file()
    receiver = yaml(DEPLOY / "alertmanager" / "alertmanager.yml")["receivers"][0]
    url_file = receiver["webhook_configs"][0]["url_file"]
    assert in_tree(alertmanager, url_file).parent == DEPLOY / "demo" / "secrets"
