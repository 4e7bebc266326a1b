"""The image, as far as it can be checked without a container engine."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.helpers.places import ROOT

PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("lock", ["requirements-run.lock", "requirements-user.lock"])
def test_programs_run_with_the_locked_versions(lock: str) -> None:
    """The image's lock and that of `make run` have what we need, at the versions of the tests."""
    everything = dict(PIN.findall((ROOT / "requirements.lock").read_text(encoding="utf-8")))
    run = dict(PIN.findall((ROOT / lock).read_text(encoding="utf-8")))
    assert run.items() <= everything.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {
        re.split(r"[\[<>=~ ;]", requirement)[0].lower().replace("_", "-").replace(".", "-")
        for requirement in project["dependencies"]
    }
    assert needed <= {name.replace(".", "-") for name in run}
    assert not {"pytest", "mypy", "ruff", "gmqtt"} & set(run)
