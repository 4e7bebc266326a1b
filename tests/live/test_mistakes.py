"""What a user's shell, terminal and disk do to our commands: plain lines, no traceback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

QUIET_CITY = str(ROOT / "scenarios" / "quiet_city.yaml")


def in_shell(command: str, directory: Path, **environment: str) -> tuple[int, str, str]:
    """Run a line of bash, `python` being ours; return exit code, stdout and stderr."""
    ended = subprocess.run(
        ["bash", "-c", f'python() {{ "{sys.executable}" "$@"; }}\n{command}'],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        timeout=300,
        check=False,
    )
    stdout, stderr = ended.stdout.decode(), ended.stderr.decode()
    assert "Traceback" not in stdout + stderr
    assert "Exception ignored" not in stderr
    return ended.returncode, stdout, stderr


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("fleet_sim faults", "fleet-sim"),
        ("platform_probe config", "platform-probe"),
        ("platform_probe --help", "platform-probe"),
    ],
)
def test_a_full_disk_behind_stdout(tmp_path: Path, command: str, program: str) -> None:
    """A line says what could not be written, and what to do."""
    said = "the output could not be written to stdout: No space left on device; send it to where"
    ended = in_shell(f"python -m {command} > /dev/full", tmp_path)
    assert ended == (2, "", f"{program}: {said} there is room: df -h shows that\n")


def test_a_reader_who_has_seen_enough(tmp_path: Path) -> None:
    """No word more."""
    code, stdout, stderr = in_shell("python -m fleet_sim faults | head -1", tmp_path)
    assert (code, len(stdout.splitlines()), stderr) == (0, 1, "")


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    """Not after all boxes have connected; nothing is left in `runs`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, stdout, stderr = in_shell(
            f"python -m fleet_sim run {QUIET_CITY} --listen 127.0.0.1:{port}", tmp_path
        )
    assert (code, stdout) == (2, "seed 7\n")
    assert f"port {port} on 127.0.0.1 is taken by another process" in stderr
    assert "--listen 127.0.0.1:0" in stderr
    assert not [*tmp_path.glob("runs/*")]


@pytest.mark.parametrize("program", ["fleet_sim check x.yaml", "platform_probe run --wait 0"])
def test_too_few_open_files(tmp_path: Path, program: str) -> None:
    """The limit and its cure."""
    code, _, stderr = in_shell(f"ulimit -n 12; python -m {program}", tmp_path)
    assert code == 2
    assert "may open 12 files" in stderr


@pytest.mark.parametrize("program", ["fleet_sim", "platform_probe"])
@pytest.mark.parametrize("module", ["click", "pydantic"])
def test_ctrl_c_while_it_still_imports(tmp_path: Path, program: str, module: str) -> None:
    """As at any other time: exit code 130, and nothing but perhaps a word."""
    (tmp_path / f"{module}.py").write_text("raise KeyboardInterrupt\n")
    code, _, stderr = in_shell(
        f"python -m {program} schema", tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}"
    )
    assert code == 130
    assert re.fullmatch(r"((fleet-sim|platform-probe): interrupted)?", stderr.strip())


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("faults", "\n\nmisspelt\n", ":3: NameError: name 'misspelt' is not defined"),
        ("faults", "x = (\n", ":1: SyntaxError: '(' was never closed"),
        (
            f"check {QUIET_CITY}",
            "import no_such_module\n",
            ":1: ModuleNotFoundError: No module named 'no_such_module'",
        ),
    ],
)
def test_a_fault_module_that_does_not_import(
    tmp_path: Path, command: str, text: str, said: str
) -> None:
    """Which file and line, in every command that needs the faults."""
    package = tmp_path / "fleet_sim"
    (package / "faults").mkdir(parents=True)
    for path in (ROOT / "fleet_sim").iterdir():
        if path.name != "faults":
            (package / path.name).symlink_to(path)
    for path in (ROOT / "fleet_sim" / "faults").glob("*.py"):
        (package / "faults" / path.name).symlink_to(path)
    mine = package / "faults" / "mine.py"
    mine.write_text(text)
    code, _, stderr = in_shell(
        f"python -m fleet_sim {command}", tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}"
    )
    assert (code, stderr) == (2, f"fleet-sim: {mine}{said}\n")
