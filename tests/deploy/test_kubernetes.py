"""The Kubernetes manifests: their parts fit together, and their commands are ours."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from tests.helpers.own_commands import accept
from tests.helpers.shipped import DEPLOY, yaml

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
