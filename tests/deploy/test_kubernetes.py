"""The Kubernetes manifests: their parts fit together, and their commands are ours."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from platform_probe.running import drain_s
from platform_probe.settings import load_settings
from tests.helpers.own_commands import accept
from tests.helpers.pages import page
from tests.helpers.places import ROOT
from tests.helpers.shipped import DEPLOY, PROMETHEUS, recording_rules, yaml

KUBERNETES = DEPLOY / "kubernetes"


def container(name: str) -> dict[str, Any]:
    """Return the only container of a workload."""
    (only,) = yaml(KUBERNETES / name)["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = only
    return found


def test_kustomization_lists_what_is_there() -> None:
    """Every manifest is a resource, every file of the config map exists, the tag is the image's."""
    kustomization = yaml(KUBERNETES / "kustomization.yaml")
    manifests = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == manifests
    (generator,) = kustomization["configMapGenerator"]
    for entry in generator["files"]:
        key, _, path = entry.partition("=")
        assert (KUBERNETES / path).is_file(), entry
        assert path.endswith(key)


def test_the_tag_is_the_version() -> None:
    """Here and for compose: whoever builds by the line of the file gets the image it names."""
    tag = f"unlockpath:{version('unlockpath')}"
    (image,) = yaml(KUBERNETES / "kustomization.yaml")["images"]
    assert f"{image['name']}:{image['newTag']}" == tag
    for file in (KUBERNETES / "kustomization.yaml", ROOT / "docker-compose.yml"):
        named = re.findall(r"unlockpath:\d[\w.]*", file.read_text(encoding="utf-8"))
        assert {*named} == {tag}


def test_the_monitor_may_take_as_much_memory_as_under_systemd() -> None:
    """One number, which the page on operation has too: 1 GiB is systemd's 1G."""
    limit = container("probe.yaml")["resources"]["limits"]["memory"]
    unit = (DEPLOY / "systemd" / "platform-probe.service").read_text(encoding="utf-8")
    assert f"\nMemoryMax={limit.removesuffix('i')}\n" in unit
    number = limit.removesuffix("Gi")
    assert f"the limit of unit and pod is {number} GiB" in page("operate.md")


