"""Programs of others, each installed once into a place of its own below `build/strangers`."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.helpers.places import ROOT

HOME: Final = ROOT / "build" / "strangers"
"""Where each is installed once, in a place of its own, apart from the environment of the tests."""


def python_with(*requirements: str) -> Path:
    """Return a Python that has packages from PyPI, in an environment of its own."""

    def install(place: Path) -> None:
        _run(sys.executable, "-m", "venv", str(place))
        _run(str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *requirements)

    return _place_with("-".join(requirements).replace("==", "-"), install) / "bin" / "python"


def program_of_npm(package: str) -> Path:
    """Return the program of an npm package that is called like it."""

    def install(place: Path) -> None:
        _run("npm", "install", "--no-fund", "--no-audit", package, cwd=place)

    return _place_with(f"npm-{package}", install) / "node_modules" / ".bin" / package


def program_of_debian(package: str, program: str) -> Path:
    """Return a program of a Debian package, unpacked beside what is installed."""

    def install(place: Path) -> None:
        _run("apt-get", "download", package, cwd=place)
        (archive,) = place.glob("*.deb")
        _run("dpkg", "-x", str(archive), str(place))

    return _place_with(package, install) / "usr" / "bin" / program


def _place_with(name: str, install: Callable[[Path], None]) -> Path:
    """Return a folder into which one process has installed, while all others waited."""
    place = HOME / name
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "ready").exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            install(place)
            (place / "ready").touch()
    return place


HOME_ASSISTANT_PACKAGES: Final = (
    "homeassistant==2025.4.4",
    "home-assistant-frontend",
    "paho-mqtt==2.1.0",
)
"""What Home Assistant with MQTT is on PyPI. It needs Python 3.13."""


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)
