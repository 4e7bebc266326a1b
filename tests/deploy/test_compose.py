"""docker-compose.yml, as far as it can be checked without a container engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.scenario.form import select
from fleet_sim.scenario.loading import load_scenario
from platform_probe.settings.monitor import load_settings
from tests.helpers.compose import compose_services, in_tree
from tests.helpers.places import ROOT
from tests.helpers.shipped import DEPLOY

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
