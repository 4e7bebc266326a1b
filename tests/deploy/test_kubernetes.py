"""The Kubernetes manifests: their parts fit together, and their commands are ours."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from platform_probe.service import drain_s
from platform_probe.settings import load_settings
from tests.helpers.own_commands import accept
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


@pytest.mark.parametrize("index", [0, 1])
def test_each_pod_plays_a_shard_of_its_own(index: int) -> None:
    """The shell's words, once its variables have values, are a command of ours: K/N of N pods."""
    boxes = yaml(KUBERNETES / "boxes.yaml")["spec"]
    only = container("boxes.yaml")
    values = {entry["name"]: entry.get("value") for entry in only["env"]}
    assert values["SHARDS"] == str(boxes["replicas"])
    shell, flag, script = only["command"]
    assert (shell, flag) == ("sh", "-c")
    script = script.replace("$((POD_INDEX + 1))", str(index + 1))
    script = re.sub(r"\$(\w+)", lambda name: values[name[1]], script)
    context = accept(shlex.split(script)[1:])
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


def relabelled(labels: dict[str, str], rules: list[dict[str, Any]]) -> dict[str, str] | None:
    """Return what Prometheus makes of a target's labels; None where it drops the target."""
    labels = dict(labels)
    for rule in rules:
        value = ";".join(labels.get(name, "") for name in rule["source_labels"])
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        if rule.get("action", "replace") == "keep":
            if match is None:
                return None
        elif match is not None:
            replacement = rule.get("replacement", "$1").replace("$", "\\")
            labels[rule["target_label"]] = match.expand(replacement)
    return labels


def job_by_annotation() -> tuple[str, str]:
    """Return job and address of the probe's pod for a Prometheus that goes by annotations."""
    (config,) = yaml(PROMETHEUS / "kubernetes.yml")["scrape_configs"]
    pod = yaml(KUBERNETES / "probe.yaml")["spec"]["template"]["metadata"]
    labels = {"job": config["job_name"], "__address__": "10.1.2.3:1234"}
    for kind in ("labels", "annotations"):
        for name, value in pod[kind].items():
            safe = re.sub(r"\W", "_", name)
            labels[f"__meta_kubernetes_pod_{kind.removesuffix('s')}_{safe}"] = value
    found = relabelled(labels, config["relabel_configs"])
    assert found is not None
    return found["job"], found["__address__"]


def job_by_service_monitor() -> str:
    """Return the job of the probe for the Prometheus Operator."""
    monitor = yaml(KUBERNETES / "prometheus-operator" / "service-monitor.yaml")["spec"]
    service = yaml(KUBERNETES / "probe-service.yaml")
    labels: dict[str, str] = service["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    return labels[monitor["jobLabel"]]


def test_the_job_has_one_name_however_it_is_scraped() -> None:
    """The rules look for it: under another name the alert ProbeDown would fire for ever."""
    (looked_for,) = {
        job
        for rule in recording_rules()
        for job in re.findall(r'up\{job="([\w-]+)"\}', rule["expr"])
    }
    (static,) = yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]
    assert static["job_name"] == looked_for
    assert job_by_annotation() == (looked_for, "10.1.2.3:9464")
    assert job_by_service_monitor() == looked_for


def test_pods_of_others_are_not_scraped() -> None:
    """A cluster runs more than this, also with annotations."""
    (config,) = yaml(PROMETHEUS / "kubernetes.yml")["scrape_configs"]
    labels = {
        "__address__": "10.1.2.3:80",
        "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
        "__meta_kubernetes_pod_label_app": "shop",
    }
    assert relabelled(labels, config["relabel_configs"]) is None


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
