"""Wheel and sdist, installed without the repository: what pages show runs in an empty directory.

The packages that ours needs come from the environment of the tests: to install them again would
say nothing about ours. In a bare Debian pip installs all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.helpers.containers import (
    CHROOT,
    base_image,
    buildah,
    of_this_machine,
    working_container,
)
from tests.helpers.places import ROOT

pytestmark = pytest.mark.long

NOBODY = 65534
BRIEFLY = ("--set", "fleet.count=20", "--set", "load.stages.0.duration_s=2", "--set", "expect={}")
PACKAGES = ("fleet_sim", "fleet_wire", "platform_probe")
LICENCES = ("LICENSE", "fleet_sim/pages/plotly/LICENSE", "tests/axe/LICENSE")


class Installed:
    """An environment that has our wheel, and a directory in which nothing is."""

    def __init__(self, root: Path, wheel: Path) -> None:
        self._bin = root / "env" / "bin"
        self.directory = root / "empty"
        self.directory.mkdir()
        self.directory.chmod(0o777)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "env"], check=True)
        packages = Path(sysconfig.get_path("purelib", vars={"base": str(root / "env")}))
        others = packages / "others.pth"
        others.write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        pip("--python", self._bin / "python", "install", "--force-reinstall", wheel)

    def run(self, program: str, *words: str) -> tuple[int, str]:
        """Run one of the programs as somebody without rights; return exit code and output."""
        path = f"{self._bin}:{os.environ['PATH']}"
        variables = {"PATH": path, "HOME": str(self.directory), "COLUMNS": "200"}
        as_root = os.getuid() == 0
        ended = subprocess.run(
            [self._bin / program, *words],
            cwd=self.directory,
            env=variables,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            user=NOBODY if as_root else None,
            group=NOBODY if as_root else None,
            extra_groups=() if as_root else None,
        )
        return ended.returncode, ended.stdout


def pip(*words: str | Path) -> None:
    """Run pip without a network, on one of our distributions alone."""
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", *words, *options], check=True)


@pytest.fixture(scope="module")
def distributions() -> Iterator[Path]:
    """Build both, in a directory that everybody may read."""
    directory = Path(mkdtemp(prefix="unlockpath-package-"))
    directory.chmod(0o755)
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(directory)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> Installed:
    """Install the wheel."""
    (wheel,) = distributions.glob("*.whl")
    return Installed(distributions, wheel)


def test_what_the_pages_show_runs(wheel: Installed) -> None:
    """In virtual time, from a run to its diagnosis, and a start of somebody's own."""
    assert "first_rentals" in wheel.run("fleet-sim", "scenarios")[1]
    assert "examples/unlocks" in wheel.run("platform-probe", "board", "list")[1]
    for line in (
        "fleet-sim run ack_lost_executed --mode virtual --out runs/answers",
        "platform-probe diagnose operator-b-00012 --run runs/answers",
        "fleet-sim run scenarios/underground_garage.yaml --mode virtual --seed 7",
        "fleet-sim init my-fleet --scenario quiet_city",
        "fleet-sim check my-fleet/quiet_city.yaml",
        "platform-probe config --config my-fleet/deploy/systemd/platform-probe.yaml",
    ):
        code, output = wheel.run(*line.split())
        assert code == 0, f"{line}\n{output}"


@pytest.mark.parametrize("broker", ["iotcore", pytest.param("mosquitto", marks=pytest.mark.broker)])
def test_cars_open_without_root(wheel: Installed, broker: str) -> None:
    """On the broker that comes with the packages, and on one of the system."""
    code, output = wheel.run("fleet-sim", "run", "quiet_city", "--private-broker", broker, *BRIEFLY)
    assert code == 0, output
    assert f"{broker} on mqtt://" in output
    assert "(100 %)" in output


@pytest.mark.images
@pytest.mark.skipif(os.geteuid() != 0, reason="buildah's chroot needs root")
@pytest.mark.parametrize("kind", ["whl", "tar.gz"])
def test_a_bare_debian_needs_one_file_alone(distributions: Path, kind: str) -> None:
    """One command installs it there, one opens cars, and what README shows runs."""
    (file,) = distributions.glob(f"*.{kind}")
    install = f"python3 -m venv /cars && /cars/bin/pip install --quiet /{file.name}"
    opens = "mkdir /empty && cd /empty && PATH=/cars/bin:$PATH && fleet-sim run first_rentals"
    garage = "fleet-sim run scenarios/underground_garage.yaml --mode virtual --out runs/garage"
    asks = "platform-probe diagnose garage-00037 --run runs/garage"
    with working_container(base_image()) as container:
        buildah("copy", "--quiet", container, file, "/")
        buildah("run", *CHROOT, *of_this_machine(), container, "sh", "-c", install)
        shown = f"{opens} && {garage} && {asks}"
        said = buildah("run", *CHROOT, container, "sh", "-c", shown)
    assert "iotcore on mqtt://" in said
    assert said.count("expectations hold") == 2
    assert "What to say" in said


def test_the_sdist_makes_the_same_wheel(distributions: Path, tmp_path: Path) -> None:
    """Whoever builds it anew gets the same files, those that ship with the programs included."""
    (sdist,) = distributions.glob("*.tar.gz")
    pip("wheel", "--wheel-dir", tmp_path, sdist)
    ours, anew = (next(place.glob("*.whl")) for place in (distributions, tmp_path))
    with zipfile.ZipFile(ours) as first, zipfile.ZipFile(anew) as second:
        assert first.namelist() == second.namelist()


def test_each_distribution_has_every_licence(distributions: Path) -> None:
    """Those of others' work too. The wheel lacks the tests, but has the licence of their tool."""
    (wheel,) = distributions.glob("*.whl")
    (sdist,) = distributions.glob("*.tar.gz")
    places = [ROOT, *(ROOT / name for name in (*PACKAGES, "bench", "deploy", "docs", "tests"))]
    found = {
        path for place in places for path in place.glob("**/LICENSE*" if place != ROOT else "L*")
    }
    assert {path.relative_to(ROOT).as_posix() for path in found} == set(LICENCES)
    with zipfile.ZipFile(wheel) as archive:
        wheel_names = archive.namelist()
    with tarfile.open(sdist) as packed:
        sdist_names = packed.getnames()
    for licence in LICENCES:
        assert any(name.endswith(f".dist-info/licenses/{licence}") for name in wheel_names)
        assert f"{sdist.name.removesuffix('.tar.gz')}/{licence}" in sdist_names