def words_of(only: dict[str, Any], directory: Path, **variables: str) -> list[str]:
    """Run a container's command with a stand-in for fleet-sim; return the words that it got."""
    program = directory / "fleet-sim"
    program.write_text("#!/bin/sh\nprintf '%s\\n' fleet-sim \"$@\"\n")
    program.chmod(0o755)
    values = {entry["name"]: entry["value"] for entry in only["env"] if "value" in entry}
    run = subprocess.run(
        only["command"],
        env={"PATH": f"{directory}:/usr/bin:/bin", **values, **variables},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return run.stdout.splitlines()


@pytest.mark.parametrize("index", [0, 1])
def test_each_pod_plays_a_shard_of_its_own(tmp_path: Path, index: int) -> None:
    """What a shell makes of the command is a command of ours: shard K/N of N pods."""
    boxes = yaml(KUBERNETES / "boxes.yaml")["spec"]
    words = words_of(container("boxes.yaml"), tmp_path, POD_INDEX=str(index))
    context = accept(words)
    assert context.params["shard"] == f"{index + 1}/{boxes['replicas']}"
    assert context.params["broker"] == "mqtt://mosquitto:1883"


def test_probe_reads_its_files_where_they_are_mounted() -> None:
    """The configuration names only files that the config map puts there; ports agree."""
    only = container("probe.yaml")
    context = accept(only["command"])
    mounted = {mount["mountPath"]: mount.get("subPath") for mount in only["volumeMounts"]}
    assert mounted[str(context.params["config"])] == "platform-probe.yaml"
    config = yaml(DEPLOY / "platform-probe.yaml")
    assert mounted[config["load"]["vehicles_file"]] == "platform-probe-vehicles.txt"
    assert config["out_dir"] in mounted
    assert config["listen"].endswith(f":{only['ports'][0]['containerPort']}")


def test_probe_has_time_to_drain() -> None:
    """Before it is killed, what it has started has ended, and the cars are locked."""
    pod = yaml(KUBERNETES / "probe.yaml")["spec"]["template"]["spec"]
    settings = load_settings(DEPLOY / "platform-probe.yaml")
    assert drain_s(settings.tracking) < pod["terminationGracePeriodSeconds"]


def service_variables(service: dict[str, Any]) -> dict[str, str]:
    """Return the variables that the kubelet gives every pod beside a Service."""
    prefix = service["metadata"]["name"].upper().replace("-", "_")
    host = "10.96.7.21"
    first = service["spec"]["ports"][0]
    url = f"tcp://{host}:{first['port']}"
    variables = {
        f"{prefix}_SERVICE_HOST": host,
        f"{prefix}_SERVICE_PORT": str(first["port"]),
        f"{prefix}_PORT": url,
    }
    for port in service["spec"]["ports"]:
        number = port["port"]
        variables[f"{prefix}_SERVICE_PORT_{port['name'].upper()}"] = str(number)
        variables[f"{prefix}_PORT_{number}_TCP"] = f"tcp://{host}:{number}"
        variables[f"{prefix}_PORT_{number}_TCP_PROTO"] = "tcp"
        variables[f"{prefix}_PORT_{number}_TCP_PORT"] = str(number)
        variables[f"{prefix}_PORT_{number}_TCP_ADDR"] = host
    return variables


def test_probe_starts_beside_its_own_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Service is named as the variables of our settings begin: it must not stop the pod."""
    variables = service_variables(yaml(KUBERNETES / "probe-service.yaml"))
    assert all(name.startswith("PLATFORM_PROBE_") for name in variables)
    own = {entry["name"]: entry["value"] for entry in container("probe.yaml")["env"]}
    for name, value in (variables | own).items():
        monkeypatch.setenv(name, value)
    settings = load_settings(DEPLOY / "platform-probe.yaml")
    assert settings.broker == own["PLATFORM_PROBE_BROKER"]
    assert settings.listen == yaml(DEPLOY / "platform-probe.yaml")["listen"]


def discovered(pods: list[dict[str, str]], directory: Path) -> list[dict[str, str]]:
    """Return the labels that Prometheus scrapes each of `pods` with; last, empty, who is dropped.

    `pods` are labels as its service discovery finds them, with those of Kubernetes.
    """
    (job,) = yaml(PROMETHEUS / "kubernetes.yml")["scrape_configs"]
    found = [{"targets": [pod.pop("__address__")], "labels": pod} for pod in pods]
    job = {**job, "kubernetes_sd_configs": [], "static_configs": found}
    config = directory / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [job]}))
    run = subprocess.run(
        ["promtool", "check", "service-discovery", "--timeout=5s", config, job["job_name"]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    labels = [entry["labels"] for entry in json.loads(run.stdout)]  # in any order
    return sorted(labels, key=len, reverse=True)


def pod_of_the_probe() -> dict[str, str]:
    """Return what Kubernetes tells of the probe's pod."""
    pod = yaml(KUBERNETES / "probe.yaml")["spec"]["template"]["metadata"]
    labels = {"__address__": "10.1.2.3:1234"}
    for kind in ("labels", "annotations"):
        for name, value in pod[kind].items():
            safe = re.sub(r"\W", "_", name)
            labels[f"__meta_kubernetes_pod_{kind.removesuffix('s')}_{safe}"] = value
    return labels


def job_of_the_rules() -> str:
    """Return the job whose absence is an alert."""
    (looked_for,) = {
        job
        for rule in recording_rules()
        for job in re.findall(r'up\{job="([\w-]+)"\}', rule["expr"])
    }
    return str(looked_for)


def job_by_service_monitor() -> str:
    """Return the job of the probe for the Prometheus Operator."""
    monitor = yaml(KUBERNETES / "prometheus-operator" / "service-monitor.yaml")["spec"]
    service = yaml(KUBERNETES / "probe-service.yaml")
    labels: dict[str, str] = service["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    return labels[monitor["jobLabel"]]


def test_the_job_has_one_name_where_it_is_named() -> None:
    """The rules look for it: under another name the alert ProbeDown would fire for ever."""
    static = [job["job_name"] for job in yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]]
    assert static == [job_of_the_rules(), "platform-console", "platform-api"]
    assert job_by_service_monitor() == job_of_the_rules()


@pytest.mark.prometheus
def test_the_probes_pod_alone_is_scraped_by_annotation(tmp_path: Path) -> None:
    """At the port that it names, as the job of the rules; a cluster runs more than this."""
    annotation = "__meta_kubernetes_pod_annotation_prometheus_io_scrape"
    shop = {
        "__address__": "10.1.2.4:80", annotation: "true", "__meta_kubernetes_pod_label_app": "shop",
    }  # fmt: skip
    probe, dropped = discovered([pod_of_the_probe(), shop], tmp_path)
    assert (probe["job"], probe["__address__"]) == (job_of_the_rules(), "10.1.2.3:9464")
    assert dropped == {}


@pytest.mark.prometheus
def test_promtool_accepts_the_scrape_job(tmp_path: Path) -> None:
    """The shipped Prometheus takes the file as it says."""
    config = tmp_path / "prometheus.yml"
    config.write_text(f"scrape_config_files: [{PROMETHEUS / 'kubernetes.yml'}]\n")
    run = subprocess.run(
        ["promtool", "check", "config", "--lint=all", "--lint-fatal", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
