"""docs/api.md and docs/api-answers.md tell the truth: what they type runs and is answered so."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet_sim.broker.process import BrokerProcess, free_port
from tests.helpers.commands import finish, start
from tests.helpers.pages import blocks, page
from tests.helpers.places import ROOT

PAGE = page("api.md")
ANSWERS = page("api-answers.md")
SHOWN_BY_CURL = 3
"""Answers that the page shows, in the order of the commands that get them."""


def page_lines() -> list[str]:
    """Return what a reader types, in order."""
    return [line for block in blocks(PAGE, "bash") for line in block.splitlines() if line]


@contextmanager
def started(line: str, directory: Path) -> Iterator[None]:
    """Run a command of the page beside the others, from when it serves to the end of the block."""
    program, *words = line.split()
    with start(program.replace("-", "_"), *words, cwd=directory) as process:
        try:
            assert process.stdout is not None
            assert any(said.startswith("serving") for said in process.stdout)
            yield
        finally:
            process.terminate()
            code, _, stderr = finish(process)
    assert code == 0, stderr


def typed(lines: list[str], directory: Path) -> list[str]:
    """Type the lines into one shell; return what each of them prints."""
    mark = "---- next ----"
    script = "".join(f"{line}\necho; echo '{mark}'\n" for line in lines)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [part.strip() for part in done.stdout.split(mark)]


def shape(value: Any) -> Any:
    """Return what stays the same from run to run: names, and the types of what they hold."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return type(value).__name__


@pytest.mark.broker
def test_the_page_is_what_happens(mosquitto: BrokerProcess, tmp_path: Path) -> None:
    """Boxes, platform, and each request as it stands on the page."""
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    port = free_port()
    lines = [
        line.replace("mqtt://localhost:1883", str(mosquitto.address)).replace(
            "127.0.0.1:8080", f"127.0.0.1:{port}"
        )
        for line in page_lines()
    ]
    services = [line for line in lines if line.startswith("fleet-sim")]
    with ExitStack() as stack:
        for line in services:
            listen = (
                f" --listen 127.0.0.1:{port}" if " platform " in line else " --set fleet.count=20"
            )
            stack.enter_context(started(line + listen, tmp_path))
        requests = [line for line in lines if line not in services]
        printed = typed(requests, tmp_path)
    answers = [
        json.loads(said)
        for line, said in zip(requests, printed, strict=False)
        if line.startswith("curl") and said.startswith("{")
    ]
    shown = [json.loads(block) for block in blocks(PAGE, "json")]
    assert len(shown) == SHOWN_BY_CURL
    booking, opened, asked, locked, *refused = answers
    assert booking["state"] == "running"
    assert shape(opened) == shape(shown[0])
    assert (opened["state"], asked["is_final"], locked["state"]) == ("executed", False, "executed")
    for answer, said in zip(refused, shown[1:], strict=True):
        assert {**answer, "trace_id": None} == {**said, "trace_id": None}
    assert 'problem="booking-of-another"} 1.0' in printed[len(requests) - 1]
