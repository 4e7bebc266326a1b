"""docker-compose.yml, as far as it can be checked without a container engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.link import BrokerAddress
from platform_probe.load_settings import LoadSettings
from platform_probe.running import drain_s
from platform_probe.settings import load_settings
from tests.helpers.compose import compose_services, in_tree
from tests.helpers.own_commands import accept
from tests.helpers.places import ROOT
from tests.helpers.shipped import DEPLOY, PROMETHEUS, yaml

pytestmark = pytest.mark.compose


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Return the services, as docker-compose resolves them."""
    return compose_services()


def test_services_are_pinned_and_local(services: dict[str, Any]) -> None:
    """Every image has a version, every port is this machine's own, every restart is asked for."""
    assert set(services) == {
        "mosquitto", "boxes", "platform", "probe", "prometheus", "alertmanager", "grafana",
    }  # fmt: skip
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
        assert service["restart"] == "unless-stopped"
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", []))


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
                assert services[name]["healthcheck"]["test"]


def test_our_commands_are_accepted(services: dict[str, Any]) -> None:
    """Our own CLIs parse the commands, on files that are mounted where they say."""
    boxes = services["boxes"]
    context = accept(boxes["command"])
    scenario = in_tree(boxes, str(context.params["scenario"]))
    load_scenario(scenario)
    assert context.params["broker"] == "mqtt://mosquitto:1883"

    platform = services["platform"]
    context = accept(platform["command"])
    assert in_tree(platform, str(context.params["scenario"])) == scenario
    assert context.params["broker"] == "mqtt://mosquitto:1883"

    probe = services["probe"]
    context = accept(probe["command"])
    settings = load_settings(in_tree(probe, str(context.params["config"])))
    assert BrokerAddress.parse(settings.broker) == BrokerAddress.parse("mqtt://mosquitto:1883")
    assert (settings.listen_host, settings.listen_port) == ("0.0.0.0", 9464)  # noqa: S104
    assert settings.load is not None
    assert drain_s(settings.load) < float(probe["stop_grace_period"].removesuffix("m0s")) * 60
    assert settings.load.every_s
    assert settings.load.relock
    assert not settings.exit_when_done


def test_probe_opens_cars_that_the_boxes_play(services: dict[str, Any]) -> None:
    """Each car that the probe is to open is one of the scenario's; every region has some."""
    probe = services["probe"]
    settings = load_settings(in_tree(probe, "/etc/platform-probe.yaml"))
    assert settings.load is not None
    assert settings.load.vehicles_file is not None
    vehicles_file = in_tree(probe, str(settings.load.vehicles_file))
    chosen = settings.load.model_copy(update={"vehicles_file": vehicles_file}).vehicle_ids()
    specs = {
        spec.vehicle_id: spec
        for spec in load_scenario(ROOT / "scenarios" / "quiet_city.yaml").cars()
    }
    assert set(chosen) <= set(specs)
    assert {specs[vehicle_id].traits.region for vehicle_id in chosen} == {
        spec.traits.region for spec in specs.values()
    }


def test_no_command_outlives_its_customer() -> None:
    """The shipped monitor does not itself open cars whose customers have given up."""
    load = yaml(DEPLOY / "platform-probe.yaml")["load"]
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
    assert in_tree(alertmanager, url_file).parent == DEPLOY / "alertmanager" / "secrets"
