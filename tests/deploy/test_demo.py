"""The image, built, and each service of docker-compose.yml in a container of it: the demo at work.

Root builds with buildah, without a registry. The demo goes on while these tests look at it: people
rent cars, after three minutes an operator fails, and Prometheus, Slack and the console tell of it.
"""

from __future__ import annotations

import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from functools import partial

import pytest

from tests.helpers.containers import (
    CHROOT,
    buildah,
    config_of,
    our_image,
    size_of,
    working_container,
)
from tests.helpers.demo import ENTRYPOINTS, NOT_THERE, Demo, running_demo
from tests.helpers.places import ROOT
from tests.helpers.stack import Api
from tests.helpers.waiting import wait_for

pytestmark = [
    pytest.mark.images,
    pytest.mark.compose,
    pytest.mark.skipif(os.geteuid() != 0, reason="buildah's chroot needs root"),
]

MOST_MB = 350
OUTAGE_S = 180.0
PATIENCE_S = 300.0
"""For what comes after the outage has begun, on a busy machine."""


def test_the_image_is_small_and_says_what_is_in_it() -> None:
    """It runs as no root, has a health check, and its bill of materials is what is installed."""
    config = config_of(our_image())
    assert size_of(our_image()) < MOST_MB * 1e6
    assert config["User"] == "10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
    assert labels["title"] == "unlockpath"
    assert f"unlockpath:{labels['version']}" in (ROOT / "docker-compose.yml").read_text()
    with working_container(our_image()) as container:
        bill = json.loads(_said(container, "cat", "/opt/unlockpath/sbom.cdx.json"))
        listed = {(each["name"], each["version"]) for each in bill["components"]}
        found = json.loads(_said(container, "python", "-c", INSTALLED))
        assert listed | {("unlockpath", labels["version"])} == {(name, at) for name, at in found}
        assert not {"pip", "hatchling", "pytest"} & {name for name, _ in listed}


INSTALLED = """
import json, re
from importlib.metadata import distributions
name = lambda each: re.sub("[-_.]+", "-", each.metadata["Name"]).lower()
print(json.dumps([(name(each), each.version) for each in distributions()]))
"""


def test_a_scenario_runs_in_the_image() -> None:
    """Where nothing is mounted; the exit code says that all it expects holds."""
    with working_container(our_image()) as container:
        said = _said(
            container, *("fleet-sim", "run", "/scenarios/quiet_city.yaml", "--mode", "virtual")
        )
        assert "report.html" in said
        assert "scheduler" in _said(container, "dask", "--help"), "for the sweeps on Kubernetes"


def _said(container: str, *command: str) -> str:
    return buildah("run", *CHROOT, container, "--", *command)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Run the demo while the tests of this module look at it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


def page(port: int, path: str, *, token: str | None = None) -> str:
    """Return a page of a service."""
    headers = {"Accept": "*/*"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - of our own
        text: str = answer.read().decode()
    return text


def test_every_service_runs(demo: Demo) -> None:
    """Those that serve are healthy, those that end have ended well, and one prints the token."""
    assert set(demo.containers) == set(demo.services) - {NOT_THERE}
    for name, service in demo.services.items():
        if name == NOT_THERE:
            continue
        if service["restart"] == "no":
            assert demo.processes[name].wait(60) == 0, demo.containers[name].said()
        else:
            assert demo.processes[name].poll() is None, demo.containers[name].said()
            is_asked = not service.get("healthcheck", {}).get("disable")
            assert demo.is_healthy(name) or not is_asked, demo.logs()
    said = demo.containers["welcome"].said()
    assert "http://localhost:9465   token: " in said
    assert token_of(demo) in said


def token_of(demo: Demo) -> str:
    """Return the console's token, as the demo has made it."""
    return (demo.directory / "data" / "console" / "demo.token").read_text().strip()


def test_nobody_is_root(demo: Demo) -> None:
    """Our services write to their volume as the image's user."""
    for path in (demo.directory / "data").rglob("*"):
        assert path.stat().st_uid == 10001, path
    assert ENTRYPOINTS.keys().isdisjoint({"probe", "boxes", "platform"})


def test_customers_open_cars(demo: Demo) -> None:
    """The monitor sees them from the press of the button, and opens test cars beside them.

    Prometheus scrapes the monitor, its console and the platform.
    """
    prometheus = Api(9090)
    wait_for(partial(prometheus.numbers, "count(up == 1) == 3"))
    for source, least in (("customer", 10), ("probe", 3)):
        opened = f'sum(unlockpath_unlocks_total{{source="{source}",outcome="ok"}}) >= {least}'
        wait_for(partial(prometheus.numbers, opened))
    assert '"requested"' in (demo.directory / "data" / "platform.jsonl").read_text()


@pytest.mark.usefixtures("demo")
def test_an_operator_fails_and_everybody_is_told() -> None:
    """After three minutes, without a hand: Slack has the incident, and Alertmanager's alert."""
    prometheus = Api(9090)
    firing = 'ALERTS{alertstate="firing",alertname=~"OperatorFails|RegionFails"}'
    wait_for(lambda: prometheus.numbers(firing), OUTAGE_S + PATIENCE_S)
    wait_for(lambda: "Alertmanager</b>" in page(9466, "/"), PATIENCE_S)
    shown = page(9466, "/")
    assert "unlockpath</b>" in shown
    assert "operator-b" in shown.lower()
    assert "Watchdog" not in shown, "it goes to a place of its own"
    (runbook, *_) = re.findall(r"http://localhost:9464(/runbook/\w+\.md)", shown)
    assert "What to do" in page(9464, runbook)


def test_the_console_shows_the_incident(demo: Demo) -> None:
    """To who has the token, and to nobody else."""
    with pytest.raises(urllib.error.HTTPError, match="401"):
        page(9465, "/incidents", token="another")  # noqa: S106 - of nobody
    token = token_of(demo)
    wait_for(lambda: "perator-b" in page(9465, "/incidents", token=token), PATIENCE_S)
    for path in ("/oncall", "/support", "/fleet", "/qa", "/mobile", "/cto"):
        assert "Traceback" not in page(9465, path, token=token), path


def test_another_fault_is_one_command(demo: Demo) -> None:
    """As the welcome says it; every car of the place is struck."""
    words = next(
        line.split() for line in demo.containers["welcome"].said().splitlines() if "inject" in line
    )
    done = demo.containers["boxes"].execute(*words[words.index("fleet-sim") :])
    assert done.returncode == 0, done.stderr
    assert "no_coverage_garage: injection 1 on 220 of 1,000 boxes" in done.stdout


def test_services_end_well(demo: Demo) -> None:
    """Told to end, the monitor finishes what is under way; it comes last, for it ends the demo."""
    for name in ("probe", "boxes", "platform"):
        demo.stop(name)
        assert demo.processes[name].wait(90) == 0, demo.containers[name].said()[-2_000:]
        assert "Traceback" not in demo.containers[name].said()
