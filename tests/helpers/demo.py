"""Runs the services of docker-compose.yml in containers, in the order of their dependencies.

Commands, files, variables, ports and health checks are those of the file. All services are in one
network with a loopback interface alone, where each name leads to 127.0.0.1. The images of others
are replaced by Debian's packages; Grafana, of which Debian has none, is left out.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.helpers.compose import compose_services
from tests.helpers.containers import (
    Container,
    config_of,
    options_of,
    our_image,
    own_network,
    program_of,
    stand_in_image,
    working_container,
)
from tests.helpers.waiting import wait_for

ENTRYPOINTS: Final = {
    "mosquitto": ("mosquitto", "-c", "/mosquitto/config/mosquitto.conf"),
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager",),
}
"""What the images of others begin their command with."""
NOT_THERE: Final = "grafana"
HEALTHY_WITHIN_S: Final = 180.0


@dataclass
class Demo:
    """The services that run, and those that have ended by themselves."""

    directory: Path
    services: dict[str, Any] = field(default_factory=compose_services)
    containers: dict[str, Container] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, stack: ExitStack) -> None:
        """Start a service when those that it waits for are as it wants them."""
        if name in self.containers or name == NOT_THERE:
            return
        service = self.services[name]
        for other, wanted in service.get("depends_on", {}).items():
            self.start(other, stack)
            self._wait_for(other, wanted["condition"])
        is_ours = name not in ENTRYPOINTS
        image = our_image() if is_ours else stand_in_image()
        container = Container(
            name=stack.enter_context(working_container(image)),
            command=(*ENTRYPOINTS.get(name, ()), *(service.get("command") or ())),
            options=options_of(
                volumes=dict(self._volumes(service, is_ours=is_ours)),
                environment=service.get("environment") or {},
            ),
            log=self.directory / f"{name}.log",
        )
        self.containers[name] = container
        self.processes[name] = stack.enter_context(container.running())

    def is_healthy(self, name: str) -> bool:
        """Return whether the service's health check, or its image's, is content."""
        check = self.services[name].get("healthcheck", {}).get("test")
        check = check or config_of(our_image())["Healthcheck"]["Test"]
        assert check[0] == "CMD", check
        return self.containers[name].execute(*check[1:]).returncode == 0

    def stop(self, name: str) -> None:
        """Ask a service to end, as `docker compose stop` does."""
        os.kill(program_of(self.processes[name].pid), signal.SIGTERM)

    def logs(self) -> str:
        """Return the end of what each service has said."""
        return "\n".join(
            f"--- {name}\n{container.said()[-2_000:]}"
            for name, container in self.containers.items()
        )

    def _wait_for(self, name: str, condition: str) -> None:
        if name == NOT_THERE:
            return
        try:
            if condition == "service_completed_successfully":
                assert self.processes[name].wait(HEALTHY_WITHIN_S) == 0
            elif condition == "service_healthy":
                wait_for(lambda: self._is_up(name), HEALTHY_WITHIN_S)
        except (AssertionError, subprocess.TimeoutExpired):
            raise AssertionError(f"{name} is not {condition}\n{self.logs()}") from None

    def _is_up(self, name: str) -> bool:
        assert self.processes[name].poll() is None, f"{name} has ended"
        return self.is_healthy(name)

    def _volumes(self, service: dict[str, Any], *, is_ours: bool) -> Iterator[tuple[str, str]]:
        """Yield the places in the container, with ours; a named volume is a directory of ours."""
        yield "/etc/hosts:ro", str(self._hosts())
        for volume in service.get("volumes", ()):
            if volume["type"] == "bind":
                yield f"{volume['target']}:ro", volume["source"]
                continue
            place = self.directory / volume["source"]
            if not place.exists():
                place.mkdir()
                if is_ours:  # the engine takes over the owner of the image's directory
                    os.chown(place, int(config_of(our_image())["User"]), 0)
                else:
                    place.chmod(0o777)
            yield volume["target"], str(place)

    def _hosts(self) -> Path:
        path = self.directory / "hosts"
        path.write_text(f"127.0.0.1 localhost {' '.join(self.services)}\n", encoding="ascii")
        return path


@contextmanager
def running_demo(directory: Path) -> Iterator[Demo]:
    """Run all services until the block ends. Ports are the published ones, in a network apart."""
    our_image(), stand_in_image()
    demo = Demo(directory)
    with own_network(), ExitStack() as stack:
        for name in demo.services:
            demo.start(name, stack)
        yield demo
