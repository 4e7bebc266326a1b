"""docs/what-if.md tells the truth: what it types runs, and mitigation-keys.md names every key."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.helpers.own_commands import run_here
from tests.helpers.places import ROOT
from tests.helpers.reader import typed_lines


@pytest.mark.long
def test_what_the_page_types_runs_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the run with its incident to a mitigation of one's own, with the incident's id."""
    monkeypatch.chdir(tmp_path)
    for name in ("docs", "scenarios"):
        (tmp_path / name).symlink_to(ROOT / name)
    incident, lines = "", typed_lines(ROOT / "docs" / "what-if.md")
    assert len(lines) == 9
    for line in lines:
        program, *words = shlex.split(line.replace("INCIDENT", incident))
        few = ["2" if word == "8" else word for word in words]
        code, stdout, stderr = run_here(program.replace("-", "_"), *few)
        assert code == 0, f"{line}: {stdout}{stderr}"
        if words[:2] == ["incidents", "list"]:
            _, found, _ = run_here("platform_probe", *words, "--json")
            incident = json.loads(found)[0]["incident_id"]
        elif program == "fleet-sim" and words[0] == "what-if":  # the other one prints by itself
            best = "Ask customers" if "call_customers" in words else "Roll back the platform"
            told = stdout + stderr
            assert best in told or "No mitigation is better" in told
