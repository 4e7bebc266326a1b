"""The Kubernetes manifests: they are what Kubernetes takes, fit together, and run our commands."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from fleet_sim.runs.live.fleet import GOODBYE_S
from fleet_sim.runs.live.workers import END_S
from fleet_sim.scenario.loading import load_scenario
from fleet_wire.links.brokers import Brokers, broker_of
from fleet_wire.profiles.loading import load_profile
from fleet_wire.web.server import STOP_WITHIN_S
from platform_probe.service.running import drain_s
from platform_probe.settings.car_files import read_cars
from platform_probe.settings.monitor import ProbeSettings, load_settings
from platform_probe.store.bucket import GOOGLE
from tests.helpers.manifests import (
    BUILDS,
    FLEETS,
    KUBERNETES,
    PARTS,
    WORKLOADS,
    Manifest,
    Pod,
    built,
    built_from,
    built_with,
    bytes_of,
    container_of,
    of_kind,
    one,
    pod_of,
    pods_selected,
)
from tests.helpers.own_commands import accept
from tests.helpers.pages import EXAMPLES, page
from tests.helpers.places import ROOT
from tests.helpers.shipped import PROMETHEUS, output_of, recording_rules, yaml

pytestmark = pytest.mark.kustomize

VERSIONS = tuple(f"1.{minor}" for minor in range(29, 35))
"""The first stands in base/kustomization.yaml."""
OWN_KINDS = {
    "ServiceMonitor", "PrometheusRule", "PodMonitoring", "ManagedCertificate", "BackendConfig",
}  # fmt: skip
"""Of operators: Kubernetes itself has no schema for them."""
COMPONENTS = ("storage", "prometheus-operator", "network-policy")

every_version = pytest.mark.parametrize(
    "kubernetes",
    [
        pytest.param(each, marks=[pytest.mark.long] * (each not in (VERSIONS[0], VERSIONS[-1])))
        for each in VERSIONS
    ],
)
"""A field that the first and the last one know is known to those between."""
every_build = pytest.mark.parametrize("name", BUILDS)
every_fleet = pytest.mark.parametrize("name", FLEETS)


@every_build
@every_version
def test_kubernetes_takes_them(name: str, kubernetes: str) -> None:
    """Every version that we name: no field is unknown."""
    assert f"Kubernetes {VERSIONS[0]} or later" in (
        KUBERNETES / "base/kustomization.yaml"
    ).read_text(encoding="utf-8")
    _check(built(name), kubernetes)


@pytest.mark.parametrize("name", ["base", "own-broker"])
def test_kubernetes_takes_components(name: str, tmp_path: Path) -> None:
    """Those that a user adds, all at once."""
    manifests = built_with(tmp_path, name, *COMPONENTS)
    for kubernetes in (VERSIONS[0], VERSIONS[-1]):
        _check(manifests, kubernetes)
    kinds = Counter(manifest["kind"] for manifest in manifests)
    assert kinds["ServiceMonitor"] == 3
    assert kinds["PrometheusRule"] == kinds["PersistentVolumeClaim"] == 1
    assert kinds["NetworkPolicy"] >= 5


def test_kubernetes_takes_the_example_of_the_docs(tmp_path: Path) -> None:
    """It names the image for every pod."""
    example = EXAMPLES / "kubernetes" / "kustomization.yaml"
    manifests = built_from(tmp_path, example.read_text(encoding="utf-8"))
    _check(manifests, VERSIONS[-1])
    images = re.findall(r"'image': '([^']+)'", str(manifests))
    assert {*images} == {"registry.example/unlockpath:0.2.0"}


def _check(manifests: Iterable[Manifest], kubernetes: str) -> None:
    for manifest in manifests:
        assert manifest["metadata"]["namespace"] == "unlockpath"
        if manifest["kind"] not in OWN_KINDS:
            kubernetes_validate.validate(manifest, kubernetes, strict=True)


def test_every_file_is_part_of_a_build() -> None:
    """What nobody lists nobody applies."""
    listed = set()
    for file in KUBERNETES.glob("*/kustomization.yaml"):
        kustomization = yaml(file)
        listed.add(file)
        listed |= {file.parent / each for each in kustomization.get("resources", ())}
        listed |= {file.parent / each["path"] for each in kustomization.get("patches", ())
                   if "path" in each}  # fmt: skip
        for generator in kustomization.get("configMapGenerator", ()):
            listed |= {file.parent / each.rpartition("=")[2] for each in generator.get("files", ())}
    assert {path for path in KUBERNETES.rglob("*") if path.is_file()} <= listed
    assert {file.parent.name for file in KUBERNETES.glob("*/kustomization.yaml")} == {
        *BUILDS, *PARTS,
    }  # fmt: skip


def test_storage_outlives_the_pod(tmp_path: Path) -> None:
    """Records and store are on the claim, which is larger than the store may become."""
    manifests = built_with(tmp_path, "own-broker", "storage")
    (claim,) = (each for each in manifests if each["kind"] == "PersistentVolumeClaim")
    (monitor,) = (each for each in manifests if each["kind"] == "Deployment")
    (data,) = (each for each in pod_of(monitor)["spec"]["volumes"] if each["name"] == "data")
    assert data == {
        "name": "data",
        "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]},
    }
    assert pod_of(monitor)["spec"]["securityContext"]["fsGroup"] == 0
    variables = {each["name"]: each.get("value") for each in container_of(monitor)["env"]}
    assert variables["PLATFORM_PROBE_STORE__DIRECTORY"].startswith("/data/")
    size = bytes_of(claim["spec"]["resources"]["requests"]["storage"])
    assert float(variables["PLATFORM_PROBE_STORE__MAX_GIB"]) * 2**30 < size


def test_ones_own_broker_is_reached_by_tls_with_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The monitor takes what the Secret and the profile give it, and no car's secret."""
    monitor = one("own-broker", "Deployment", "platform-probe")
    only, spec = container_of(monitor), pod_of(monitor)["spec"]
    places = {mount["mountPath"]: mount["name"] for mount in only["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    (secret,) = (each["secret"] for each in volumes.values() if "secret" in each)
    for item in secret["items"]:
        (tmp_path / item["path"]).write_text(f"the {item['key']}\n", encoding="utf-8")
    profile = one("own-broker", "ConfigMap", "profile")["data"]["profile.yaml"]
    (tmp_path / "profile.yaml").write_text(profile, encoding="utf-8")
    for entry in only["env"]:
        value = entry.get("value", "mqtts://monitor@mqtt.example:8883")
        for place in places:
            value = value.replace(f"{place}/", f"{tmp_path}/")
        monkeypatch.setenv(entry["name"], value)
    settings = load_settings(KUBERNETES / "monitor" / "platform-probe.yaml")
    assert settings.brokers.is_tls
    assert settings.brokers.first.password == "the password"  # noqa: S105 - made up
    assert settings.tls.ca_file == tmp_path / "ca.crt"
    assert load_profile(settings.profile).name
    assert settings.load is not None
    assert not settings.load.unlocks, "it opens no car"


def test_a_cluster_of_google_brings_sign_in_and_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console believes the load balancer alone; the pod's account, without a key, may write."""
    place = one("gke", "ConfigMap", "place")["data"]
    deployment = one("gke", "Deployment", "platform-probe")
    monitor = container_of(deployment)
    for entry in monitor["env"]:
        if "CONSOLE" in entry["name"] or "STORE" in entry["name"]:
            monkeypatch.setenv(entry["name"], entry.get("value", place["BUCKET"]))
    settings = load_settings(KUBERNETES / "monitor" / "platform-probe.yaml")
    assert settings.console is not None
    assert settings.console.proxy is not None
    policy = one("gke", "NetworkPolicy", "load-balancer")["spec"]["ingress"][0]["from"]
    assert {each["ipBlock"]["cidr"] for each in policy} == {
        *map(str, settings.console.proxy.trusted)
    }
    assert one("gke", "ManagedCertificate", "console")["spec"]["domains"] == [place["HOST"]]
    assert one("gke", "Ingress", "console")["spec"]["rules"][0]["host"] == place["HOST"]
    (service,) = of_kind("gke", "Service")
    backend = service["metadata"]["annotations"]["cloud.google.com/backend-config"]
    assert '"console": "console"' in backend
    assert settings.store is not None
    assert settings.store.s3 is not None
    assert (settings.store.s3.bucket, settings.store.s3.endpoint) == (place["BUCKET"], GOOGLE)
    assert settings.store.s3.key_file is None
    account = one("gke", "ServiceAccount", "platform-probe")["metadata"]
    assert pod_of(deployment)["spec"]["serviceAccountName"] == account["name"]
    assert account["annotations"]["iam.gke.io/gcp-service-account"] == place["ACCOUNT"]
    assert monitor["resources"]["limits"] == monitor["resources"]["requests"], "as Autopilot has it"


def test_what_is_scraped_is_there(tmp_path: Path) -> None:
    """Each endpoint of a ServiceMonitor is a port of a Service that it selects."""
    manifests = built_with(tmp_path, "base", "prometheus-operator")
    services = [each for each in manifests if each["kind"] == "Service"]
    jobs = set()
    for monitor in (each for each in manifests if each["kind"] == "ServiceMonitor"):
        labels = monitor["spec"]["selector"]["matchLabels"]
        (service,) = (
            each for each in services if labels.items() <= each["metadata"]["labels"].items()
        )
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        replaced = [each["replacement"] for each in endpoint.get("relabelings", ())]
        jobs |= {*replaced} or {service["metadata"]["labels"]["app"]}
    named = re.findall(r"job_name: ([\w-]+)", (PROMETHEUS / "prometheus.yml").read_text())
    assert jobs == {*named}


@every_fleet
def test_pods_of_a_kind_are_spread(name: str) -> None:
    """Over zones and nodes; a cluster with one of either takes them all the same."""
    for workload in of_kind(name, *WORKLOADS):
        if (workload["spec"].get("replicas") or 2) == 1:
            continue
        labels = pod_of(workload)["metadata"]["labels"]
        spread = pod_of(workload)["spec"]["topologySpreadConstraints"]
        assert [each["topologyKey"] for each in spread] == [
            "topology.kubernetes.io/zone", "kubernetes.io/hostname",
        ]  # fmt: skip
        for each in spread:
            assert each["labelSelector"]["matchLabels"].items() <= labels.items()
            assert each["whenUnsatisfiable"] == "ScheduleAnyway"


def test_no_pod_obeys_a_secret_that_everybody_knows() -> None:
    """Without the Secret a pod with the fleet's secret does not start."""
    texts = [path.read_text(encoding="utf-8") for path in KUBERNETES.rglob("*.yaml")]
    assert any("fleet-secret" in text for text in texts)
    assert not any("optional: true" in text for text in texts)


def test_the_tag_is_the_version() -> None:
    """Here and for compose: whoever builds by the line of the file gets the image it names."""
    tag = f"unlockpath:{version('unlockpath')}"
    file = (KUBERNETES / "base/kustomization.yaml", ROOT / "docker-compose.yml")
    for text in (each.read_text(encoding="utf-8") for each in file):
        assert {*re.findall(r"unlockpath:\d[\w.]*", text)} == {tag}


@every_fleet
def test_all_are_told_one_list_and_one_number(name: str) -> None:
    """As many shards as pods play boxes; as many brokers as there are, by names that exist."""
    fleet = one(name, "ConfigMap", "fleet")["data"]
    assert int(fleet["SHARDS"]) == one(name, "StatefulSet", "boxes")["spec"]["replicas"]
    listed = {(each.host, each.port) for each in Brokers.parse(fleet["BROKERS"]).addresses}
    for broker in [each for each in of_kind(name, "StatefulSet") if "boxes" not in str(each)]:
        service = one(name, "Service", broker["spec"]["serviceName"])
        assert service["spec"]["clusterIP"] == "None"
        called, domain = broker["metadata"]["name"], service["metadata"]["name"]
        port = service["spec"]["ports"][0]["port"]
        there = {(f"{called}-{n}.{domain}", port) for n in range(broker["spec"]["replicas"])}
        assert there == listed


@every_fleet
def test_commands_are_ours(name: str) -> None:
    """With what the kubelet puts in and around them; scenarios are those of the image."""
    told: dict[str, dict[str, Any]] = {}
    for workload in of_kind(name, *WORKLOADS):
        if "command" not in container_of(workload):
            continue
        called = workload["metadata"]["name"]
        pod = Pod(build=name, kind=workload["kind"], workload=called, name="a-1", fleet={})
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in pod.environment().items():
                patch.setenv(variable, value)
            told[called] = accept(pod.command()).params
    boxes, platform = told["boxes"], told["platform"]
    fleet = one(name, "ConfigMap", "fleet")["data"]
    assert boxes["shard"] == f"pod/{fleet['SHARDS']}"
    assert (ROOT / str(boxes["scenario"]).lstrip("/")).is_file()
    assert boxes["broker"] == fleet["BROKERS"]
    for key in ("scenario", "overrides", "broker"):
        assert platform[key] == boxes[key], "the platform knows the cars that are played"


@every_build
def test_nobody_is_root_nor_can_write_to_the_image(name: str) -> None:
    """As "restricted" pods have to be; of mosquitto's image alone the user must be named."""
    for workload in of_kind(name, *WORKLOADS):
        spec = pod_of(workload)["spec"]
        only = container_of(workload)
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert only["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        is_ours = only["image"].startswith("unlockpath")
        assert ("runAsUser" in spec["securityContext"]) is not (is_ours or name == "openshift")


@every_fleet
def test_everybody_has_time_to_end(name: str) -> None:
    """Before it is killed a pod has done what its command does when it is told to end."""
    allowed_s = {
        workload["metadata"]["name"]: pod_of(workload)["spec"].get(
            "terminationGracePeriodSeconds", 30
        )
        for workload in of_kind(name, *WORKLOADS)
    }
    assert allowed_s["boxes"] > END_S + 2 * GOODBYE_S
    assert allowed_s["platform"] > STOP_WITHIN_S + GOODBYE_S
    settings = load_settings(KUBERNETES / "base" / "platform-probe.yaml")
    for monitor in {"platform-probe", "platform-probe-opener"} & allowed_s.keys():
        assert drain_s(settings.tracking) < allowed_s[monitor]


def test_the_page_adds_up_what_a_million_costs() -> None:
    """A row for each workload: pods, memory and cores of one, and of all."""
    text, whole = page("scale-reference.md"), [0, 0.0, 0.0]
    for workload in of_kind("million", *WORKLOADS):
        requests = container_of(workload)["resources"]["requests"]
        pods = workload["spec"].get("replicas") or 2  # as many as the autoscaler begins with
        gib = bytes_of(requests["memory"]) / 2**30
        cores = float(requests["cpu"].removesuffix("m")) / 1_000
        row = f"| `{workload['metadata']['name']}` | {pods} | {gib * 1024:,.0f} MiB | {cores:g} |"
        assert row in text, row
        whole = [whole[0] + pods, whole[1] + pods * gib, whole[2] + pods * cores]
    row = f"| in all | {whole[0]} | {whole[1]:.1f} GiB | {whole[2]:.1f} |"
    assert row in text, row


@every_build
def test_what_selects_pods_finds_some(name: str) -> None:
    """Services, with the ports that they name, budgets and the autoscaler."""
    for service in of_kind(name, "Service"):
        (workload,) = pods_selected(name, service["spec"]["selector"])
        ports = {port["name"] for port in container_of(workload)["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for budget in of_kind(name, "PodDisruptionBudget"):
        assert [*pods_selected(name, budget["spec"]["selector"]["matchLabels"])]
        assert budget["spec"]["maxUnavailable"] == 1, "a node can always be emptied"
    for scaler in of_kind(name, "HorizontalPodAutoscaler"):
        target = one(name, scaler["spec"]["scaleTargetRef"]["kind"], scaler["metadata"]["name"])
        assert target["spec"].get("replicas") is None, "to apply again must not undo what it did"
        assert "cpu" in container_of(target)["resources"]["requests"]


def config_of(build: str, monitor: Manifest) -> dict[str, Any]:
    """Return the configuration of a monitor, from the config map that is mounted where it looks."""
    only, spec = container_of(monitor), pod_of(monitor)["spec"]
    path = str(accept(only["command"]).params["config"])
    (mount,) = (each for each in only["volumeMounts"] if each["mountPath"] == path)
    (volume,) = (each for each in spec["volumes"] if each["name"] == mount["name"])
    data = one(build, "ConfigMap", re.escape(volume["configMap"]["name"]))["data"]
    config: dict[str, Any] = YAML(typ="safe").load(data[mount["subPath"]])
    return config


def monitors_of(build: str) -> list[Manifest]:
    """Return the workloads of monitors."""
    workloads = of_kind(build, *WORKLOADS)
    return [each for each in workloads if each["metadata"]["name"].startswith("platform-probe")]


@every_fleet
def test_monitors_have_what_their_configuration_names(name: str) -> None:
    """Files from config maps, a volume to write to, ports; a console a Service, and nobody else."""
    assert monitors_of(name)
    for monitor in monitors_of(name):
        only, config = container_of(monitor), config_of(name, monitor)
        mounted = {mount["mountPath"]: mount.get("subPath") for mount in only["volumeMounts"]}
        if "load" in config:
            assert mounted[config["load"]["vehicles_file"]] == "vehicles.txt"
        assert mounted[config["out_dir"]] is None
        assert {"name": "TMPDIR", "value": config["out_dir"]} in only["env"]
        listens = {"metrics": config["listen"]}
        if "console" in config:
            tokens = Path(config["console"]["tokens_file"])
            assert mounted[f"{tokens.parent}"] is None, "the kubelet renews a directory alone"
            assert tokens.name in one(name, "ConfigMap", "console-tokens")["data"]
            listens["console"] = config["console"]["listen"]
        ports = {port["name"]: f"0.0.0.0:{port['containerPort']}" for port in only["ports"]}
        assert ports == listens
        (service,) = (
            each
            for each in of_kind(name, "Service")
            if [*pods_selected(name, each["spec"]["selector"])] == [monitor]
        )
        assert {port["targetPort"] for port in service["spec"]["ports"]} == listens.keys()


@every_fleet
def test_nobody_is_ended_for_a_turn_that_comes_late(name: str) -> None:
    """Longer than the longest that was seen, each question may take a while."""
    (longest_s,) = re.findall(r"stood still for up to (\d+) s", page("scale.md"))
    for workload in of_kind(name, *WORKLOADS):
        asked = container_of(workload).get("livenessProbe")
        if asked is None:
            assert workload["metadata"]["name"] == "boxes", "nobody can ask these"
            continue
        failures, period_s = asked.get("failureThreshold", 3), asked.get("periodSeconds", 10)
        assert asked["timeoutSeconds"] == 5
        assert (failures - 1) * period_s > int(longest_s)


def settings_of(build: str, pod: str, file: str) -> ProbeSettings:
    """Return the settings of a pod of a monitor, of its variables and its file."""
    workload = pod.rpartition("-")[0]
    monitor = Pod(build=build, kind="Deployment", workload=workload, name=pod, fleet={})
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in monitor.environment().items():
            patch.setenv(variable, value)
        return load_settings(KUBERNETES / file)


def test_monitors_share_the_customers() -> None:
    """Each has a client id of its own, and the group of all; who opens cars counts no customers."""
    first, second, opener = (
        settings_of("million", pod, f"several-probes/{file}.yaml")
        for pod, file in (
            ("platform-probe-a", "watching"),
            ("platform-probe-b", "watching"),
            ("platform-probe-opener-c", "opening"),
        )
    )
    assert len({settings.client_id for settings in (first, second, opener)}) == 3
    assert (first.watch_group, second.watch_group) == ("monitors", "monitors")
    assert (first.load, second.load, opener.watch) == (None, None, False)
    assert opener.load is not None


def test_the_opened_cars_are_there() -> None:
    """A million are played, and those are among them; some at each broker."""
    boxes = Pod(build="million", kind="StatefulSet", workload="boxes", name="boxes-1", fleet={})
    overrides = [
        word.removeprefix("--set=") for word in boxes.command() if word.startswith("--set=")
    ]
    fleet = load_scenario(ROOT / boxes.environment()["SCENARIO"].lstrip("/"), overrides).fleet
    assert fleet.count == 1_000_000
    cars = read_cars(KUBERNETES / "million/vehicles.txt")
    assert len(cars) == 250
    assert all(any(group.has(car) for group in fleet.groups) for car in cars)
    brokers = len(Brokers.parse(boxes.environment()["FLEET_SIM_BROKER"]).addresses)
    assert len({broker_of(car, brokers) for car in cars}) == brokers


def job_of_the_rules() -> str:
    """Return the job whose absence is an alert."""
    (looked_for,) = {
        job
        for rule in recording_rules()
        for job in re.findall(r'up\{job="([\w-]+)"\}', rule["expr"])
    }
    return str(looked_for)


def test_the_job_has_one_name_where_it_is_named() -> None:
    """The rules look for it: under another name the alert ProbeDown would fire for ever."""
    static = [job["job_name"] for job in yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"]]
    assert static == [job_of_the_rules(), "platform-console", "platform-api"]


@pytest.mark.prometheus
def test_pods_of_ours_are_scraped_by_annotation(tmp_path: Path) -> None:
    """Each at the port that it names, as the job of the rules; a cluster runs more than this."""
    meta = "__meta_kubernetes_pod"
    shop = {f"{meta}_annotation_prometheus_io_scrape": "true", f"{meta}_label_app": "shop"}
    pods = [shop]
    for workload in of_kind("million", *WORKLOADS):
        told = pod_of(workload)["metadata"]
        pods.append({
            "_".join((meta, kind, re.sub(r"\W", "_", name))): value
            for kind in ("label", "annotation")
            for name, value in told.get(f"{kind}s", {}).items()
        })  # fmt: skip
    (job,) = yaml(PROMETHEUS / "kubernetes.yml")["scrape_configs"]
    job["kubernetes_sd_configs"] = []
    job["static_configs"] = [
        {"targets": [f"10.1.2.{number}:1234"], "labels": pod} for number, pod in enumerate(pods)
    ]
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [job]}))
    check = ("check", "service-discovery", "--timeout=5s", config, job["job_name"])
    said = output_of("promtool", *check)
    found = [entry["labels"] for entry in json.loads(said)]
    scraped = sorted((each["job"], each["__address__"].partition(":")[2]) for each in found if each)
    ours = job_of_the_rules()
    assert scraped == [("platform-api", "8080"), (ours, "9464"), (ours, "9464")]
