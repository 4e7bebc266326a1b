"""The Kubernetes manifests as `kustomize build` makes them, and containers as the kubelet would."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.helpers.shipped import DEPLOY, output_of

KUBERNETES = DEPLOY / "kubernetes"
FLEETS = ("base", "million", "openshift", "staging")
"""Those with simulated cars."""
OWN = ("own-broker", "gke")
"""Those for a fleet that is there."""
BUILDS = (*FLEETS, *OWN, "sweeps")
"""The directories that are applied."""
PARTS = ("monitor", "several-probes", "storage", "prometheus-operator", "network-policy")
"""The directories that others build on."""
WORKLOADS = ("Deployment", "StatefulSet")

Manifest = dict[str, Any]


@cache
def built(name: str) -> tuple[Manifest, ...]:
    """Return what `kubectl apply -k` would apply of a directory."""
    return tuple(YAML(typ="safe").load_all(output_of("kustomize", "build", KUBERNETES / name)))


def built_with(directory: Path, name: str, *components: str) -> tuple[Manifest, ...]:
    """Return a directory with components, as a kustomization of a user's own puts them together."""
    listed = ", ".join(f"../{each}" for each in components)
    text = f"namespace: unlockpath\nresources: [../{name}]\ncomponents: [{listed}]\n"
    return built_from(directory, text)


def built_from(directory: Path, kustomization: str) -> tuple[Manifest, ...]:
    """Return what a user's own kustomization makes, in a directory beside ours."""
    shutil.copytree(KUBERNETES.parent, directory / "deploy", dirs_exist_ok=True)
    own = directory / "deploy" / "kubernetes" / "own"
    own.mkdir(exist_ok=True)
    (own / "kustomization.yaml").write_text(kustomization, encoding="utf-8")
    return built.__wrapped__(f"{own}")


def of_kind(name: str, *kinds: str) -> list[Manifest]:
    """Return all of some kinds."""
    return [manifest for manifest in built(name) if manifest["kind"] in kinds]


def one(name: str, kind: str, called: str) -> Manifest:
    """Return the one that is called so; a generated name may have its hash."""
    (found,) = (
        manifest
        for manifest in of_kind(name, kind)
        if re.fullmatch(rf"{called}(-[a-z0-9]{{10}})?", manifest["metadata"]["name"])
    )
    return found


def pod_of(workload: Manifest) -> Manifest:
    """Return the template of its pods."""
    template: Manifest = workload["spec"]["template"]
    return template


def container_of(workload: Manifest) -> Manifest:
    """Return the only container of its pods."""
    (only,) = pod_of(workload)["spec"]["containers"]
    found: Manifest = only
    return found


def bytes_of(quantity: str) -> float:
    """Return a quantity of memory in bytes."""
    number, unit = quantity[:-2], quantity[-2:]
    return float(number) * {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}[unit]


def service_variables(service: Manifest) -> dict[str, str]:
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


@dataclass(frozen=True, kw_only=True)
class Pod:
    """A pod of a workload, as the kubelet starts it; `fleet` is what its ConfigMap says else."""

    build: str
    kind: str
    workload: str
    name: str
    fleet: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """Return the container's variables, among them those of every Service there is."""
        only = container_of(one(self.build, self.kind, self.workload))
        variables: dict[str, str] = {}
        for service in of_kind(self.build, "Service"):
            variables |= service_variables(service)
        for source in only.get("envFrom", ()):
            variables |= self._config(source["configMapRef"]["name"])
        for entry in only.get("env", ()):
            variables[entry["name"]] = self._value(entry)
        return variables

    def command(self) -> list[str]:
        """Return the container's command, with the variables in it replaced."""
        variables = self.environment()
        only = container_of(one(self.build, self.kind, self.workload))
        return [
            re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], word)
            for word in only["command"]
        ]

    def _config(self, name: str) -> dict[str, str]:
        data = dict(one(self.build, "ConfigMap", re.escape(name))["data"])
        return {**data, **self.fleet} if name.startswith("fleet-") else data

    def _value(self, entry: Manifest) -> str:
        """Return a variable's value; that of a Secret is made up, the same for all pods."""
        if "value" in entry:
            return str(entry["value"])
        match entry["valueFrom"]:
            case {"configMapKeyRef": {"name": name, "key": key}}:
                return self._config(name)[key]
            case {"fieldRef": {"fieldPath": "metadata.name"}}:
                return self.name
            case {"secretKeyRef": {"name": name, "key": key}}:
                return f"{name}/{key}: made up"
        raise AssertionError(entry)


def pods_selected(name: str, labels: Mapping[str, str]) -> Iterator[Manifest]:
    """Yield the workloads whose pods have these labels."""
    for workload in of_kind(name, *WORKLOADS):
        if labels.items() <= pod_of(workload)["metadata"]["labels"].items():
            yield workload
