"""Builds images and runs containers without a registry or a container engine: buildah, as root.

The base of our image is Debian made by debootstrap. The images of others (broker, Prometheus,
Alertmanager) are Debian with Debian's packages. Containers run in a chroot, all in one network of
their own, so that ports are the real ones.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.helpers.places import ROOT
from tests.helpers.stack import ended_afterwards
from tests.helpers.waiting import PATIENCE_S

BASE: Final = "localhost/unlockpath-base:trixie"
STAND_IN: Final = "localhost/unlockpath-stand-in:trixie"
_FILES: Final = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
LIMITS: Final = ("--ulimit", "nproc=90000:90000", "--ulimit", f"nofile={_FILES}:{_FILES}")
"""Not more than this process may have itself."""
CHROOT: Final = ("--isolation", "chroot", "--network", "host")
MIRROR: Final = "http://deb.debian.org/debian"
PACKAGES: Final = (
    "mosquitto",
    "mosquitto-clients",
    "prometheus",
    "prometheus-alertmanager",
    "wget",
)
NOT_IN_SLIM: Final = (
    "usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache/apt/archives",
    "var/lib/apt/lists",
)  # fmt: skip
"""Directories that Debian's own images for containers leave out."""
STOP_S: Final = 90.0
"""A service that is told to end gets so long."""
_CLONE_NEWNET: Final = 0x40000000


def buildah(*arguments: str | Path, timeout_s: float = 1_500.0) -> str:
    """Run buildah; return what it prints. Fails with what it complains of."""
    run = subprocess.run(
        ["buildah", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=timeout_s,
    )  # fmt: skip
    assert run.returncode == 0, (
        f"buildah {arguments[0]}: {run.stdout[-2_000:]}{run.stderr[-3_000:]}"
    )
    return run.stdout


def has_image(name: str) -> bool:
    """Return whether the local storage has an image."""
    run = subprocess.run(
        ["buildah", "inspect", "--type", "image", name], capture_output=True, check=False
    )
    return run.returncode == 0


@cache
def base_image() -> str:
    """Make the base of our image, unless an earlier run has; return its name."""
    if not has_image(BASE):
        with tempfile.TemporaryDirectory() as directory, working_container("scratch") as container:
            root = Path(directory) / "root"
            wanted = "--include=python3,python3-venv,ca-certificates"
            command = ["debootstrap", "--variant=minbase", wanted, "trixie", str(root), MIRROR]
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stdout[-3_000:]
            for each in NOT_IN_SLIM:
                shutil.rmtree(root / each)
            (root / "usr" / "bin" / "python").symlink_to("python3")
            buildah("add", "--quiet", container, root, "/")
            buildah("commit", "--quiet", container, BASE)
    return BASE


@cache
def stand_in_image() -> str:
    """Make the image that stands in for those of others; return its name."""
    if not has_image(STAND_IN):
        install = (
            "printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d;"
            " chmod 755 /usr/sbin/policy-rc.d; apt-get update -qq && DEBIAN_FRONTEND=noninteractive"
            f" apt-get install -y -qq --no-install-recommends {' '.join(PACKAGES)}"
        )
        with working_container(base_image()) as container:
            buildah("run", *CHROOT, *of_this_machine(), container, "sh", "-c", install)
            buildah("commit", "--quiet", container, STAND_IN)
    return STAND_IN


@cache
def our_image() -> str:
    """Build the Dockerfile on that base; return the image's name."""
    name = "localhost/unlockpath:tested"
    how = (*CHROOT, *LIMITS, "--pull-never", "--format", "docker", *of_this_machine())
    buildah("bud", *how, "--build-arg", f"BASE={base_image()}", "--tag", name, ROOT)
    return name


def of_this_machine() -> Iterator[str]:
    """Yield the options that let a build reach the packages as this machine reaches them."""
    places = ("/etc/resolv.conf", "/etc/pip.conf", "/etc/ssl/certs", "/etc/xdg/pip", "/opt/wheels")
    for place in filter(os.path.exists, places):
        yield from ("--volume", f"{place}:{place}:ro")
    for name, value in os.environ.items():
        if name.startswith(("PIP_", "SSL_CERT_")) or name.lower().endswith("_proxy"):
            yield from ("--env", f"{name}={value}")


@contextmanager
def working_container(image: str) -> Iterator[str]:
    """Make a container of an image, and remove it when the block ends."""
    container = buildah("from", *LIMITS, "--pull-never", image).strip()
    try:
        yield container
    finally:
        buildah("rm", container)


def config_of(image: str) -> dict[str, Any]:
    """Return what an image says of itself: user, command, labels, health check."""
    config: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))["Docker"][
        "config"
    ]
    return config


def size_of(image: str) -> float:
    """Return the bytes of an image, unpacked."""
    listed = json.loads(buildah("images", "--json", image))
    number, unit = listed[0]["size"].split()
    return float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit]


@contextmanager
def own_network() -> Iterator[None]:
    """Give this thread, and what it starts, a network with nothing but a loopback interface."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            libc.setns(descriptor, _CLONE_NEWNET)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, kw_only=True)
class Container:
    """A container of a service, as docker-compose would run it."""

    name: str
    command: Sequence[str]
    options: Sequence[str]
    """Of `buildah run`: volumes, variables, and the user."""
    log: Path

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run it in the background; ask it to end afterwards."""
        with self.log.open("wb") as output:
            process = subprocess.Popen(
                self._line(self.command), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            with ended_afterwards(process, within_s=STOP_S):
                yield process

    def said(self) -> str:
        """Return what it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the one that runs, as `docker compose exec` does."""
        return subprocess.run(
            self._line(command), capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )

    def _line(self, command: Sequence[str]) -> list[str]:
        return ["buildah", "run", *CHROOT, "--no-hosts", *self.options, self.name, "--", *command]


def program_of(process: int) -> int:
    """Return the process of what `buildah run` runs: the first one that is not buildah."""
    while "buildah" in Path(f"/proc/{process}/cmdline").read_text(encoding="utf-8"):
        lists = Path(f"/proc/{process}/task").glob("*/children")
        (process,) = (int(child) for each in lists for child in each.read_text().split())
    return process


def options_of(
    *, volumes: Mapping[str, str], environment: Mapping[str, str], user: str = ""
) -> list[str]:
    """Return the options of `buildah run`; `volumes` are places here, by the container's."""
    options = [part for place, here in volumes.items() for part in ("--volume", f"{here}:{place}")]
    options += [
        part for name, value in environment.items() for part in ("--env", f"{name}={value}")
    ]
    return [*options, "--user", user] if user else options
