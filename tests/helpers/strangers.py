"""Programs of others, each installed once into a place of its own below `build/strangers`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.helpers.places import ROOT

HOME: Final = ROOT / "build" / "strangers"
"""Where each is installed once, in a place of its own, apart from the environment of the tests."""


def python_with(*requirements: str) -> Path:
    """Return a Python that has packages from PyPI, in an environment of its own."""
    place = HOME / "-".join(requirements).replace("==", "-")
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        _run(sys.executable, "-m", "venv", "--clear", str(place))
        _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
        (place / "ready").touch()
    return python


def program_of_npm(package: str) -> Path:
    """Return the program of an npm package that is called like it."""
    place = HOME / "npm" / package
    found = place / "node_modules" / ".bin" / package
    if not found.exists():
        place.mkdir(parents=True, exist_ok=True)
        _run("npm", "install", "--no-fund", "--no-audit", package, cwd=place)
    return found


def program_of_debian(package: str, program: str) -> Path:
    """Return a program of a Debian package, unpacked beside what is installed."""
    place = HOME / package
    found = place / "usr" / "bin" / program
    if not found.exists():
        place.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", package, cwd=place)
        (archive,) = place.glob("*.deb")
        _run("dpkg", "-x", str(archive), str(place))
    return found


HOME_ASSISTANT_PACKAGES: Final = (
    "homeassistant==2025.4.4",
    "home-assistant-frontend",
    "paho-mqtt==2.1.0",
)
"""What Home Assistant with MQTT is on PyPI. It needs Python 3.13."""


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd=cwd)
