"""scripts/setup: where the interpreter of .venv comes from, and what is installed in it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

PYTHON = """\
#!/bin/sh
case "$2" in
venv)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    printf '#!/bin/sh\nexec %s -m pip "$@"\n' "$3/bin/python" >"$3/bin/pip"
    chmod +x "$3/bin/pip" ;;
pip)
    shift 2
    echo "$@" >>asked ;;
esac
"""
"""An interpreter of the right version, as far as it is asked; its environments have a pip.

The pip writes down what it is asked for.
"""


def write_python(directory: Path) -> Path:
    """Write a python3.13 into `directory`."""
    directory.mkdir(parents=True)
    python = directory / "python3.13"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("chosen", [None, ".venv/bin/python3.13"])
@pytest.mark.parametrize("spelt", ["{0}/.venv/bin", ".venv/bin", "{0}/link/bin"])
def test_the_interpreter_never_comes_from_the_venv_that_goes(
    tmp_path: Path, spelt: str, chosen: str | None
) -> None:
    """Whoever has .venv/bin first in PATH, or set as PYTHON, gets a new .venv all the same."""
    clone = tmp_path / "a clone"
    (clone / "scripts").mkdir(parents=True)
    script = shutil.copy(ROOT / "scripts" / "setup", clone / "scripts")
    write_python(clone / ".venv" / "bin")
    (clone / "link").symlink_to(".venv")
    python = write_python(tmp_path / "bin")
    path = f"{spelt.format(clone)}:{python.parent}:{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path} | ({"PYTHON": chosen} if chosen else {})
    run = subprocess.run([script], env=variables, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert f"making .venv with {python}\n" in run.stderr
    assert (clone / ".venv" / ".ready").exists()


def test_users_get_what_the_programs_need_and_developers_the_rest(tmp_path: Path) -> None:
    """Developers' packages come into the same .venv, when something asks for them."""
    (tmp_path / "clone" / "scripts").mkdir(parents=True)
    script = shutil.copy(ROOT / "scripts" / "setup", tmp_path / "clone" / "scripts")
    python = write_python(tmp_path / "bin")
    variables = {**os.environ, "PYTHON": str(python)}
    locks = []
    for words in ([], ["--developer"]):
        subprocess.run([script, *words], env=variables, check=True, capture_output=True)
        asked = (tmp_path / "clone" / "asked").read_text(encoding="utf-8").split()
        locks.append([word for word in asked if word.endswith(".lock")])
    users = ["requirements-user.lock", "requirements-build.lock"]
    assert locks == [users, [*users, "requirements.lock"]]
    assert "uninstall" in asked, "pip itself, which comes back on demand"
    assert (tmp_path / "clone" / ".venv" / ".developer").exists()
